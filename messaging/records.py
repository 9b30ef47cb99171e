"""Merged records of a chat: rows as they were when they were forwarded. The message shows the first few of them."""

from collections.abc import Sequence
from typing import Any

from messaging import access, cards, contents, personas, quotes
from messaging.errors import NotForThis
from messaging.log import Place
from messaging.models import SAID, ChatRecord, HiddenMessage, Message
from superapp.accounts import selectors as accounts
from superapp.core.api.fields import rfc3339
from superapp.core.errors import NotFound
from superapp.media import services as media

Json = dict[str, Any]
MOST_ROWS = 100
PREVIEWED = 4


def rows_of(*, actor_id: int, conversation_id: int, seqs: Sequence[int]) -> list[Message]:
    """Those of the rows that the actor may send on, in the order of the log. Three statements. Raises ``NotFound``, and
    ``NotForThis`` when there are none."""
    window = access.window(conversation_id=conversation_id, user_id=actor_id)
    wanted = [seq for seq in seqs if seq in window]
    hidden = set(
        HiddenMessage.objects.filter(conversation_id=conversation_id, user_id=actor_id, seq__in=wanted).values_list(
            "seq", flat=True
        )
    )
    rows = Message.objects.filter(conversation_id=conversation_id, seq__in=set(wanted) - hidden, recalled_at=None)
    found = [row for row in rows.filter(kind__in=SAID).order_by("seq") if _may_go_on(row)]
    if not found:
        raise NotForThis
    return found


def _may_go_on(row: Message) -> bool:
    return row.kind != Message.Kind.CARD or cards.may_forward(row)


def entries_of(rows: Sequence[Message]) -> list[Json]:
    """With the names that people have now. One statement, and what the products ask whose personas are among them."""
    personas.show(rows)
    people = accounts.users(row.sender_id for row in rows if row.shown_sender_id is not None)
    return [
        {
            **_by_whom(row, people),
            "kind": row.kind,
            "body": {name: value for name, value in row.body.items() if name not in {"quote", "mention_ids"}},
            "created_at": rfc3339(row.created_at),
        }
        for row in rows
    ]


def _by_whom(row: Message, people: Any) -> Json:
    """A name and a face, not an id: whoever gets the record need not have met them."""
    persona = personas.of(row)
    shown = persona or accounts.profile_frame(people[row.sender_id])
    return {"display_name": shown["display_name"], "avatar_id": shown["avatar_id"]}


def write(place: Place, *, owner_id: int, title: str, entries: Sequence[Json]) -> Json:
    """Store the record of the message that is to fill the place, with files of its own; returns the message's body."""
    asset_ids = [int(entry["body"]["asset_id"]) for entry in entries if "asset_id" in entry["body"]]
    copies = (
        media.copy(
            asset_ids=asset_ids,
            viewer_id=owner_id,
            purpose=contents.PURPOSE,
            reference=contents.reference(place.conversation_id, place.seq),
        )
        if asset_ids
        else {}
    )
    frozen = [
        {**entry, "body": contents.shown_of(copies[int(entry["body"]["asset_id"])])}
        if "asset_id" in entry["body"]
        else entry
        for entry in entries
    ]
    ChatRecord.objects.create(conversation_id=place.conversation_id, seq=place.seq, entries=frozen)
    return {"title": title, "count": len(frozen), "preview": [_previewed(entry) for entry in frozen[:PREVIEWED]]}


def _previewed(entry: Json) -> Json:
    return {
        "display_name": entry["display_name"],
        "kind": entry["kind"],
        "text": quotes.excerpt(entry["kind"], entry["body"]),
    }


def record_of(*, actor_id: int, conversation_id: int, seq: int) -> Json:
    """Title and rows of a record that somebody may read. Two statements. Raises ``NotFound``."""
    message = access.message(conversation_id=conversation_id, user_id=actor_id, seq=seq)
    record = ChatRecord.objects.filter(conversation_id=conversation_id, seq=seq).first()
    if record is None:
        raise NotFound
    return {"title": message.body["title"], "rows": record.entries}
