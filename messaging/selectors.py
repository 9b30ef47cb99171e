"""Reads: what somebody may see of contacts, conversations and messages."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from messaging import access
from messaging.frames import message_frame
from messaging.models import Block, Conversation, FriendRequest, Friendship, Membership, Message, Preferences
from superapp.accounts import selectors as accounts
from superapp.core.api.fields import rfc3339
from superapp.core.errors import NotFound
from superapp.core.ids import MAX_ID
from superapp.realtime import selectors as realtime

Json = dict[str, Any]
SYNC_PAGE = 100

# --- conversations ----------------------------------------------------------------------------------------------------


def is_member(user_id: int, reference: str) -> bool:
    """``reference`` is a conversation's id as text, from a topic; any other text is nobody's conversation."""
    if not (reference.isascii() and reference.isdigit()) or len(reference) > 19 or int(reference) > MAX_ID:
        return False
    if reference != str(int(reference)):
        # 007 would be a topic of its own, to which nothing is ever pushed.
        return False
    return Membership.objects.filter(conversation_id=int(reference), user_id=user_id).exists()


def conversation_ids_of(user_id: int) -> list[str]:
    return [
        str(found) for found in Membership.objects.filter(user_id=user_id).values_list("conversation_id", flat=True)
    ]


def conversations_of(user_id: int) -> QuerySet[Conversation]:
    """The person's conversations that have something in them; page by ``-changed_at, -id``."""
    mine = Membership.objects.filter(user_id=user_id).values("conversation_id")
    return Conversation.objects.filter(id__in=mine, last_seq__gt=0)


def conversation_frame(*, actor_id: int, conversation_id: int) -> Json:
    """One conversation as its member sees it. Raises ``NotFound``."""
    frames = conversation_frames(actor_id=actor_id, conversation_ids=[conversation_id])
    if not frames:
        raise NotFound
    return frames[0]


_FRAMES = """
    SELECT c.id, c.kind, c.title, c.member_count, c.last_seq, c.changed_at,
        mine.read_seq, c.last_message_no - mine.read_message_no,
        peer.user_id,
        CASE WHEN my_choice.shares_read_marks AND peer_choice.shares_read_marks AND are_close.user_id IS NOT NULL
            THEN peer.read_seq END,
        last.message_no, last.sender_id, last.client_id, last.kind, last.body::text, last.created_at
    FROM messaging_membership AS mine
    JOIN messaging_conversation AS c ON c.id = mine.conversation_id
    LEFT JOIN messaging_membership AS peer
        ON c.kind = 'direct' AND peer.conversation_id = c.id AND peer.user_id <> mine.user_id
    LEFT JOIN messaging_preferences AS my_choice ON my_choice.user_id = mine.user_id
    LEFT JOIN messaging_preferences AS peer_choice ON peer_choice.user_id = peer.user_id
    LEFT JOIN messaging_friendship AS are_close
        ON are_close.user_id = mine.user_id AND are_close.friend_id = peer.user_id AND NOT EXISTS (
            SELECT 1 FROM messaging_block AS b
            WHERE (b.user_id, b.blocked_id) IN ((mine.user_id, peer.user_id), (peer.user_id, mine.user_id)))
    LEFT JOIN messaging_message AS last
        ON last.conversation_id = c.id AND last.seq = c.last_seq AND last.seq >= mine.joined_seq
    WHERE mine.user_id = %s AND mine.conversation_id = ANY(%s)
"""


def conversation_frames(*, actor_id: int, conversation_ids: Sequence[int]) -> list[Json]:
    """Conversations as their member sees them, in the order asked for; others' are left out. Two statements."""
    with connection.cursor() as cursor:
        cursor.execute(_FRAMES, [actor_id, list(conversation_ids)])
        rows = {row[0]: row for row in cursor.fetchall()}
    people = accounts.users(row[8] for row in rows.values() if row[8])
    return [_conversation_frame(rows[found], people) for found in conversation_ids if found in rows]


