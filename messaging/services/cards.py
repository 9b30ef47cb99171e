"""What products say in conversations: cards, which only server code posts, and texts of their personas."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from messaging import access, cards, log, registry
from messaging.cards import Card
from messaging.models import NOBODY, CardCopy, Message, NewestCard
from superapp.core.errors import IdempotencyConflict, NotFound
from superapp.core.idempotency import request_hash

Json = dict[str, Any]
#: How many copies are looked up at a time.
BATCH = 100


class _Raced(Exception):
    """The same ``client_id`` was stored between our look and our insert."""


def post_card(
    *,
    conversation_id: int,
    sender_id: int | None,
    card: Card,
    client_id: UUID,
    persona: str = "",
    is_new: bool = False,
) -> int:
    """Put a card into a conversation, in the caller's transaction if there is one, and return its ``seq``.

    It counts as unread like any message. ``persona`` (``kind:reference``) is as whom it speaks: then the sender need
    not belong to the conversation, and may be None where nobody of flesh sends it. Without one, members who were given
    a persona there speak as that, all others as themselves.

    Repeating a ``client_id`` posts nothing and returns the first ``seq``. Where a newer version of the card is known
    already, that is what is posted. The conversation stays locked until the commit, so this comes late in a
    transaction: after what belongs to the product, money and stock.

    ``is_new``: this transaction has just made the thing, under this ``client_id``, which is unique for the sender. Then
    nobody has heard of its card and no retry comes this far, so there is nothing to look up and nothing to take back:
    four statements in place of eleven. A ``client_id`` that stands for something else is refused as ever.

    Raises ``NotFound`` (the sender does not belong to it), ``Blocked``, ``NotFriends``, ``Silenced``,
    ``ConversationClosed``, ``IdempotencyConflict`` (the ``client_id`` stands for something else).
    """
    # A retry may know a later version: it is the same card.
    asked = request_hash(kind="card", card=card.kind, reference=card.reference, persona=persona)
    if is_new:
        assert connection.in_atomic_block, "what is new is made in the caller's transaction"
        assert sender_id is not None, "somebody made it"
        return _write_new(conversation_id, sender_id, client_id, asked, persona, card)
    return _say(conversation_id, sender_id, client_id, asked, persona, card)


def post_text(*, conversation_id: int, sender_id: int | None, text: str, client_id: UUID, persona: str) -> int:
    """Say something as a persona: a brand's desk whose people do not belong to the conversation. As ``post_card``."""
    asked = request_hash(kind="text", text=text, persona=persona)
    return _say(conversation_id, sender_id, client_id, asked, persona, text)


def _say(
    conversation_id: int, sender_id: int | None, client_id: UUID, asked: bytes, persona: str, what: Card | str
) -> int:
    assert not persona or registry.personas.knows(persona), f"no app registered the persona {persona}"
    assert persona or sender_id is not None, "nobody speaks only as a persona"
    said = _said(conversation_id, sender_id, client_id)
    if said is None:
        try:
            return _write(conversation_id, sender_id, client_id, asked, persona, what)
        except _Raced:
            # The rollback gave the number back; the winner has committed, so it is there now.
            said = _said(conversation_id, sender_id, client_id)
            assert said is not None
    if bytes(said.request_hash) != asked:
        raise IdempotencyConflict
    return said.seq


def _said(conversation_id: int, sender_id: int | None, client_id: UUID) -> Message | None:
    mine = Message.objects.filter(conversation_id=conversation_id, sender_id=sender_id or NOBODY, client_id=client_id)
    return mine.first()


@transaction.atomic
def _write(
    conversation_id: int, sender_id: int | None, client_id: UUID, asked: bytes, persona: str, what: Card | str
) -> int:
    kind, body = Message.Kind.TEXT, {"text": what}
    if isinstance(what, Card):
        # Before the conversation: an update holds the card alone, and never waits for anything while it does.
        kind, body = Message.Kind.CARD, cards.body_of(cards.newest(what))
    place = _place(conversation_id, sender_id, persona)
    message = log.fill(
        place,
        sender_id=sender_id or NOBODY,
        client_id=client_id,
        request_hash=asked,
        kind=kind,
        body=body,
        persona=persona,
    )
    if message is None:
        raise _Raced
    if kind == Message.Kind.CARD:
        cards.note_copy(message)
    if sender_id is not None:
        log.mark_own_as_read(place, user_id=sender_id)
    log.tell(message)
    return message.seq


