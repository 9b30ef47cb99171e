"""How somebody wants a conversation to stand in their list."""

from django.db import connection, transaction

from messaging.errors import TooManyPinned
from messaging.events import MineChanged
from messaging.models import Membership
from superapp.core.errors import NotFound
from superapp.core.events import publish

#: More than that on top is a list again.
MOST_PINNED = 50


@transaction.atomic
def change_mine(
    *,
    actor_id: int,
    conversation_id: int,
    is_muted: bool | None = None,
    is_pinned: bool | None = None,
    is_hidden: bool | None = None,
    is_marked_unread: bool | None = None,
) -> None:
    """Change any of these for the actor alone, on all their devices. Repeatable.

    What is hidden comes back with the next message that counts, without its pin; what is pinned is not hidden. Raises
    ``NotFound`` for whoever never belonged, ``TooManyPinned``.
    """
    if is_pinned:
        _check_may_pin(actor_id, conversation_id)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_membership AS mine
            SET is_muted = COALESCE(%(muted)s::boolean, is_muted),
                is_marked_unread = COALESCE(%(marked)s::boolean, is_marked_unread),
                pinned_at = CASE
                    WHEN %(pinned)s::boolean THEN COALESCE(pinned_at, clock_timestamp())
                    WHEN NOT %(pinned)s::boolean OR %(hidden)s::boolean THEN NULL
                    ELSE pinned_at END,
                hidden_message_no = CASE
                    WHEN %(hidden)s::boolean THEN COALESCE(left_message_no, c.last_message_no)
                    WHEN NOT %(hidden)s::boolean OR %(pinned)s::boolean THEN NULL
                    ELSE hidden_message_no END,
                changed_at = clock_timestamp()
            FROM messaging_conversation AS c
            WHERE c.id = mine.conversation_id AND mine.conversation_id = %(conversation)s AND mine.user_id = %(actor)s
            """,
            {
                "muted": is_muted,
                "pinned": is_pinned,
                "hidden": is_hidden,
                "marked": is_marked_unread,
                "conversation": conversation_id,
                "actor": actor_id,
            },
        )
        if cursor.rowcount == 0:
            raise NotFound
    publish(MineChanged(conversation_id=conversation_id, user_id=actor_id))


def _check_may_pin(actor_id: int, conversation_id: int) -> None:
    """Two devices that pin at once queue up here: neither row alone knows how many there are."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"pins:{actor_id}"])
    others = Membership.objects.filter(user_id=actor_id, pinned_at__isnull=False)
    if others.exclude(conversation_id=conversation_id).count() >= MOST_PINNED:
        raise TooManyPinned(most=MOST_PINNED)