def _conversation_frame(row: tuple[Any, ...], people: dict[int, Any]) -> Json:
    (conversation_id, kind, title, member_count, last_seq, changed_at, read_seq, unread, peer_id, peer_read_seq) = row[
        :10
    ]
    peer = people.get(peer_id)
    return {
        "id": str(conversation_id),
        "kind": kind,
        "title": title,
        "member_count": member_count,
        "last_seq": last_seq,
        "last_at": rfc3339(changed_at),
        "last_message": _last_message_frame(conversation_id, last_seq, row[10:]),
        "mine": {
            "read_seq": read_seq,
            "unread": unread,
            "peer": accounts.profile_frame(peer) if peer else None,
            "peer_read_seq": peer_read_seq,
        },
    }


def _last_message_frame(conversation_id: int, seq: int, row: tuple[Any, ...]) -> Json | None:
    message_no, sender_id, client_id, kind, body, created_at = row
    if message_no is None:
        return None
    return message_frame(
        Message(
            conversation_id=conversation_id,
            seq=seq,
            message_no=message_no,
            sender_id=sender_id,
            client_id=client_id,
            kind=kind,
            body=json.loads(body),
            created_at=created_at,
        )
    )


def members_of(*, actor_id: int, conversation_id: int) -> QuerySet[Membership]:
    """Page by ``joined_at, user_id``. Raises ``NotFound``."""
    access.membership(conversation_id=conversation_id, user_id=actor_id)
    return Membership.objects.filter(conversation_id=conversation_id)


def peer_who_may_see_read_marks(*, conversation_id: int, user_id: int) -> int | None:
    """The other one of a conversation of two, where both share their read marks, are friends and neither has blocked
    the other. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT peer.user_id FROM messaging_conversation AS c
            JOIN messaging_membership AS peer ON peer.conversation_id = c.id AND peer.user_id <> %(me)s
            JOIN messaging_preferences AS mine ON mine.user_id = %(me)s AND mine.shares_read_marks
            JOIN messaging_preferences AS theirs ON theirs.user_id = peer.user_id AND theirs.shares_read_marks
            JOIN messaging_friendship AS friend ON friend.user_id = %(me)s AND friend.friend_id = peer.user_id
            WHERE c.id = %(conversation)s AND c.kind = 'direct' AND NOT EXISTS (
                SELECT 1 FROM messaging_block AS b
                WHERE (b.user_id, b.blocked_id) IN ((%(me)s, peer.user_id), (peer.user_id, %(me)s)))
            """,
            {"me": user_id, "conversation": conversation_id},
        )
        row = cursor.fetchone()
    return row[0] if row else None


# --- messages ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MessagePage:
    """Rows in ascending order, and whether the log goes on before and after them."""

    rows: list[Message]
    has_older: bool
    has_newer: bool


def messages(*, actor_id: int, conversation_id: int, after: int | None, before: int | None, limit: int) -> MessagePage:
    """A stretch of the log: the first rows behind ``after``, the last before ``before``, or the newest.

    Raises ``NotFound``.
    """
    joined_seq = access.membership(conversation_id=conversation_id, user_id=actor_id).joined_seq
    rows = Message.objects.filter(conversation_id=conversation_id, seq__gte=joined_seq)
    if after is not None:
        found = list(rows.filter(seq__gt=after).order_by("seq")[: limit + 1])
        older = bool(found) and found[0].seq > joined_seq
        return MessagePage(rows=found[:limit], has_older=older, has_newer=len(found) > limit)
    if before is not None:
        rows = rows.filter(seq__lt=before)
    found = list(rows.order_by("-seq")[: limit + 1])
    return MessagePage(rows=found[:limit][::-1], has_older=len(found) > limit, has_newer=before is not None)


def readable_references(viewer_id: int, references: set[str]) -> set[str]:
    """Which of these places (``conversation_id:seq``) somebody may read: the rule behind photos. One statement."""
    places = {reference: tuple(map(int, reference.split(":"))) for reference in references}
    joined = dict(
        Membership.objects.filter(
            user_id=viewer_id, conversation_id__in={conversation_id for conversation_id, _seq in places.values()}
        ).values_list("conversation_id", "joined_seq")
    )
    return {
        reference
        for reference, (conversation_id, seq) in places.items()
        if conversation_id in joined and seq >= joined[conversation_id]
    }


