"""Who finds whom, and who may know that somebody is there: reads over what people allow others."""

from collections.abc import Callable, Iterable
from typing import Literal

from django.db import connection

from superapp.accounts import selectors as accounts
from superapp.accounts.models import User
from superapp.core.errors import NotFound
from superapp.realtime import presence

#: What one search shows; there is no next page.
MOST_FOUND = 10
SHORTEST_PREFIX = 3


def found_by_handle(*, viewer_id: int, handle: str) -> User:
    """The person with exactly this handle. Raises ``NotFound``, also for who does not want to be found by it."""
    return _found(viewer_id, lambda: accounts.user_by_handle(handle, viewer_id=viewer_id), by="handle")


def found_by_id(*, viewer_id: int, user_id: int) -> User:
    """Somebody of whom the viewer knows no more than the id, as after a search: found as by handle. Raises
    ``NotFound``."""
    return _found(viewer_id, lambda: accounts.visible_user(user_id, viewer_id=viewer_id), by="handle")


def found_by_phone(*, viewer_id: int, phone: str) -> User:
    """The person with exactly this number (E.164). Raises ``NotFound`` alike for nobody's number and for somebody who
    does not want to be found by it."""
    return _found(viewer_id, lambda: accounts.user_by_phone(phone, viewer_id=viewer_id), by="phone")


def search(*, viewer_id: int, prefix: str) -> list[User]:
    """At most ``MOST_FOUND`` people whose handle begins so and who let themselves be found by it, by handle."""
    # Some of them will not be shown; whoever looks for somebody in particular types on.
    candidates = accounts.users_with_handle_like(prefix, limit=4 * MOST_FOUND)
    allowed = findable(viewer_id=viewer_id, user_ids=[user.id for user in candidates], by="handle")
    return [user for user in candidates if user.id in allowed][:MOST_FOUND]


def findable(*, viewer_id: int, user_ids: Iterable[int], by: Literal["handle", "phone"]) -> set[int]:
    """Those of these people whom the viewer finds so: who allow it to all, and friends, but for those who have blocked
    the viewer. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT person.id FROM unnest(%(people)s::bigint[]) AS person (id)
            LEFT JOIN messaging_preferences AS choice ON choice.user_id = person.id
            LEFT JOIN messaging_friendship AS friend ON friend.user_id = person.id AND friend.friend_id = %(viewer)s
            WHERE NOT EXISTS (
                    SELECT 1 FROM messaging_block WHERE user_id = person.id AND blocked_id = %(viewer)s)
                AND (person.id = %(viewer)s OR friend.user_id IS NOT NULL OR CASE %(by)s
                    WHEN 'handle' THEN COALESCE(choice.is_found_by_handle, true)
                    ELSE COALESCE(choice.is_found_by_phone, false) END)
            """,
            {"people": list(user_ids), "viewer": viewer_id, "by": by},
        )
        return {user_id for (user_id,) in cursor.fetchall()}


def are_together(one: int, other: int, *, conversation_id: int) -> bool:
    """Whether both belong to this conversation of several now, as themselves: nobody finds out who a persona is by
    trying."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FROM messaging_membership AS m JOIN messaging_conversation AS c ON c.id = m.conversation_id
            WHERE c.id = %s AND c.kind <> 'direct' AND m.user_id IN (%s, %s) AND m.left_seq IS NULL AND m.persona = ''
            """,
            [conversation_id, one, other],
        )
        return bool(cursor.fetchone()[0] == 2)


def was_shown_card_of(user_id: int, *, viewer_id: int, conversation_id: int, seq: int) -> bool:
    """Whether this row, which the viewer may read, is somebody else's contact card of the person."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT 1 FROM messaging_membership AS mine JOIN messaging_message AS m USING (conversation_id)
            WHERE mine.conversation_id = %(conversation)s AND mine.user_id = %(viewer)s AND m.seq = %(seq)s
                AND m.kind = 'contact' AND m.recalled_at IS NULL AND m.sender_id <> %(viewer)s
                AND m.body ->> 'user_id' = %(person)s
                AND m.seq >= mine.joined_seq AND m.seq > mine.cleared_seq AND m.seq <= COALESCE(mine.left_seq, m.seq)
            """,
            {"conversation": conversation_id, "viewer": viewer_id, "seq": seq, "person": str(user_id)},
        )
        return cursor.fetchone() is not None


def online_friends(user_id: int) -> list[int]:
    """Which of somebody's friends are there, of those who show it to friends and between whom and them there is no
    block. One statement and one question to Redis."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT friend.friend_id FROM messaging_friendship AS friend
            LEFT JOIN messaging_preferences AS choice ON choice.user_id = friend.friend_id
            WHERE friend.user_id = %(me)s AND COALESCE(choice.presence_for, 'friends') = 'friends' AND NOT EXISTS (
                SELECT 1 FROM messaging_block AS b
                WHERE (b.user_id, b.blocked_id) IN ((%(me)s, friend.friend_id), (friend.friend_id, %(me)s)))
            """,
            {"me": user_id},
        )
        shown = [friend_id for (friend_id,) in cursor.fetchall()]
    return sorted(presence.online(shown))


def _found(viewer_id: int, look_up: Callable[[], User], *, by: Literal["handle", "phone"]) -> User:
    """After as many statements where there is nobody as where somebody does not want to be found."""
    try:
        user = look_up()
    except NotFound:
        findable(viewer_id=viewer_id, user_ids=[0], by=by)
        raise
    if not findable(viewer_id=viewer_id, user_ids=[user.id], by=by):
        raise NotFound
    return user
