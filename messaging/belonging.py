"""Coming to a group and going from it: what everything that changes who belongs does under the group's lock.

Each service locks the group first, looks at it then, and writes its row last. So of two changes that do not go together
one comes second, sees what the first did, and is refused; and a message is written before a removal or not at all.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection
from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Now

from messaging import access, log
from messaging.errors import AdminsOnly, ConversationClosed, GroupTooLarge, OwnerOnly
from messaging.events import MemberLeft, MembersJoined
from messaging.frames import conversation_topic
from messaging.models import GROUP_LIMIT, Conversation, Membership, Message
from superapp.core.errors import NotFound
from superapp.core.events import publish
from superapp.realtime import push

Role = Membership.Role
_RANK = {Role.MEMBER.value: 0, Role.ADMIN.value: 1, Role.OWNER.value: 2}


@dataclass(frozen=True)
class Group:
    """A group that is locked until the transaction ends, and somebody's place in it."""

    conversation: Conversation
    mine: Membership

    @property
    def id(self) -> int:
        return self.conversation.id

    def check_is_run_by_me(self) -> None:
        """Raises ``AdminsOnly``."""
        if self.mine.role == Role.MEMBER:
            raise AdminsOnly

    def check_is_mine(self) -> None:
        """Raises ``OwnerOnly``."""
        if self.mine.role != Role.OWNER:
            raise OwnerOnly

    def check_is_above(self, other: Membership) -> None:
        """The owner decides over everybody, an administrator over members. Raises ``AdminsOnly`` or ``OwnerOnly``."""
        self.check_is_run_by_me()
        if _RANK[self.mine.role] <= _RANK[other.role]:
            raise OwnerOnly

    def member(self, user_id: int) -> Membership:
        """Raises ``NotFound`` for whoever is not there now."""
        return access.membership(conversation_id=self.id, user_id=user_id)


def enter(*, conversation_id: int, actor_id: int) -> Group:
    """Lock an open group as one of its members. A stranger's attempt locks nothing.

    Raises ``NotFound`` or ``ConversationClosed``.
    """
    mine = Membership.objects.filter(conversation_id=OuterRef("id"), user_id=actor_id, left_seq=None)
    locked = Conversation.objects.select_for_update(no_key=True).filter(Exists(mine), id=conversation_id)
    conversation = _open_group(locked.first())
    # Read under the lock: whoever waited for it may have lost their place meanwhile.
    return Group(conversation, access.membership(conversation_id=conversation_id, user_id=actor_id))


def lock(conversation_id: int) -> Conversation:
    """Lock an open group for somebody who comes to it. Raises ``NotFound`` or ``ConversationClosed``."""
    return _open_group(Conversation.objects.select_for_update(no_key=True).filter(id=conversation_id).first())


def _open_group(conversation: Conversation | None) -> Conversation:
    if conversation is None or conversation.kind != Conversation.Kind.GROUP:
        raise NotFound
    if conversation.closed_at:
        raise ConversationClosed
    return conversation


def may_add(conversation: Conversation, membership: Membership) -> bool:
    return membership.left_seq is None and (conversation.members_may_add or membership.role != Role.MEMBER)


def let_in(conversation: Conversation, user_ids: Sequence[int]) -> None:
    """Give these people places from the row on that the caller writes next. Three statements, however many they are.

    They have read up to that row. Whoever was here before begins anew: what was said meanwhile is not theirs, unless
    newcomers see the history; being silenced is not over by having been away. Raises ``GroupTooLarge``.
    """
    check_room(conversation, len(user_ids))
    joined_seq = conversation.last_seq + 1
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO messaging_membership AS mine
                (conversation_id, user_id, role, joined_seq, read_seq, read_message_no, joined_at, changed_at)
            SELECT %(conversation)s, user_id, 'member', %(first)s, %(read)s, %(read_no)s, clock_timestamp(),
                clock_timestamp()
            FROM unnest(%(users)s) AS user_id
            ON CONFLICT (conversation_id, user_id) DO UPDATE
            SET role = 'member', joined_seq = EXCLUDED.joined_seq, read_seq = EXCLUDED.read_seq,
                read_message_no = EXCLUDED.read_message_no, joined_at = EXCLUDED.joined_at,
                changed_at = EXCLUDED.changed_at, left_seq = NULL, left_message_no = NULL, left_title = '', alias = '',
                mention_seq = 0, pinned_at = NULL, hidden_message_no = NULL, is_marked_unread = false
            WHERE mine.left_seq IS NOT NULL
            """,
            {
                "conversation": conversation.id,
                "first": 1 if conversation.newcomers_see_history else joined_seq,
                "read": joined_seq,
                "read_no": conversation.last_message_no,
                "users": list(user_ids),
            },
        )
        assert cursor.rowcount == len(user_ids), "the caller has looked who is here"
    Conversation.objects.filter(id=conversation.id).update(member_count=F("member_count") + len(user_ids))
    publish(MembersJoined(conversation_id=conversation.id, member_ids=tuple(user_ids), joined_seq=joined_seq))


def check_room(conversation: Conversation, count: int) -> None:
    if conversation.member_count + count > GROUP_LIMIT:
        raise GroupTooLarge(most=GROUP_LIMIT)


def let_go(conversation: Conversation, user_id: int, row: Message) -> None:
    """End somebody's place at ``row``, which says so. Two statements."""
    Membership.objects.filter(conversation_id=conversation.id, user_id=user_id).update(
        role=Role.MEMBER,
        left_seq=row.seq,
        left_message_no=row.message_no,
        left_title=conversation.title,
        changed_at=Now(),
        # Whoever goes by themselves has done with it; who is removed still finds it in their list.
        **({"hidden_message_no": row.message_no, "pinned_at": None} if row.sender_id == user_id else {}),
    )
    Conversation.objects.filter(id=conversation.id).update(member_count=F("member_count") - 1)
    publish(MemberLeft(conversation_id=conversation.id, user_id=user_id, left_seq=row.seq))


@contextmanager
def unsubscribed_first(*, conversation_id: int, user_id: int) -> Iterator[None]:
    """Around the transaction in which somebody goes: their devices stop listening before it begins.

    Told only after the commit, they might hear a message that was written behind the last row of theirs and published
    by a quicker process. Where nothing comes of it they are joined again, and told to look at what they missed.
    """
    topic = conversation_topic(conversation_id)
    push.drop(topic=topic, user_ids=[user_id])
    try:
        yield
    except Exception:
        if access.is_here(conversation_id=conversation_id, user_id=user_id):
            push.join(topic=topic, user_ids=[user_id])
        raise


def were_removed(conversation_id: int, user_ids: Iterable[int]) -> set[int]:
    """Who of these people is away because somebody removed them: the last row of theirs says so. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT gone.user_id FROM messaging_membership AS gone
            JOIN messaging_message AS last ON last.conversation_id = gone.conversation_id AND last.seq = gone.left_seq
            WHERE gone.conversation_id = %s AND gone.user_id = ANY(%s) AND last.kind = 'member_removed'
            """,
            [conversation_id, list(user_ids)],
        )
        return {user_id for (user_id,) in cursor.fetchall()}


def tell(group: Group, kind: str, *, counts: bool = False, is_shown: bool = True, **body: object) -> Message:
    """The row that says what the actor did."""
    return log.add(
        conversation_id=group.id, actor_id=group.mine.user_id, kind=kind, body=body, counts=counts, is_shown=is_shown
    )
