"""Opening conversations."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from messaging.errors import GroupTooLarge, NotFriends, ThatIsYou
from messaging.events import ConversationOpened
from messaging.models import (
    GROUP_LIMIT,
    Block,
    Conversation,
    DirectPair,
    Friendship,
    GroupCreation,
    Membership,
    Message,
)
from superapp.core import limits
from superapp.core.errors import IdempotencyConflict
from superapp.core.events import publish
from superapp.core.idempotency import request_hash
from superapp.core.ids import new_id


def direct_conversation(*, user_ids: tuple[int, int]) -> int:
    """The id of these two people's conversation, opened when there is none; one and the same for two at once."""
    lo, hi = sorted(user_ids)
    pair = DirectPair.objects.filter(lo=lo, hi=hi).first()
    return pair.conversation_id if pair else _open_direct(lo, hi)


@transaction.atomic
def _open_direct(lo: int, hi: int) -> int:
    candidate = new_id()
    DirectPair.objects.bulk_create([DirectPair(lo=lo, hi=hi, conversation_id=candidate)], ignore_conflicts=True)
    # Whoever came second waited on the pair's key for the first one's commit, and reads its id here.
    conversation_id = DirectPair.objects.get(lo=lo, hi=hi).conversation_id
    if conversation_id == candidate:
        Conversation.objects.create(id=candidate, kind=Conversation.Kind.DIRECT, member_count=2)
        Membership.objects.bulk_create(Membership(conversation_id=candidate, user_id=user_id) for user_id in (lo, hi))
        publish(ConversationOpened(conversation_id=candidate, member_ids=(lo, hi)))
    return conversation_id


def open_direct_conversation(*, actor_id: int, user_id: int) -> int:
    """The actor's conversation with a friend. Raises ``ThatIsYou`` or ``NotFriends`` (also for nobody's id)."""
    if actor_id == user_id:
        raise ThatIsYou
    if not Friendship.objects.filter(user_id=actor_id, friend_id=user_id).exists():
        raise NotFriends
    return direct_conversation(user_ids=(actor_id, user_id))


def conversation_with(*, actor_id: int, user_id: int) -> int:
    """The conversation of two who are friends, or have been: what stands in it decides who may still speak. One
    statement. Raises ``NotFriends`` for strangers, for whoever has blocked the actor and for nobody's id alike."""
    lo, hi = sorted((actor_id, user_id))
    pair = DirectPair.objects.filter(lo=lo, hi=hi).first()
    return pair.conversation_id if pair else open_direct_conversation(actor_id=actor_id, user_id=user_id)


def create_group(*, creator_id: int, title: str, member_ids: Sequence[int], client_id: UUID) -> GroupCreation:
    """Open a group of the creator and some of their friends; ``conversation_id`` of the result is the new group.

    Repeating a ``client_id`` returns the first group. Raises ``NotFriends`` with the ids that are no friends or want to
    hear nothing from the creator,
    ``GroupTooLarge``, ``IdempotencyConflict``, ``TooManyRequests``.
    """
    others = sorted(set(member_ids) - {creator_id})
    asked = request_hash(title=title, member_ids=others)
    created = GroupCreation.objects.filter(creator_id=creator_id, client_id=client_id).first()
    is_replay = created is not None
    if created is None:
        _check_group(creator_id, others)
        created, is_replay = _create_group(creator_id, title, others, client_id, asked)
    if bytes(created.request_hash) != asked:
        raise IdempotencyConflict
    created.is_replay = is_replay  # type: ignore[attr-defined]
    return created


@transaction.atomic
def _create_group(
    creator_id: int, title: str, others: Sequence[int], client_id: UUID, asked: bytes
) -> tuple[GroupCreation, bool]:
    """The creation under this key, and whether somebody was there before us."""
    ours = GroupCreation(creator_id=creator_id, client_id=client_id, request_hash=asked, conversation_id=new_id())
    GroupCreation.objects.bulk_create([ours], ignore_conflicts=True)
    stored = GroupCreation.objects.get(creator_id=creator_id, client_id=client_id)
    if stored.conversation_id != ours.conversation_id:
        return stored, True
    _fill_group(stored, title, others)
    return stored, False


def _check_group(creator_id: int, others: Sequence[int]) -> None:
    if len(others) + 1 > GROUP_LIMIT:
        raise GroupTooLarge(most=GROUP_LIMIT)
    limits.take(action="messaging.create_group.user", subject=str(creator_id))
    check_friends(creator_id, others)


def check_friends(user_id: int, others: Sequence[int]) -> None:
    """Two statements. Raises ``NotFriends`` with the ids that are no friends or want to hear nothing from them."""
    friends = set(Friendship.objects.filter(user_id=user_id, friend_id__in=others).values_list("friend_id", flat=True))
    # Whoever has blocked them is not told apart from somebody who is no friend any more.
    friends -= set(Block.objects.filter(user_id__in=others, blocked_id=user_id).values_list("user_id", flat=True))
    if strangers := set(others) - friends:
        raise NotFriends(user_ids=[str(stranger) for stranger in sorted(strangers)])


def _fill_group(creation: GroupCreation, title: str, others: Sequence[int]) -> None:
    """The group begins with a row of its own log, which counts for nobody as unread."""
    conversation_id, creator_id = creation.conversation_id, creation.creator_id
    conversation = Conversation.objects.create(
        id=conversation_id,
        kind=Conversation.Kind.GROUP,
        title=title,
        member_count=len(others) + 1,
        last_seq=1,
        last_shown_seq=1,
    )
    Membership.objects.bulk_create(
        Membership(
            conversation_id=conversation_id,
            user_id=user_id,
            role=Membership.Role.OWNER if user_id == creator_id else Membership.Role.MEMBER,
        )
        for user_id in (creator_id, *others)
    )
    Message.objects.create(
        conversation_id=conversation_id,
        seq=1,
        message_no=0,
        sender_id=creator_id,
        client_id=creation.client_id,
        request_hash=creation.request_hash,
        kind=Message.Kind.GROUP_CREATED,
        body={"title": title, "member_ids": [str(user_id) for user_id in (creator_id, *others)]},
        # The database's clock, by which all rows of the log are stamped.
        created_at=conversation.created_at,
    )
    publish(ConversationOpened(conversation_id=conversation_id, member_ids=(creator_id, *others)))
