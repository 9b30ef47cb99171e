"""Calling people: by name, or all at once. What is written is where they are called last, and only for those called."""

from collections.abc import Sequence

from django.db import connection


def call(*, conversation_id: int, seq: int, user_ids: Sequence[int]) -> list[int]:
    """Those of the people who belong to it now are called by the row; returns them, in the order given. One statement,
    under the conversation's lock. Whoever is a persona there cannot be called by their own name: it would tell it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_membership SET mention_seq = GREATEST(mention_seq, %s), changed_at = clock_timestamp()
            WHERE conversation_id = %s AND user_id = ANY(%s) AND left_seq IS NULL AND persona = ''
            RETURNING user_id
            """,
            [seq, conversation_id, list(user_ids)],
        )
        called = {user_id for (user_id,) in cursor.fetchall()}
    return [user_id for user_id in dict.fromkeys(user_ids) if user_id in called]


def call_all(*, conversation_id: int, seq: int, caller_id: int) -> bool:
    """Everybody in a group is called by the row, if the caller may do that. One statement, under its lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_conversation AS c SET mention_all_seq = GREATEST(mention_all_seq, %(seq)s)
            FROM messaging_membership AS mine
            WHERE c.id = %(conversation)s AND c.kind = 'group'
                AND mine.conversation_id = c.id AND mine.user_id = %(caller)s AND mine.left_seq IS NULL
                AND (c.members_may_mention_all OR mine.role <> 'member')
            """,
            {"conversation": conversation_id, "seq": seq, "caller": caller_id},
        )
        return cursor.rowcount > 0
