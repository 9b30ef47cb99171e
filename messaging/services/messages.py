"""Sending. The path that everything else waits for: five statements for text, whatever the group's size."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import transaction

from messaging import contents, log
from messaging.access import check_may_speak
from messaging.models import Message
from superapp.core import limits
from superapp.core.errors import IdempotencyConflict, NotFound
from superapp.core.idempotency import request_hash


class _Raced(Exception):
    """The same ``client_id`` was stored between our look and our insert."""


def send_message(*, sender_id: int, conversation_id: int, client_id: UUID, kind: str, **given: Any) -> Message:
    """Store a message and tell the conversation.

    ``given`` by kind: ``text`` and, if wanted, ``mention_ids``, ``mentions_all`` and ``quote_seq``; ``asset_id`` of an
    own upload for ``photo``, ``voice``, ``video`` and ``file``; ``latitude``, ``longitude``, ``name`` and ``address``
    of a ``location``; ``user_id`` of a ``contact``.

    Repeating a ``client_id`` returns the first message, with ``is_replay`` set; its number was given once.
    Raises ``NotFound`` (not a member, and what ``contents.body_of`` does not find), ``Blocked``, ``NotFriends``,
    ``Silenced``, ``ConversationClosed``, ``InvalidInput``, ``IdempotencyConflict``, ``TooManyRequests``, and what else
    ``contents.body_of`` refuses.
    """
    if kind == Message.Kind.TEXT:
        contents.check_text(given["text"])
    return send_once(
        sender_id=sender_id,
        conversation_id=conversation_id,
        client_id=client_id,
        asked=request_hash(kind=kind, **given),
        kind=kind,
        body_of=lambda place: contents.body_of(kind, given, sender_id=sender_id, place=place),
        quote_seq=given.get("quote_seq"),
    )


def send_once(
    *,
    sender_id: int,
    conversation_id: int,
    client_id: UUID,
    asked: bytes,
    kind: str,
    body_of: Callable[[log.Place], dict[str, Any]],
    quote_seq: int | None = None,
    written: Callable[[Message], None] | None = None,
) -> Message:
    """Everything about sending but what is said: ``body_of`` makes that for the place it gets, in its transaction, and
    ``written`` does what is to be done when the row is there."""
    # Before the limits: whoever makes sure of what was sent is no flood, and no stranger uses up what others may send.
    if replay := _replay(sender_id, conversation_id, client_id, asked):
        return replay
    limits.take(action="messaging.send.user", subject=str(sender_id))
    limits.take(action="messaging.send.conversation", subject=str(conversation_id))
    if kind == Message.Kind.CONTACT:
        # It shows what the profile would.
        limits.take(action="messaging.see_person.user", subject=str(sender_id))
    try:
        return _send(sender_id, conversation_id, client_id, asked, kind, body_of, quote_seq, written)
    except _Raced:
        # The rollback gave the number back; the winner has committed, so it is there now.
        replay = _replay(sender_id, conversation_id, client_id, asked)
        assert replay is not None
        return replay


@transaction.atomic
def _send(
    sender_id: int,
    conversation_id: int,
    client_id: UUID,
    asked: bytes,
    kind: str,
    body_of: Callable[[log.Place], dict[str, Any]],
    quote_seq: int | None,
    written: Callable[[Message], None] | None,
) -> Message:
    place = log.take_place(conversation_id=conversation_id, member_id=sender_id)
    if place is None:
        raise NotFound
    # Under the conversation's lock, so that this and being removed, blocked or unfriended have one order.
    check_may_speak(conversation_id=conversation_id, user_id=sender_id)
    message = log.fill(
        place,
        sender_id=sender_id,
        client_id=client_id,
        request_hash=asked,
        kind=kind,
        body=body_of(place),
        quote_seq=quote_seq,
    )
    if message is None:
        raise _Raced
    if written is not None:
        written(message)
    log.mark_own_as_read(place, user_id=sender_id)
    log.tell(message)
    return message


def _replay(sender_id: int, conversation_id: int, client_id: UUID, asked: bytes) -> Message | None:
    """The message of an earlier attempt; None when this is the first. Raises ``NotFound`` for strangers."""
    message = log.find(conversation_id=conversation_id, sender_id=sender_id, client_id=client_id)
    if message is None:
        return None
    if bytes(message.request_hash) != asked:
        raise IdempotencyConflict
    message.is_replay = True  # type: ignore[attr-defined]
    return message
