"""Lists of conversations, and who has read what: reads that span many memberships."""

from django.db import connection
from django.db.models import Case, DateTimeField, F, OuterRef, Q, QuerySet, SmallIntegerField, Subquery, Value, When
from django.db.models.functions import Coalesce

from messaging.errors import GroupTooLargeForReaders, ReadMarksNotShared
from messaging.models import Conversation, Membership, Message
from superapp.core.errors import NotFound

#: In a larger group it is a question that nobody asks, about people who did not expect it.
MOST_FOR_READERS = 50
#: The order of the list, for ``paginate``.
ORDER = ("-is_on_top", "-shown_at", "-conversation_id")


def conversations_of(user_id: int, *, only: str = "all") -> QuerySet[Membership]:
    """The person's places in conversations that have something in them and are not hidden; page by ``ORDER``.

    ``only``: ``all``, ``unread`` or ``groups``. Sorted for each page: a list is as long as its owner has
    conversations, and an index over what changes with every message would cost more than it saves.
    """
    # Where somebody has left, time stands still.
    left_at = Message.objects.filter(conversation_id=OuterRef("conversation_id"), seq=OuterRef("left_seq"))
    mine = (
        Membership.objects.filter(user_id=user_id, conversation__last_seq__gt=0)
        .annotate(
            is_on_top=Case(
                When(pinned_at__isnull=False, then=Value(1)), default=Value(0), output_field=SmallIntegerField()
            ),
            shown_at=Case(
                When(left_seq=None, then=F("conversation__last_at")),
                default=Subquery(left_at.values("created_at")),
                output_field=DateTimeField(),
            ),
            last_no=Coalesce("left_message_no", "conversation__last_message_no"),
        )
        .filter(Q(hidden_message_no=None) | Q(hidden_message_no__lt=F("last_no")))
    )
    if only == "unread":
        return mine.filter(Q(is_marked_unread=True) | Q(last_no__gt=F("read_message_no")))
    if only == "groups":
        return mine.filter(conversation__kind=Conversation.Kind.GROUP)
    return mine


def readers_of(*, actor_id: int, conversation_id: int, seq: int) -> list[int]:
    """Who of a small group has read row ``seq``, the first to join first: those who share their read marks, for
    somebody who shares theirs. Two statements; nothing is stored for it.

    Raises ``NotFound``, ``GroupTooLargeForReaders``, ``ReadMarksNotShared``.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.member_count, COALESCE(choice.shares_read_marks, false)
            FROM messaging_membership AS mine
            JOIN messaging_conversation AS c ON c.id = mine.conversation_id
            JOIN messaging_message AS m ON m.conversation_id = c.id AND m.seq = %(seq)s
                AND m.seq >= mine.joined_seq AND m.seq > mine.cleared_seq
            LEFT JOIN messaging_preferences AS choice ON choice.user_id = mine.user_id
            WHERE mine.conversation_id = %(conversation)s AND mine.user_id = %(me)s AND mine.left_seq IS NULL
            """,
            {"conversation": conversation_id, "me": actor_id, "seq": seq},
        )
        found = cursor.fetchone()
        if found is None:
            raise NotFound
        member_count, shares = found
        if member_count > MOST_FOR_READERS:
            raise GroupTooLargeForReaders(most=MOST_FOR_READERS)
        if not shares:
            raise ReadMarksNotShared
        cursor.execute(
            """
            SELECT reader.user_id FROM messaging_membership AS reader
            JOIN messaging_preferences AS choice ON choice.user_id = reader.user_id AND choice.shares_read_marks
            WHERE reader.conversation_id = %(conversation)s AND reader.user_id <> %(me)s AND reader.left_seq IS NULL
                AND reader.persona = ''
                AND reader.persona = ''
                AND reader.joined_seq <= %(seq)s AND reader.read_seq >= %(seq)s AND NOT EXISTS (
                    SELECT 1 FROM messaging_block AS b
                    WHERE (b.user_id, b.blocked_id) IN ((%(me)s, reader.user_id), (reader.user_id, %(me)s)))
            ORDER BY reader.joined_at, reader.user_id
            """,
            {"conversation": conversation_id, "me": actor_id, "seq": seq},
        )
        return [user_id for (user_id,) in cursor.fetchall()]
