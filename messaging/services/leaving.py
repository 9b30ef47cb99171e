"""Somebody leaves the product: what a copy of their data holds of this room, and what is erased.

What they said stays in others' threads, under a deleted person: those threads are the others' as well.
"""

from collections.abc import Iterator
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from messaging import log, notices
from messaging.belonging import Group, Role, enter, let_go, tell
from messaging.errors import ConversationClosed
from messaging.frames import message_frame, preferences_frame
from messaging.models import (
    Block,
    Conversation,
    FriendRequest,
    Friendship,
    FriendTag,
    GroupCreation,
    GroupInvitation,
    GroupLink,
    HiddenMessage,
    JoinRequest,
    Membership,
    Message,
    Notice,
    NoticeMute,
    Preferences,
    Reaction,
    TaggedFriend,
)
from superapp.accounts.registry import Json, Part, Rows
from superapp.core.api.fields import rfc3339
from superapp.core.errors import NotFound
from superapp.realtime import services as realtime

BATCH = 500


# --- A copy -----------------------------------------------------------------------------------------------------------


def copy_of_person(user_id: int) -> Iterator[Part]:
    """Others are named by their ids: what they call themselves is theirs. Files that were sent are in the uploads."""
    yield "contacts", Rows(_contacts(user_id))
    yield "friend_requests", Rows(_requests(user_id))
    yield "blocks", Rows(_blocks(user_id))
    preferences = Preferences.objects.filter(user_id=user_id).first() or Preferences(user_id=user_id)
    yield "preferences", preferences_frame(preferences)
    yield "conversations", Rows(_conversation(place) for place in _places(user_id))
    yield "group_invitations", Rows(_invitations(user_id))
    yield "messages", Rows(_messages(user_id))
    yield "reactions", Rows(_reactions(user_id))
    yield "notices", Rows(_notices(user_id))


def _contacts(user_id: int) -> Iterator[Json]:
    tags = dict(FriendTag.objects.filter(user_id=user_id).values_list("id", "name"))
    for friend in _by_key(Friendship, "friend_id", user_id=user_id):
        yield {
            "user_id": str(friend.friend_id),
            "remark": friend.remark,
            "tags": sorted(
                tags[tag_id]
                for tag_id in TaggedFriend.objects.filter(
                    user_id=user_id, friend_id=friend.friend_id, tag_id__in=tags
                ).values_list("tag_id", flat=True)
            ),
            "source": friend.source,
            "created_at": rfc3339(friend.created_at),
        }


def _requests(user_id: int) -> Iterator[Json]:
    for request in _by_key(FriendRequest, "recipient_id", sender_id=user_id):
        # As in the app, a refusal is not told to whoever asked.
        is_refused = request.state == FriendRequest.State.DECLINED
        yield _request(request, "outgoing", FriendRequest.State.PENDING.value if is_refused else request.state)
    for request in _by_key(FriendRequest, "sender_id", recipient_id=user_id):
        yield _request(request, "incoming", request.state)


def _request(request: FriendRequest, direction: str, state: str) -> Json:
    return {
        "direction": direction,
        "user_id": str(request.recipient_id if direction == "outgoing" else request.sender_id),
        "greeting": request.greeting,
        "state": state,
        "created_at": rfc3339(request.created_at),
    }


def _blocks(user_id: int) -> Iterator[Json]:
    for block in _by_key(Block, "blocked_id", user_id=user_id):
        yield {"user_id": str(block.blocked_id), "created_at": rfc3339(block.created_at)}


def _invitations(user_id: int) -> Iterator[Json]:
    for invitation in _by_key(GroupInvitation, "conversation_id", invitee_id=user_id):
        yield {
            "conversation_id": str(invitation.conversation_id),
            "inviter_id": str(invitation.inviter_id),
            "state": invitation.state,
            "created_at": rfc3339(invitation.created_at),
        }


def _places(user_id: int) -> Iterator[Membership]:
    return _by_key(Membership, "conversation_id", user_id=user_id, related="conversation")


def _conversation(place: Membership) -> Json:
    return {
        "id": str(place.conversation_id),
        "kind": place.conversation.kind,
        # What a group is called now is not told to whoever has left it.
        "title": place.conversation.title if place.left_seq is None else "",
        "role": place.role,
        "alias": place.alias,
        "joined_at": rfc3339(place.joined_at),
        "has_left": place.left_seq is not None,
    }


def _messages(user_id: int) -> Iterator[Json]:
    """What they wrote, conversation by conversation, in its order."""
    for place in _places(user_id):
        written = Message.objects.filter(conversation_id=place.conversation_id, sender_id=user_id)
        last = 0
        while batch := list(written.filter(seq__gt=last).order_by("seq")[:BATCH]):
            for message in batch:
                yield message_frame(message)
            last = batch[-1].seq


def _reactions(user_id: int) -> Iterator[Json]:
    for place in _places(user_id):
        given = Reaction.objects.filter(conversation_id=place.conversation_id, user_id=user_id)
        last = 0
        while batch := list(given.filter(seq__gt=last).order_by("seq", "emoji")[:BATCH]):
            if len(batch) == BATCH and batch[0].seq != batch[-1].seq:
                # The last row may have more of them behind the end: all of a row come together.
                batch = [reaction for reaction in batch if reaction.seq != batch[-1].seq]
            for reaction in batch:
                yield {
                    "conversation_id": str(reaction.conversation_id),
                    "seq": reaction.seq,
                    "emoji": reaction.emoji,
                    "created_at": rfc3339(reaction.created_at),
                }
            last = batch[-1].seq


