"""People, conversations and tickets by the thousand. Signing each of them in is not what is measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from messaging.models import Conversation, Friendship, Membership
from superapp.accounts.models import Device, User
from superapp.core import tokens
from superapp.core.ids import new_id
from superapp.realtime.models import Ticket


@dataclass(frozen=True)
class Group:
    conversation_id: int
    member_ids: Sequence[int]

    @property
    def topic(self) -> str:
        return f"conversation:{self.conversation_id}"


def crowd_of(count: int) -> list[int]:
    """Signed-in people, each with a device that has the person's own id."""
    ids = [new_id() for _ in range(count)]
    later = timezone.now() + timedelta(hours=1)
    User.objects.bulk_create((User(id=user_id, display_name="One of many", password="") for user_id in ids), 1000)
    Device.objects.bulk_create(
        (
            Device(
                user_id=user_id,
                id=user_id,
                name="Bench",
                platform="ios",
                last_seen_at=later,
                access_digest=str(user_id),
                access_expires_at=later,
            )
            for user_id in ids
        ),
        1000,
    )
    return ids


def groups(*, count: int, size: int) -> list[Group]:
    """``count`` groups of ``size``, everybody in one of them."""
    ids = crowd_of(count * size)
    found = [Group(new_id(), ids[start : start + size]) for start in range(0, len(ids), size)]
    _store(found, kind=Conversation.Kind.GROUP)
    return found


def pairs(count: int) -> list[Group]:
    """Friends, in their direct conversations."""
    ids = crowd_of(2 * count)
    found = [Group(new_id(), ids[start : start + 2]) for start in range(0, len(ids), 2)]
    _store(found, kind=Conversation.Kind.DIRECT)
    Friendship.objects.bulk_create(
        Friendship(user_id=one, friend_id=other, source="handle", conversation_id=pair.conversation_id)
        for pair in found
        for one, other in (pair.member_ids, pair.member_ids[::-1])
    )
    return found


def tickets_for(user_ids: Sequence[int]) -> list[str]:
    """A ticket for each, good for the time that it takes to let thousands in."""
    made = [tokens.issue("ticket", owner_id=user_id) for user_id in user_ids]
    later = timezone.now() + timedelta(minutes=15)
    Ticket.objects.bulk_create(
        (
            Ticket(user_id=token.owner_id, device_id=token.owner_id, digest=token.digest, expires_at=later)
            for token in made
        ),
        1000,
    )
    return [token.text for token in made]


def _store(found: Sequence[Group], *, kind: str) -> None:
    Conversation.objects.bulk_create(
        Conversation(id=group.conversation_id, kind=kind, member_count=len(group.member_ids)) for group in found
    )
    Membership.objects.bulk_create(
        (
            Membership(conversation_id=group.conversation_id, user_id=user_id)
            for group in found
            for user_id in group.member_ids
        ),
        1000,
    )
