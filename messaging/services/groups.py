"""Running a group: its title, notice and settings, who runs it, and who leaves it."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from messaging import access, log, mentions
from messaging.belonging import Group, Role, enter, let_go, tell, unsubscribed_first
from messaging.errors import ConversationClosed, OwnerMustStay, OwnerOnly, ThatIsYou
from messaging.models import Conversation, Membership, Message
from superapp.core import limits
from superapp.core.api.fields import rfc3339
from superapp.core.errors import InvalidInput, NotFound

Kind = Message.Kind


def change_group(*, actor_id: int, conversation_id: int, title: str | None = None, **settings: bool) -> None:
    """Rename a group, or change any of ``is_silenced``, ``members_may_add``, ``members_may_mention_all``,
    ``joins_need_approval`` and ``newcomers_see_history``. What is so already is no change.

    Raises ``NotFound``, ``ConversationClosed``, ``AdminsOnly``, ``TooManyRequests``.
    """
    _take(actor_id)
    with transaction.atomic():
        group = enter(conversation_id=conversation_id, actor_id=actor_id)
        group.check_is_run_by_me()
        if title is not None and title != group.conversation.title:
            _write(group, title=title)
            tell(group, Kind.TITLE_CHANGED, title=title)
        changed = {name: value for name, value in settings.items() if getattr(group.conversation, name) != value}
        if changed:
            _write(group, **changed)
            tell(group, Kind.SETTINGS_CHANGED, **changed)


def change_notice(*, actor_id: int, conversation_id: int, notice: str) -> None:
    """Put up what everybody in the group should know; empty takes it down. A new notice counts as unread and calls for
    everybody, as a mention of all does.

    Raises ``NotFound``, ``ConversationClosed``, ``AdminsOnly``, ``TooManyRequests``.
    """
    _take(actor_id)
    notice = notice.strip()
    with transaction.atomic():
        group = enter(conversation_id=conversation_id, actor_id=actor_id)
        group.check_is_run_by_me()
        if notice == group.conversation.notice:
            return
        _write(group, notice=notice)
        if not notice:
            tell(group, Kind.NOTICE_REMOVED)
            return
        row = tell(group, Kind.NOTICE_CHANGED, notice=notice, counts=True)
        mentions.call_all(conversation_id=group.id, seq=row.seq, caller_id=actor_id)
        log.mark_own_as_read(row, user_id=actor_id)


def appoint_admin(*, actor_id: int, conversation_id: int, user_id: int) -> None:
    """Let a member run the group beside its owner. Repeatable; nobody is an administrator and silenced.

    Raises ``NotFound`` (also where they are not there), ``ConversationClosed``, ``OwnerOnly``, ``TooManyRequests``.
    """
    _take(actor_id)
    with transaction.atomic():
        group = enter(conversation_id=conversation_id, actor_id=actor_id)
        group.check_is_mine()
        if group.member(user_id).role == Role.MEMBER:
            _place(group, user_id, role=Role.ADMIN, silenced_until=None)
            tell(group, Kind.ADMIN_APPOINTED, member_id=str(user_id))


def dismiss_admin(*, actor_id: int, conversation_id: int, user_id: int) -> None:
    """Make an administrator a member as everybody. Repeatable.

    Raises ``NotFound``, ``ConversationClosed``, ``OwnerOnly``, ``TooManyRequests``.
    """
    _take(actor_id)
    with transaction.atomic():
        group = enter(conversation_id=conversation_id, actor_id=actor_id)
        group.check_is_mine()
        if group.member(user_id).role == Role.ADMIN:
            _place(group, user_id, role=Role.MEMBER)
            tell(group, Kind.ADMIN_DISMISSED, member_id=str(user_id))


def transfer_group(*, actor_id: int, conversation_id: int, user_id: int) -> None:
    """Hand the group over to another member; who owned it stays as a member.

    Raises ``NotFound`` (also where they are not there), ``ConversationClosed``, ``OwnerOnly``, ``ThatIsYou``,
    ``TooManyRequests``.
    """
    _take(actor_id)
    with transaction.atomic():
        group = enter(conversation_id=conversation_id, actor_id=actor_id)
        group.check_is_mine()
        if user_id == actor_id:
            raise ThatIsYou
        group.member(user_id)
        # In this order: the database knows one owner at a time.
        _place(group, actor_id, role=Role.MEMBER)
        _place(group, user_id, role=Role.OWNER, silenced_until=None)
        tell(group, Kind.OWNER_CHANGED, owner_id=str(user_id))


def silence_member(*, actor_id: int, conversation_id: int, user_id: int, until: datetime | None) -> None:
    """Let a member not speak until then; None: they may again. The owner does it to everybody, administrators to
    members. Repeatable.

    Raises ``NotFound``, ``ConversationClosed``, ``AdminsOnly``, ``OwnerOnly``, ``ThatIsYou``, ``InvalidInput`` (in the
    past), ``TooManyRequests``.
    """
    if until is not None and until <= timezone.now():
        raise InvalidInput(fields={"until": [_("A time to come.")]})
    _take(actor_id)
    with transaction.atomic():
        group = enter(conversation_id=conversation_id, actor_id=actor_id)
        other = _somebody_below(group, user_id)
        if other.silenced_until != until:
            _place(group, user_id, silenced_until=until)
            shown = None if until is None else rfc3339(until)
            tell(group, Kind.MEMBER_SILENCED, member_id=str(user_id), until=shown)


def change_alias(*, actor_id: int, conversation_id: int, alias: str) -> None:
    """What the actor is called in this group; empty: by their name. The others' screens learn it from a row that needs
    not be seen. Raises ``NotFound``, ``ConversationClosed``, ``TooManyRequests``."""
    _take(actor_id)
    with transaction.atomic():
        group = enter(conversation_id=conversation_id, actor_id=actor_id)
        if group.mine.alias != alias:
            _place(group, actor_id, alias=alias)
            tell(group, Kind.ALIAS_CHANGED, alias=alias, is_shown=False)


def remove_member(*, actor_id: int, conversation_id: int, user_id: int) -> None:
    """Send somebody away: the owner anybody, administrators members. Repeatable. What they could read until then stays
    theirs; they come back only through the owner or an administrator.

    Raises ``NotFound``, ``ConversationClosed``, ``AdminsOnly``, ``OwnerOnly``, ``ThatIsYou``, ``TooManyRequests``.
    """
    _take(actor_id)
    with transaction.atomic():
        # Looked at first: nobody's devices are disturbed by whoever may not do this.
        group = enter(conversation_id=conversation_id, actor_id=actor_id)
        group.check_is_run_by_me()
        if not _place_ever(group, user_id):
            raise NotFound
        if not access.is_here(conversation_id=conversation_id, user_id=user_id):
            return
        _somebody_below(group, user_id)
    with unsubscribed_first(conversation_id=conversation_id, user_id=user_id), transaction.atomic():
        group = enter(conversation_id=conversation_id, actor_id=actor_id)
        group.check_is_run_by_me()
        if access.is_here(conversation_id=conversation_id, user_id=user_id):
            _somebody_below(group, user_id)
            row = tell(group, Kind.MEMBER_REMOVED, member_id=str(user_id))
            let_go(group.conversation, user_id, row)


def leave_group(*, actor_id: int, conversation_id: int) -> None:
    """Go. Repeatable. The last one disbands the group by it, and its owner hands it over before.

    Raises ``NotFound``, ``ConversationClosed``, ``OwnerMustStay``, ``TooManyRequests``.
    """
    _take(actor_id)
    places = Membership.objects.select_related("conversation").filter(conversation__kind=Conversation.Kind.GROUP)
    found = places.filter(conversation_id=conversation_id, user_id=actor_id).first()
    if found is None:
        raise NotFound
    if found.left_seq is not None:
        return
    if found.conversation.closed_at:
        raise ConversationClosed
    if found.role == Role.OWNER and found.conversation.member_count > 1:
        raise OwnerMustStay
    with unsubscribed_first(conversation_id=conversation_id, user_id=actor_id), transaction.atomic():
        group = enter(conversation_id=conversation_id, actor_id=actor_id)
        is_last = group.conversation.member_count == 1
        if group.mine.role == Role.OWNER and not is_last:
            raise OwnerMustStay
        row = tell(group, Kind.MEMBER_LEFT)
        let_go(group.conversation, actor_id, row)
        if is_last:
            _write(group, closed_at=Now())


def disband_group(*, actor_id: int, conversation_id: int) -> None:
    """End the group. Everybody keeps its history, and nobody writes or changes anything any more. Repeatable.

    Raises ``NotFound``, ``OwnerOnly``, ``TooManyRequests``.
    """
    _take(actor_id)
    with transaction.atomic():
        try:
            group = enter(conversation_id=conversation_id, actor_id=actor_id)
        except ConversationClosed:
            if access.membership(conversation_id=conversation_id, user_id=actor_id).role != Role.OWNER:
                raise OwnerOnly from None
            return
        group.check_is_mine()
        tell(group, Kind.GROUP_DISBANDED)
        _write(group, closed_at=Now())


def _take(actor_id: int) -> None:
    """Each of these is a row that everybody in the group is shown."""
    limits.take(action="messaging.change_group.user", subject=str(actor_id))


def _somebody_below(group: Group, user_id: int) -> Membership:
    if user_id == group.mine.user_id:
        raise ThatIsYou
    other = group.member(user_id)
    group.check_is_above(other)
    return other


def _place_ever(group: Group, user_id: int) -> bool:
    return Membership.objects.filter(conversation_id=group.id, user_id=user_id).exists()


def _write(group: Group, **values: Any) -> None:
    Conversation.objects.filter(id=group.id).update(**values)


def _place(group: Group, user_id: int, **values: Any) -> None:
    Membership.objects.filter(conversation_id=group.id, user_id=user_id).update(changed_at=Now(), **values)
