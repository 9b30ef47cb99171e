"""Cards: what a product shows in a conversation. A message whose body only server code writes, and later changes.

The newest version of a card stands in ``NewestCard``. Its copies are rows of conversations' logs, found through
``CardCopy``. Whoever makes a copy holds the card meanwhile (``newest``): an update either finds the copy or is in it.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import translation

from messaging import registry
from messaging.models import CardCopy, Message, NewestCard

log = structlog.get_logger(__name__)
Json = dict[str, Any]
MAX_DATA_BYTES = 8 * 1024


@dataclass(frozen=True)
class Card:
    """``reference`` is the product's own id of the thing; ``data`` is what everybody who sees the card may know of it,
    at most 8 KiB of JSON. Of two versions the higher one is true."""

    kind: str
    reference: str
    data: Json
    version: int = 1

    def __post_init__(self) -> None:
        assert registry.cards.get(self.kind), f"no app registered the card {self.kind}"
        assert 0 < len(self.reference) <= 100, "a reference has 1 to 100 characters"
        assert self.version >= 1, "versions begin with 1"
        assert len(json.dumps(self.data).encode()) <= MAX_DATA_BYTES, "too much for a card: let live or REST show it"


def body_of(card: Card) -> Json:
    """The body of its message: the same for everybody, so it says its sentence in every language."""
    return _body(card.kind, card.reference, card.data, card.version)


def _body(kind: str, reference: str, data: Json, version: int) -> Json:
    known, fallback = registry.cards.get(kind), {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            fallback[language] = str(known.fallback(data)) if known else ""
    return {"kind": kind, "reference": reference, "version": version, "data": data, "fallback": fallback}


def shown(keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Json]:
    """Cards by kind and reference, as the bodies of their messages say them now. One statement."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT kind, reference, data::text, version FROM messaging_card WHERE (kind, reference) IN %s",
            [tuple(wanted)],
        )
        rows = cursor.fetchall()
    return {
        (kind, reference): _body(kind, reference, json.loads(data), version) for kind, reference, data, version in rows
    }


def newest(card: Card) -> Card:
    """The card as it is to be copied, with its newer version if there is one already.

    Until the transaction ends no update of it can begin. Copies do not wait for one another.
    """
    stored = _held(card)
    if stored is None:
        NewestCard.objects.bulk_create(
            [NewestCard(reference=card.reference, kind=card.kind, version=card.version, data=card.data)],
            ignore_conflicts=True,
        )
        stored = _held(card)
        assert stored is not None, "ours, or that of whoever was there before us"
    return stored if stored.version > card.version else card


def _held(card: Card) -> Card | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT data::text, version FROM messaging_card WHERE reference = %s AND kind = %s FOR SHARE",
            [card.reference, card.kind],
        )
        found = cursor.fetchone()
    return Card(card.kind, card.reference, json.loads(found[0]), found[1]) if found else None


def note_copy(message: Message) -> None:
    """``message`` was just written with a card in it: later versions have to find it."""
    body = message.body
    CardCopy.objects.bulk_create(
        [
            CardCopy(
                reference=body["reference"],
                kind=body["kind"],
                conversation_id=message.conversation_id,
                seq=message.seq,
                version=body["version"],
            )
        ]
    )


def note_first_copy(message: Message) -> None:
    """As ``newest`` and ``note_copy`` in one, of a card that this transaction made: nobody else knows of it."""
    body = message.body
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH card AS (
                INSERT INTO messaging_card (reference, kind, version, data)
                VALUES (%(reference)s, %(kind)s, %(version)s, %(data)s)
                RETURNING reference, kind, version)
            INSERT INTO messaging_card_copy (reference, kind, version, conversation_id, seq)
            SELECT reference, kind, version, %(conversation)s, %(seq)s FROM card
            """,
            {
                "reference": body["reference"],
                "kind": body["kind"],
                "version": body["version"],
                "data": json.dumps(body["data"]),
                "conversation": message.conversation_id,
                "seq": message.seq,
            },
        )


def may_forward(message: Message) -> bool:
    """Whether people may send copies of it."""
    kind = registry.cards.get(message.body["kind"])
    return kind is not None and kind.forwardable


def copy_of(message: Message) -> Card:
    """The card to forward, in its newest version, held as in ``newest``; fill a place with ``body_of`` it and call
    ``note_copy``."""
    body = message.body
    return newest(Card(body["kind"], body["reference"], body["data"], body["version"]))


def live(rows: Iterable[Message], *, viewer_id: int) -> dict[tuple[str, str], Json]:
    """What the products say right now about the cards among ``rows``, by kind and reference."""
    cards = (row.body for row in rows if row.kind == Message.Kind.CARD and row.body)
    return ask_live(((body["kind"], body["reference"]) for body in cards), viewer_id=viewer_id)


def ask_live(keys: Iterable[tuple[str, str]], *, viewer_id: int) -> dict[tuple[str, str], Json]:
    """By kind and reference; one call for each kind."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for kind, reference in keys:
        wanted[kind].add(reference)
    found: dict[tuple[str, str], Json] = {}
    for name, references in wanted.items():
        known = registry.cards.get(name)
        if known is not None and known.live is not None:
            found |= {(name, reference): said for reference, said in _ask(known.live, name, references, viewer_id)}
    return found


def live_of(row: Message, live: dict[tuple[str, str], Json]) -> Json | None:
    """What ``live`` found for this row."""
    if row.kind != Message.Kind.CARD or not row.body:
        return None
    return live.get((row.body["kind"], row.body["reference"]))


def _ask(ask: registry.Live, name: str, references: set[str], viewer_id: int) -> list[tuple[str, Json]]:
    try:
        return list(ask(sorted(references), viewer_id).items())
    except DatabaseError:
        raise
    except Exception:
        # A product that is broken must not keep people from what they said to one another.
        log.exception("card.live_failed", kind=name)
        return []
