"""How somebody came to ask somebody else to be friends: each way has to be shown, because people choose among them."""

from messaging import people
from messaging.models import FriendRequest, Friendship
from messaging.services.contacts import request_friend
from superapp.accounts import services as accounts
from superapp.core import limits, links
from superapp.core.errors import NotFound

Source = Friendship.Source


def ask_to_be_friends(
    *,
    sender_id: int,
    greeting: str = "",
    handle: str | None = None,
    phone: str | None = None,
    link: str | None = None,
    user_id: int | None = None,
    conversation_id: int | None = None,
    seq: int | None = None,
) -> FriendRequest:
    """``request_friend`` to whoever is meant: by their ``handle`` or ``phone``, by the ``link`` in their QR code, or by
    ``user_id`` with what it is known from: a group of both (``conversation_id``), a contact card in a conversation of
    the sender's (and ``seq``), else the search.

    Raises what ``request_friend`` does, ``NotFound`` where that person is not found in this way, ``PhoneInvalid``,
    ``LinkEnded``, ``TooManyRequests``.
    """
    if handle is not None:
        limits.take(action="messaging.find_person.user", subject=str(sender_id))
        recipient_id, source = people.found_by_handle(viewer_id=sender_id, handle=handle).id, Source.HANDLE
    elif phone is not None:
        recipient_id, source = find_by_phone(actor_id=sender_id, phone=phone), Source.PHONE
    elif link is not None:
        reference = links.reference_of(actor_id=sender_id, content=link, kind="person")
        recipient_id, source = int(reference), Source.QR
    else:
        assert user_id is not None
        recipient_id, source = user_id, _known_from(sender_id, user_id, conversation_id, seq)
    return request_friend(sender_id=sender_id, recipient_id=recipient_id, source=source, greeting=greeting)


def find_by_phone(*, actor_id: int, phone: str) -> int:
    """Whose number this is, if they let themselves be found by it. Raises ``PhoneInvalid``, ``NotFound``,
    ``TooManyRequests``: a number is guessed more easily than a name."""
    limits.take(action="messaging.find_by_phone.user", subject=str(actor_id))
    return people.found_by_phone(viewer_id=actor_id, phone=accounts.canonical_phone(phone)).id


def _known_from(sender_id: int, user_id: int, conversation_id: int | None, seq: int | None) -> Source:
    if conversation_id is None:
        limits.take(action="messaging.find_person.user", subject=str(sender_id))
        people.found_by_id(viewer_id=sender_id, user_id=user_id)
        return Source.HANDLE
    if seq is None:
        if not people.are_together(sender_id, user_id, conversation_id=conversation_id):
            raise NotFound
        return Source.GROUP
    if not people.was_shown_card_of(user_id, viewer_id=sender_id, conversation_id=conversation_id, seq=seq):
        raise NotFound
    return Source.CARD