# --- catching up ------------------------------------------------------------------------------------------------------


def sync(*, user_id: int, cursor: str) -> Json:
    """What changed since ``cursor`` in somebody's conversations and kept events; every conversation without one.

    What does not fit on one page goes on under the next cursor; the last page's begins where the first one's clock
    stood. Raises ``InvalidInput``.
    """
    since, position = realtime.read_sync_cursor(cursor) if cursor else (None, realtime.SyncPosition())
    until = position.until or realtime.database_time()
    ids = _changed_conversation_ids(user_id, since, after=position.conversation_id)
    events = (
        realtime.kept_events(user_id=user_id, since=since, after=position.event, limit=SYNC_PAGE + 1) if since else []
    )
    has_more = len(ids) > SYNC_PAGE or len(events) > SYNC_PAGE
    ids, events = ids[:SYNC_PAGE], events[:SYNC_PAGE]
    if has_more:
        next_cursor = realtime.sync_cursor(
            since,
            realtime.SyncPosition(
                until=until,
                conversation_id=ids[-1] if ids else position.conversation_id,
                event=(events[-1].created_at, events[-1].id) if events else position.event,
            ),
        )
    else:
        next_cursor = realtime.sync_cursor(until)
    return {
        "conversations": conversation_frames(actor_id=user_id, conversation_ids=ids),
        "events": [realtime.kept_event_frame(event) for event in events],
        "cursor": next_cursor,
        "has_more": has_more,
    }


def _changed_conversation_ids(user_id: int, since: datetime | None, *, after: int) -> list[int]:
    mine = Membership.objects.filter(user_id=user_id, conversation_id__gt=after, conversation__last_seq__gt=0)
    if since is not None:
        horizon = since - realtime.OVERLAP
        mine = mine.filter(Q(conversation__changed_at__gt=horizon) | Q(changed_at__gt=horizon))
    return list(mine.order_by("conversation_id").values_list("conversation_id", flat=True)[: SYNC_PAGE + 1])


# --- contacts ---------------------------------------------------------------------------------------------------------


def friends_of(user_id: int) -> QuerySet[Friendship]:
    """Page by ``-created_at, -friend_id``."""
    return Friendship.objects.filter(user_id=user_id)


def friendship(*, actor_id: int, friend_id: int) -> Friendship:
    """Raises ``NotFound``."""
    found = Friendship.objects.filter(user_id=actor_id, friend_id=friend_id).first()
    if found is None:
        raise NotFound
    return found


def friend_requests(*, actor_id: int, direction: str) -> QuerySet[FriendRequest]:
    """``incoming`` or ``outgoing``; page by ``-created_at, -id``. Show them through ``hide_refusals``."""
    if direction == "incoming":
        return FriendRequest.objects.filter(recipient_id=actor_id)
    return FriendRequest.objects.filter(sender_id=actor_id)


def hide_refusals(requests: Iterable[FriendRequest], *, viewer_id: int) -> None:
    """A sender is not told of a refusal: for them the request still waits."""
    for request in requests:
        if request.sender_id == viewer_id and request.state == FriendRequest.State.DECLINED:
            request.state = FriendRequest.State.PENDING


def blocks_of(user_id: int) -> QuerySet[Block]:
    """Page by ``-created_at, -blocked_id``."""
    return Block.objects.filter(user_id=user_id)


def preferences_of(user_id: int) -> Preferences:
    return Preferences.objects.filter(user_id=user_id).first() or Preferences(user_id=user_id)


def show_people(rows: Iterable[Any], **attributes: str) -> None:
    """Put the people beside rows that hold their ids: ``show_people(rows, user="friend_id")``. One statement."""
    rows = list(rows)
    people = accounts.users(getattr(row, id_name) for row in rows for id_name in attributes.values())
    for row in rows:
        for name, id_name in attributes.items():
            setattr(row, name, people[getattr(row, id_name)])