def _write_new(conversation_id: int, sender_id: int, client_id: UUID, asked: bytes, persona: str, card: Card) -> int:
    """As ``_write``. The card comes after the conversation here: nobody else can hold what nobody has heard of."""
    place = _place(conversation_id, sender_id, persona)
    message = log.fill(
        place,
        sender_id=sender_id,
        client_id=client_id,
        request_hash=asked,
        kind=Message.Kind.CARD,
        body=cards.body_of(card),
        persona=persona,
        is_read=True,
    )
    if message is None:
        raise IdempotencyConflict
    cards.note_first_copy(message)
    log.tell(message)
    return message.seq


def _place(conversation_id: int, sender_id: int | None, persona: str) -> log.Place:
    """The next place in the log, for whoever may speak there."""
    place = log.take_place(conversation_id=conversation_id, member_id=None if persona else sender_id)
    if place is None:
        raise NotFound
    if persona:
        access.check_is_open(conversation_id)
    else:
        assert sender_id is not None
        access.check_may_speak(conversation_id=conversation_id, user_id=sender_id)
    return place


def update_card(*, kind: str, reference: str, data: Json, version: int) -> None:
    """Let every copy of a card say ``data``, unless it says something newer: of two versions the higher one wins,
    whatever the order in which they arrive. Copies that are made meanwhile say it too.

    A card may have been forwarded to hundreds of conversations, so this is many small transactions, and must not be
    called inside one: call it from an ``@at_least_once`` handler of the event that changed the thing. When it is
    stopped half way, the next attempt goes on where it was. Where nothing has a copy, nothing happens.
    """
    card = Card(kind=kind, reference=reference, data=data, version=version)
    with transaction.atomic(durable=True):
        _remember(card)
    newest = NewestCard.objects.get(reference=reference, kind=kind)
    # What is newer than ours is told by whoever brought it; if they were stopped, their next attempt does.
    card = Card(kind=kind, reference=reference, data=newest.data, version=newest.version)
    body = cards.body_of(card)
    for copy in _outdated(card):
        with transaction.atomic(durable=True):
            _rewrite(copy, body)


def _remember(card: Card) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO messaging_card (reference, kind, version, data) VALUES (%s, %s, %s, %s)
            ON CONFLICT (reference, kind) DO UPDATE
            SET version = EXCLUDED.version, data = EXCLUDED.data, changed_at = clock_timestamp()
            WHERE messaging_card.version < EXCLUDED.version
            """,
            [card.reference, card.kind, card.version, json.dumps(card.data)],
        )


def _outdated(card: Card) -> Iterator[CardCopy]:
    """Copies that say less than ``card``; each is to be rewritten before the next one is asked for."""
    behind = CardCopy.objects.filter(reference=card.reference, kind=card.kind, version__lt=card.version)
    rows = behind.order_by("conversation_id", "seq")
    found = list(rows[:BATCH])
    while found:
        yield from found
        at, seq = found[-1].conversation_id, found[-1].seq
        found = list(rows.filter(Q(conversation_id__gt=at) | Q(conversation_id=at, seq__gt=seq))[:BATCH])


def _rewrite(copy: CardCopy, body: Json) -> None:
    log.lock(copy.conversation_id)
    with connection.cursor() as cursor:
        cursor.execute(
            # Under the lock: whoever brought a newer version was here, or will be.
            "UPDATE messaging_message SET body = %s"
            " WHERE conversation_id = %s AND seq = %s AND recalled_at IS NULL AND (body->>'version')::bigint < %s",
            [json.dumps(body), copy.conversation_id, copy.seq, body["version"]],
        )
        is_changed = cursor.rowcount > 0
        cursor.execute(
            "UPDATE messaging_card_copy SET version = %s"
            " WHERE reference = %s AND kind = %s AND conversation_id = %s AND seq = %s AND version < %s",
            [body["version"], copy.reference, copy.kind, copy.conversation_id, copy.seq, body["version"]],
        )
    if is_changed:
        log.add(
            conversation_id=copy.conversation_id,
            actor_id=None,
            kind=Message.Kind.CARD_UPDATED,
            body={"version": body["version"]},
            about=copy.seq,
        )
