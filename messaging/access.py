"""Who may read and who may speak. Absent and not yours are the same answer."""

from django.db import connection

from messaging.errors import Blocked, NotFriends
from messaging.models import Membership
from superapp.core.errors import NotFound


def membership(*, conversation_id: int, user_id: int) -> Membership:
    """Raises ``NotFound``."""
    found = Membership.objects.filter(conversation_id=conversation_id, user_id=user_id).first()
    if found is None:
        raise NotFound
    return found


def check_may_speak(*, conversation_id: int, user_id: int) -> None:
    """One statement. Raises ``NotFound`` for strangers, and between two people ``Blocked`` or ``NotFriends``."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.kind, blocked.user_id IS NOT NULL, friend.user_id IS NOT NULL
            FROM messaging_membership AS mine
            JOIN messaging_conversation AS c ON c.id = mine.conversation_id
            LEFT JOIN messaging_membership AS peer
                ON c.kind = 'direct' AND peer.conversation_id = c.id AND peer.user_id <> mine.user_id
            LEFT JOIN messaging_block AS blocked
                ON blocked.user_id = peer.user_id AND blocked.blocked_id = mine.user_id
            LEFT JOIN messaging_friendship AS friend
                ON friend.user_id = peer.user_id AND friend.friend_id = mine.user_id
            WHERE mine.conversation_id = %s AND mine.user_id = %s
            """,
            [conversation_id, user_id],
        )
        row = cursor.fetchone()
    if row is None:
        raise NotFound
    kind, blocked, friends = row
    if kind == "direct":
        if blocked:
            raise Blocked
        if not friends:
            raise NotFriends
