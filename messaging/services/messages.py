"""Sending. The path that everything else waits for: five statements for text, whatever the group's size."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from messaging import log
from messaging.access import check_may_speak
from messaging.errors import TooLong
from messaging.models import Message
from superapp.core import limits
from superapp.core.errors import IdempotencyConflict, InvalidInput, NotFound
from superapp.core.idempotency import request_hash
from superapp.media import services as media

MAX_TEXT = 4000


class _Raced(Exception):
    """The same ``client_id`` was stored between our look and our insert."""


def send_message(
    *, sender_id: int, conversation_id: int, client_id: UUID, kind: str, text: str = "", asset_id: int | None = None
) -> Message:
    """Store a message and tell the conversation. ``kind`` is ``text`` or ``photo`` (an uploaded asset of the sender's).

    Repeating a ``client_id`` returns the first message, with ``is_replay`` set; its number was given once.
    Raises ``NotFound`` (not a member, not an own photo), ``Blocked``, ``NotFriends``, ``Silenced``,
    ``ConversationClosed``, ``TooLong``, ``InvalidInput``, ``NotReady``, ``IdempotencyConflict``, ``TooManyRequests``.
    """
    if kind == Message.Kind.TEXT and not text.strip():
        raise InvalidInput(fields={"text": [_("Write something.")]})
    if len(text) > MAX_TEXT:
        raise TooLong(max_characters=MAX_TEXT)
    asked = request_hash(kind=kind, text=text, asset_id=asset_id)
    # Before the limits: whoever makes sure of what was sent is no flood, and no stranger uses up what others may send.
    if replay := _replay(sender_id, conversation_id, client_id, asked):
        return replay
    limits.take(action="messaging.send.user", subject=str(sender_id))
    limits.take(action="messaging.send.conversation", subject=str(conversation_id))
    try:
        return _send(sender_id, conversation_id, client_id, asked, kind, text, asset_id)
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
    text: str,
    asset_id: int | None,
) -> Message:
    place = log.take_place(conversation_id=conversation_id, member_id=sender_id)
    if place is None:
        raise NotFound
    # Under the conversation's lock, so that this and being removed, blocked or unfriended have one order.
    check_may_speak(conversation_id=conversation_id, user_id=sender_id)
    body = {"text": text} if asset_id is None else _photo(sender_id, asset_id, place)
    message = log.fill(place, sender_id=sender_id, client_id=client_id, request_hash=asked, kind=kind, body=body)
    if message is None:
        raise _Raced
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


def _photo(sender_id: int, asset_id: int, place: log.Place) -> dict[str, Any]:
    """What everybody sees of a photo; its addresses depend on the reader and come from ``/media/``."""
    (asset,) = media.attach(
        asset_ids=[asset_id],
        owner_id=sender_id,
        purpose="message",
        reference=f"{place.conversation_id}:{place.seq}",
    )
    return {
        "asset_id": str(asset.id),
        "width": asset.width,
        "height": asset.height,
        "content_type": asset.content_type,
    }
