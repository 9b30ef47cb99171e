"""What somebody deletes for themselves: for nobody else has anything changed, so there is no row of the log."""

from dataclasses import dataclass

from django.db import connection, transaction

from messaging import access, mentions
from messaging.models import HiddenMessage, Membership
from messaging.services.marks import mark_read
from superapp.core.errors import NotFound
from superapp.realtime import push


@dataclass(frozen=True)
class Cleared:
    conversation_id: int
    cleared_seq: int


@transaction.atomic
def delete_message(*, actor_id: int, conversation_id: int, seq: int) -> None:
    """The actor sees of this row no more than that something was there, on any of their devices. Repeatable.

    Rows about other rows cannot be deleted by themselves. Raises ``NotFound``.
    """
    window = access.window(conversation_id=conversation_id, user_id=actor_id)
    if seq not in window:
        raise NotFound
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO messaging_hidden_message (conversation_id, user_id, seq)
            SELECT conversation_id, %(user)s, seq FROM messaging_message
            WHERE conversation_id = %(conversation)s AND seq = %(seq)s AND ref_seq IS NULL
            ON CONFLICT DO NOTHING
            """,
            {"conversation": conversation_id, "user": actor_id, "seq": seq},
        )
        is_new = cursor.rowcount > 0
    if is_new:
        _touch(actor_id, conversation_id)
        mentions.call_off_for(actor_id, conversation_id=conversation_id, seq=seq)
        _tell_own(actor_id, "message.deleted", conversation_id, seq=seq)
    elif not HiddenMessage.objects.filter(conversation_id=conversation_id, user_id=actor_id, seq=seq).exists():
        raise NotFound


@transaction.atomic
def clear_history(*, actor_id: int, conversation_id: int, seq: int) -> Cleared:
    """Rows up to ``seq`` are no longer the actor's to see, and are read. Never back, never beyond the last row, so that
    a retry takes nothing with it that came later. Raises ``NotFound``."""
    # No further than what is read now: a message that comes meanwhile is neither cleared nor lost among the unread.
    seq = min(seq, mark_read(actor_id=actor_id, conversation_id=conversation_id, seq=seq).read_seq)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_membership AS mine
            SET cleared_seq = LEAST(%(seq)s, COALESCE(mine.left_seq, c.last_seq)), changed_at = clock_timestamp()
            FROM messaging_conversation AS c
            WHERE c.id = mine.conversation_id AND mine.conversation_id = %(conversation)s AND mine.user_id = %(user)s
                AND mine.cleared_seq < LEAST(%(seq)s, COALESCE(mine.left_seq, c.last_seq))
            """,
            {"seq": seq, "conversation": conversation_id, "user": actor_id},
        )
        has_moved = cursor.rowcount > 0
    mine = Membership.objects.get(conversation_id=conversation_id, user_id=actor_id)
    if has_moved:
        HiddenMessage.objects.filter(
            conversation_id=conversation_id, user_id=actor_id, seq__lte=mine.cleared_seq
        ).delete()
        _tell_own(actor_id, "history.cleared", conversation_id, cleared_seq=mine.cleared_seq)
    return Cleared(conversation_id=conversation_id, cleared_seq=mine.cleared_seq)


def _touch(user_id: int, conversation_id: int) -> None:
    """What ``/sync/`` shows of the conversation has changed for them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_membership SET changed_at = clock_timestamp()"
            " WHERE conversation_id = %s AND user_id = %s",
            [conversation_id, user_id],
        )


def _tell_own(user_id: int, event_type: str, conversation_id: int, **what: int) -> None:
    push.to_users([user_id], type=event_type, payload={"conversation_id": str(conversation_id), **what}, keep=True)
