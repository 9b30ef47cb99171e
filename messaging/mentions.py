"""Calling people: by name, or all at once. What is written is where they are called last, and only for those called."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection

#: How far back an earlier call is looked for when one is taken back.
_LOOK_BACK = 1000


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


def call_off(was: Mapping[str, Any], *, conversation_id: int, seq: int, but: Mapping[str, Any] | None = None) -> None:
    """The row no longer calls whom its body called, ``but`` for those whom the new body does: the call before it, if it
    is still unread and among the last thousand rows, stands again. At most two statements, under the lock."""
    still = but or {}
    gone = set(was.get("mention_ids", ())) - set(still.get("mention_ids", ()))
    if gone:
        _call_off_named(conversation_id, seq, [int(user_id) for user_id in gone])
    if was.get("mentions_all") and not still.get("mentions_all"):
        _call_off_all(conversation_id, seq)


def call_off_for(user_id: int, *, conversation_id: int, seq: int) -> None:
    """Of this one person only, who deleted the row for themselves. One statement."""
    _call_off_named(conversation_id, seq, [user_id])


def _call_off_named(conversation_id: int, seq: int, user_ids: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_membership AS mine
            SET changed_at = clock_timestamp(), mention_seq = COALESCE((
                SELECT max(m.seq) FROM messaging_message AS m
                WHERE m.conversation_id = %(conversation)s AND m.seq < %(seq)s
                    AND m.seq > GREATEST(mine.read_seq, %(seq)s - %(look_back)s)
                    AND m.body -> 'mention_ids' ? mine.user_id::text
                    AND NOT EXISTS (
                        SELECT 1 FROM messaging_hidden_message AS hidden
                        WHERE hidden.conversation_id = m.conversation_id AND hidden.user_id = mine.user_id
                            AND hidden.seq = m.seq)), 0)
            WHERE mine.conversation_id = %(conversation)s AND mine.user_id = ANY(%(users)s)
                AND mine.mention_seq = %(seq)s
            """,
            {"conversation": conversation_id, "seq": seq, "users": user_ids, "look_back": _LOOK_BACK},
        )


def _call_off_all(conversation_id: int, seq: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_conversation SET mention_all_seq = COALESCE((
                SELECT max(m.seq) FROM messaging_message AS m
                WHERE m.conversation_id = %(conversation)s AND m.seq < %(seq)s AND m.seq > %(seq)s - %(look_back)s
                    AND (m.body -> 'mentions_all' = 'true' OR m.kind = 'notice_changed')), 0)
            WHERE id = %(conversation)s AND mention_all_seq = %(seq)s
            """,
            {"conversation": conversation_id, "seq": seq, "look_back": _LOOK_BACK},
        )
