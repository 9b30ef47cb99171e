"""How far somebody has read, and that somebody is writing."""

from dataclasses import dataclass

from django.db import connection, transaction

from messaging import registry
from messaging.access import check_may_speak
from messaging.events import MineChanged, ReadMarkMoved
from messaging.frames import conversation_topic
from superapp.core import limits
from superapp.core.errors import NotFound, TooManyRequests
from superapp.core.events import publish
from superapp.realtime import push


@dataclass(frozen=True)
class ReadMark:
    conversation_id: int
    read_seq: int
    unread: int


@transaction.atomic
def mark_read(*, actor_id: int, conversation_id: int, seq: int) -> ReadMark:
    """Move the actor's mark forward to ``seq``: never back, never beyond the last row. Whoever reads, however far, no
    longer has it marked unread.

    Repeatable from any number of devices in any order. Raises ``NotFound``.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH target AS (
                SELECT LEAST(%(seq)s, COALESCE(mine.left_seq, c.last_seq)) AS seq, mine.read_seq AS was,
                    mine.is_marked_unread
                FROM messaging_membership AS mine JOIN messaging_conversation AS c ON c.id = mine.conversation_id
                WHERE mine.conversation_id = %(conversation)s AND mine.user_id = %(actor)s
                    AND (mine.is_marked_unread OR mine.read_seq < LEAST(%(seq)s, COALESCE(mine.left_seq, c.last_seq)))
                FOR NO KEY UPDATE OF mine
            )
            UPDATE messaging_membership AS mine
            SET read_seq = GREATEST(target.seq, target.was),
                read_message_no = CASE WHEN target.seq > target.was THEN (
                    SELECT message_no FROM messaging_message
                    WHERE conversation_id = %(conversation)s AND seq = target.seq) ELSE read_message_no END,
                is_marked_unread = false, changed_at = clock_timestamp()
            FROM target
            WHERE conversation_id = %(conversation)s AND user_id = %(actor)s
            RETURNING target.seq > target.was, target.is_marked_unread
            """,
            {"seq": seq, "conversation": conversation_id, "actor": actor_id},
        )
        has_moved, was_marked_unread = cursor.fetchone() or (False, False)
        cursor.execute(
            """
            SELECT read_seq, GREATEST(COALESCE(left_message_no, last_message_no) - read_message_no, 0)
            FROM messaging_membership JOIN messaging_conversation AS c ON c.id = conversation_id
            WHERE conversation_id = %s AND user_id = %s
            """,
            [conversation_id, actor_id],
        )
        row = cursor.fetchone()
    if row is None:
        raise NotFound
    mark = ReadMark(conversation_id=conversation_id, read_seq=row[0], unread=row[1])
    if has_moved:
        publish(
            ReadMarkMoved(conversation_id=conversation_id, user_id=actor_id, read_seq=mark.read_seq, unread=mark.unread)
        )
    if was_marked_unread:
        publish(MineChanged(conversation_id=conversation_id, user_id=actor_id))
    return mark


def show_typing(*, actor_id: int, conversation_id: int) -> None:
    """Tell the others that the actor is writing. Too often is silently ignored: nobody waits for an answer to it.

    Raises what sending would: ``NotFound``, ``Blocked``, ``NotFriends``.
    """
    try:
        limits.take(action="messaging.typing.user", subject=f"{actor_id}:{conversation_id}")
    except TooManyRequests:
        return
    key = check_may_speak(conversation_id=conversation_id, user_id=actor_id)
    push.to_topic(
        conversation_topic(conversation_id),
        type="typing",
        payload={
            "conversation_id": str(conversation_id),
            "user_id": None if key else str(actor_id),
            "persona": registry.personas.shown([key])[key] if key else None,
        },
    )
