"""Sending on what was said: one message, or several merged into a record. What arrives lives by itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from messaging import access, cards, contents, log, records
from messaging.errors import NotForThis, Recalled
from messaging.models import SAID, ChatRecord, Message
from messaging.services.messages import send_once
from superapp.core.errors import DomainError
from superapp.core.idempotency import request_hash
from superapp.media import services as media

Json = dict[str, Any]
MOST_TARGETS = 9


@dataclass(frozen=True)
class Forwarded:
    """What became of it in one conversation: either a message or a refusal."""

    conversation_id: int
    message: Message | None
    refusal: DomainError | None


def forward_message(
    *, actor_id: int, conversation_id: int, seq: int, to: Sequence[int], client_id: UUID
) -> list[Forwarded]:
    """Send a message that the actor may read to each of up to nine conversations.

    Each gets it or refuses it for itself, as it would what the actor sends there. Repeating a ``client_id`` sends
    nothing twice and tries again where it was refused. Raises ``NotFound``, ``Recalled``, ``NotForThis`` (nobody said
    it, or its product does not let it be forwarded).
    """
    kind, gone = "", None
    try:
        kind = _source(actor_id, conversation_id, seq).kind
    except DomainError as refusal:
        if not _was_sent(actor_id, to, client_id):
            raise
        # Who has it says so; nothing new is sent.
        gone = refusal

    def body_of(place: log.Place) -> Json:
        if gone is not None:
            raise gone
        # Read again: it may be recalled while this goes from one conversation to the next.
        return _copied(_source(actor_id, conversation_id, seq), actor_id, place)

    asked = request_hash(kind="forward", conversation_id=conversation_id, seq=seq)
    return _send_each(actor_id, to, client_id, asked, kind, body_of)


def forward_record(
    *, actor_id: int, conversation_id: int, seqs: Sequence[int], title: str, to: Sequence[int], client_id: UUID
) -> list[Forwarded]:
    """Send up to a hundred messages of a conversation, as they are now, as one record under ``title``. Otherwise as
    ``forward_message``.

    Left out is what was recalled, what the actor may not read or deleted for themselves, and what may not be forwarded;
    raises ``NotForThis`` when that leaves nothing.
    """
    try:
        records.rows_of(actor_id=actor_id, conversation_id=conversation_id, seqs=seqs)
    except DomainError:
        if not _was_sent(actor_id, to, client_id):
            raise

    def body_of(place: log.Place) -> Json:
        rows = records.rows_of(actor_id=actor_id, conversation_id=conversation_id, seqs=seqs)
        return records.write(place, owner_id=actor_id, title=title, entries=records.entries_of(rows))

    asked = request_hash(kind="record", conversation_id=conversation_id, seqs=list(seqs), title=title)
    return _send_each(actor_id, to, client_id, asked, Message.Kind.RECORD, body_of)


def _key(client_id: UUID, target: int) -> UUID:
    """One key of the client's stands for one message in each conversation."""
    return uuid5(client_id, str(target))


def _was_sent(actor_id: int, to: Sequence[int], client_id: UUID) -> bool:
    """Whether this is a retry: what it found then may be gone by now."""
    keys = [_key(client_id, target) for target in to]
    return Message.objects.filter(conversation_id__in=to, sender_id=actor_id, client_id__in=keys).exists()


def _send_each(
    actor_id: int,
    to: Sequence[int],
    client_id: UUID,
    asked: bytes,
    kind: str,
    body_of: Callable[[log.Place], Json],
) -> list[Forwarded]:
    """One transaction for each: nobody's group waits for another's."""
    results = []
    for target in dict.fromkeys(to):
        try:
            message = send_once(
                sender_id=actor_id,
                conversation_id=target,
                client_id=_key(client_id, target),
                asked=asked,
                kind=kind,
                body_of=body_of,
                written=cards.note_copy if kind == Message.Kind.CARD else None,
            )
        except DomainError as refusal:
            results.append(Forwarded(conversation_id=target, message=None, refusal=refusal))
        else:
            results.append(Forwarded(conversation_id=target, message=message, refusal=None))
    return results


def _source(actor_id: int, conversation_id: int, seq: int) -> Message:
    message = access.message(conversation_id=conversation_id, user_id=actor_id, seq=seq)
    if message.recalled_at is not None:
        raise Recalled
    if message.kind not in SAID or (message.kind == Message.Kind.CARD and not cards.may_forward(message)):
        raise NotForThis(kind=message.kind)
    return message


def _copied(message: Message, actor_id: int, place: log.Place) -> Json:
    match message.kind:
        case Message.Kind.TEXT:
            # Whom it called and what it answered was a matter of the conversation that it comes from.
            return {"text": message.body["text"]}
        case Message.Kind.LOCATION | Message.Kind.CONTACT:
            return dict(message.body)
        case Message.Kind.CARD:
            return cards.body_of(cards.copy_of(message))
        case Message.Kind.RECORD:
            record = ChatRecord.objects.get(conversation_id=message.conversation_id, seq=message.seq)
            return records.write(place, owner_id=actor_id, title=message.body["title"], entries=record.entries)
    asset_id = int(message.body["asset_id"])
    copies = media.copy(
        asset_ids=[asset_id],
        viewer_id=actor_id,
        purpose=contents.PURPOSE,
        reference=contents.reference(place.conversation_id, place.seq),
    )
    return contents.shown_of(copies[asset_id])
