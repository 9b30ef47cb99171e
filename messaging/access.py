"""Who may read and who may speak. Absent and not yours are the same answer."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.utils import timezone

from messaging.errors import Blocked, ConversationClosed, NotFriends, Silenced
from messaging.log import COLUMNS, row
from messaging.models import Conversation, Membership, Message
from superapp.core.api.fields import rfc3339
from superapp.core.errors import NotFound
from superapp.core.ids import MAX_ID


def membership(*, conversation_id: int, user_id: int) -> Membership:
    """Of somebody who belongs to it now. Raises ``NotFound``."""
    found = Membership.objects.filter(conversation_id=conversation_id, user_id=user_id, left_seq=None).first()
    if found is None:
        raise NotFound
    return found


def is_here(*, conversation_id: int, user_id: int) -> bool:
    """Whether somebody belongs to it now."""
    return Membership.objects.filter(conversation_id=conversation_id, user_id=user_id, left_seq=None).exists()


@dataclass(frozen=True)
class Window:
    """The rows that somebody may read, both ends included: from where they joined or cleared to where they left."""

    first_seq: int
    last_seq: int

    def __contains__(self, seq: int) -> bool:
        return self.first_seq <= seq <= self.last_seq


def window(*, conversation_id: int, user_id: int) -> Window:
    """Also of somebody who has left, up to then. Raises ``NotFound`` for whoever never belonged."""
    found = Membership.objects.filter(conversation_id=conversation_id, user_id=user_id).first()
    if found is None:
        raise NotFound
    return window_of(found)


def window_of(found: Membership) -> Window:
    last_seq = MAX_ID if found.left_seq is None else found.left_seq
    return Window(first_seq=max(found.joined_seq, found.cleared_seq + 1), last_seq=last_seq)


def message(*, conversation_id: int, user_id: int, seq: int) -> Message:
    """A row that somebody may read and has not deleted for themselves. One statement. Raises ``NotFound``."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT m.* FROM messaging_membership AS mine
            JOIN LATERAL (
                SELECT {COLUMNS} FROM messaging_message WHERE conversation_id = mine.conversation_id AND seq = %(seq)s
            ) AS m ON true
            WHERE mine.conversation_id = %(conversation)s AND mine.user_id = %(user)s
                AND %(seq)s >= mine.joined_seq AND %(seq)s > mine.cleared_seq
                AND (mine.left_seq IS NULL OR %(seq)s <= mine.left_seq)
                AND NOT EXISTS (
                    SELECT 1 FROM messaging_hidden_message AS hidden
                    WHERE hidden.conversation_id = mine.conversation_id AND hidden.user_id = mine.user_id
                        AND hidden.seq = %(seq)s)
            """,  # noqa: S608  (our own names of columns)
            {"conversation": conversation_id, "user": user_id, "seq": seq},
        )
        found = cursor.fetchone()
    if found is None:
        raise NotFound
    return row(found)


def check_may_speak(*, conversation_id: int, user_id: int) -> str:
    """Returns as whom: a persona's key, or empty. One statement.

    Raises ``NotFound`` for strangers, ``ConversationClosed``, in groups ``Silenced``, and between two people
    ``Blocked`` or ``NotFriends``.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.kind, c.closed_at, c.closes_at, c.is_silenced AND mine.role = 'member', mine.silenced_until,
                blocked.user_id IS NOT NULL, friend.user_id IS NOT NULL,
                mine.persona
            FROM messaging_membership AS mine
            JOIN messaging_conversation AS c ON c.id = mine.conversation_id
            LEFT JOIN messaging_membership AS peer
                ON c.kind = 'direct' AND peer.conversation_id = c.id AND peer.user_id <> mine.user_id
            LEFT JOIN messaging_block AS blocked
                ON blocked.user_id = peer.user_id AND blocked.blocked_id = mine.user_id
            LEFT JOIN messaging_friendship AS friend
                ON friend.user_id = peer.user_id AND friend.friend_id = mine.user_id
            WHERE mine.conversation_id = %s AND mine.user_id = %s AND mine.left_seq IS NULL
            """,
            [conversation_id, user_id],
        )
        found = cursor.fetchone()
    if found is None:
        raise NotFound
    kind, closed_at, closes_at, all_silenced, silenced_until, blocked, friends, persona = found
    if closed_at or _is_past(closes_at):
        raise ConversationClosed
    if all_silenced:
        raise Silenced
    if silenced_until and not _is_past(silenced_until):
        raise Silenced(until=rfc3339(silenced_until))
    if kind == "direct":
        if blocked:
            raise Blocked
        if not friends:
            raise NotFriends
    return str(persona)


def check_is_open(conversation_id: int) -> None:
    """For the house, which speaks anywhere while it is open. Raises ``NotFound``, ``ConversationClosed``."""
    found = Conversation.objects.filter(id=conversation_id).values_list("closed_at", "closes_at").first()
    if found is None:
        raise NotFound
    if found[0] or _is_past(found[1]):
        raise ConversationClosed


def _is_past(moment: datetime | None) -> bool:
    return moment is not None and moment <= timezone.now()