def _notices(user_id: int) -> Iterator[Json]:
    for notice in _by_key(Notice, "id", user_id=user_id, deleted_at=None):
        (frame,) = notices.frames([notice], reader_id=user_id)
        yield frame


def _by_key(model: Any, key: str, *, related: str = "", **of: Any) -> Iterator[Any]:
    """Rows of somebody in the order of the other half of their key, a batch at a time in memory."""
    rows = model.objects.select_related(related) if related else model.objects.all()
    last = 0
    while batch := list(rows.filter(**of, **{f"{key}__gt": last}).order_by(key)[:BATCH]):
        yield from batch
        last = getattr(batch[-1], key)


# --- Erasing ----------------------------------------------------------------------------------------------------------


def erase_person(user_id: int) -> None:
    """Contacts on both sides with what they are called there, requests, blocks and choices; every conversation is left.

    Each step finds only what is left of it, so it may be killed anywhere, run again and run beside itself.
    """
    while batch := list(Friendship.objects.filter(user_id=user_id).values_list("friend_id", flat=True)[:BATCH]):
        with transaction.atomic():
            Friendship.objects.filter(friend_id=user_id, user_id__in=batch).delete()
            Friendship.objects.filter(user_id=user_id, friend_id__in=batch).delete()
            # Last: whoever holds a friendship to put it under a tag has done so by now.
            TaggedFriend.objects.filter(friend_id=user_id, user_id__in=batch).delete()
    while batch := list(FriendRequest.objects.filter(sender_id=user_id).values_list("recipient_id", flat=True)[:BATCH]):
        # What was kept for their phones shows the sender as they were.
        realtime.forget_events(user_ids=batch, type="friend.requested", about={"sender": {"id": str(user_id)}})
        FriendRequest.objects.filter(sender_id=user_id, recipient_id__in=batch).delete()
    # Whoever brings somebody belongs there, or did: their places lead to what has no index by them.
    theirs = Membership.objects.filter(user_id=user_id).values("conversation_id")
    invited = GroupInvitation.objects.filter(conversation_id__in=theirs, inviter_id=user_id)
    while people := list(invited.values_list("invitee_id", flat=True)[:BATCH]):
        realtime.forget_events(user_ids=people, type="group.invited", about={"inviter": {"id": str(user_id)}})
        invited.filter(invitee_id__in=people).delete()
    for rows in (
        FriendRequest.objects.filter(recipient_id=user_id),
        Block.objects.filter(user_id=user_id),
        GroupCreation.objects.filter(creator_id=user_id),
        Preferences.objects.filter(user_id=user_id),
        TaggedFriend.objects.filter(user_id=user_id),
        FriendTag.objects.filter(user_id=user_id),
        GroupLink.objects.filter(conversation_id__in=theirs, issuer_id=user_id),
        GroupInvitation.objects.filter(invitee_id=user_id),
        JoinRequest.objects.filter(conversation_id__in=theirs, inviter_id=user_id),
        JoinRequest.objects.filter(user_id=user_id),
        Notice.objects.filter(user_id=user_id),
        NoticeMute.objects.filter(user_id=user_id),
    ):
        rows.delete()
    for place in _places(user_id):
        HiddenMessage.objects.filter(conversation_id=place.conversation_id, user_id=user_id).delete()
    here = Membership.objects.filter(user_id=user_id, left_seq=None)
    while batch := list(here.values_list("conversation_id", flat=True)[:BATCH]):
        for conversation_id in batch:
            _leave(conversation_id, user_id)
    Membership.objects.filter(user_id=user_id).exclude(alias="").update(alias="")


def _leave(conversation_id: int, user_id: int) -> None:
    try:
        with transaction.atomic():
            _leave_group(enter(conversation_id=conversation_id, actor_id=user_id), user_id)
    except (NotFound, ConversationClosed):
        # No group, or one in whose log nobody writes any more.
        _end_place(conversation_id, user_id)


def _leave_group(group: Group, user_id: int) -> None:
    """As anybody else does, and whoever owns it hands it over: to the administrator who has been there for longest, or
    else the member. Nobody but them is asked."""
    members = Membership.objects.filter(conversation_id=group.id, left_seq=None)
    others = members.exclude(user_id=user_id).order_by("joined_at", "user_id")
    heir = others.filter(role=Role.ADMIN).first() or others.first()
    if group.mine.role == Role.OWNER and heir is not None:
        # In this order: the database knows one owner at a time.
        members.filter(user_id=user_id).update(role=Role.MEMBER, changed_at=Now())
        members.filter(user_id=heir.user_id).update(role=Role.OWNER, silenced_until=None, changed_at=Now())
        tell(group, Message.Kind.OWNER_CHANGED, owner_id=str(heir.user_id))
    let_go(group.conversation, user_id, tell(group, Message.Kind.MEMBER_LEFT))
    if heir is None:
        Conversation.objects.filter(id=group.id).update(closed_at=Now())


@transaction.atomic
def _end_place(conversation_id: int, user_id: int) -> None:
    """Their place stays up to here, so that the other one of two still sees with whom it was: it remains a conversation
    of two. Others have one member less."""
    log.lock(conversation_id)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_membership AS mine
            SET left_seq = c.last_seq, left_message_no = c.last_message_no, role = 'member',
                changed_at = clock_timestamp()
            FROM messaging_conversation AS c
            WHERE c.id = %(conversation)s AND mine.conversation_id = c.id AND mine.user_id = %(user)s
                AND mine.left_seq IS NULL
            """,
            {"conversation": conversation_id, "user": user_id},
        )
        if cursor.rowcount:
            others = Conversation.objects.filter(id=conversation_id).exclude(kind=Conversation.Kind.DIRECT)
            others.update(member_count=F("member_count") - 1)
