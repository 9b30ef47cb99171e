"""Reads around coming to a group: invitations, links and who waits; and what a link tells before one has joined."""

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from messaging import access
from messaging.belonging import Role, may_add
from messaging.errors import AdminsOnly
from messaging.models import Conversation, GroupInvitation, GroupLink, JoinRequest, Membership
from superapp.accounts import selectors as accounts
from superapp.core.errors import NotFound
from superapp.core.links import LinkEnded, ScanResult


def invitations_to(user_id: int) -> QuerySet[GroupInvitation]:
    """That can still be accepted; page by ``-created_at, -conversation_id``."""
    # As ``may_add``: it ends with the inviter's right.
    inviter = Membership.objects.filter(
        Q(conversation__members_may_add=True) | ~Q(role=Role.MEMBER),
        conversation_id=OuterRef("conversation_id"),
        user_id=OuterRef("inviter_id"),
        left_seq=None,
    )
    return GroupInvitation.objects.select_related("conversation").filter(
        Exists(inviter),
        invitee_id=user_id,
        state=GroupInvitation.State.PENDING,
        expires_at__gt=timezone.now(),
        conversation__closed_at=None,
    )


def invitations_of_group(*, actor_id: int, conversation_id: int) -> QuerySet[GroupInvitation]:
    """That wait for an answer: all of them for who runs the group, their own for members; page by ``-created_at,
    -invitee_id``. Raises ``NotFound``."""
    place = _place_in_group(conversation_id, actor_id)
    waiting = GroupInvitation.objects.filter(
        conversation_id=conversation_id, state=GroupInvitation.State.PENDING, expires_at__gt=timezone.now()
    )
    return waiting.filter(inviter_id=actor_id) if place.role == Role.MEMBER else waiting


def links_of_group(*, actor_id: int, conversation_id: int) -> QuerySet[GroupLink]:
    """That still work: all of them for who runs the group, their own for members; page by ``-created_at, -id``.
    Raises ``NotFound``."""
    place = _place_in_group(conversation_id, actor_id)
    standing = GroupLink.objects.filter(conversation_id=conversation_id, revoked_at=None, expires_at__gt=timezone.now())
    return standing.filter(issuer_id=actor_id) if place.role == Role.MEMBER else standing


def requests_to_join(*, actor_id: int, conversation_id: int) -> QuerySet[JoinRequest]:
    """Who waits, for who runs the group; page by ``-created_at, -user_id``. Raises ``NotFound`` or ``AdminsOnly``."""
    if _place_in_group(conversation_id, actor_id).role == Role.MEMBER:
        raise AdminsOnly
    return JoinRequest.objects.filter(conversation_id=conversation_id, state=JoinRequest.State.PENDING)


def group_behind_link(viewer_id: int, reference: str) -> ScanResult:
    """What a link to a group tells whoever scans it: its name and size, and nothing of what is said there.

    Raises ``LinkEnded``.
    """
    conversation_id, link_id = map(int, reference.split(":"))
    link = GroupLink.objects.select_related("conversation").filter(conversation_id=conversation_id, id=link_id).first()
    if link is None or link.revoked_at or link.conversation.closed_at:
        raise LinkEnded
    places = Membership.objects.filter(conversation_id=conversation_id, user_id__in=[viewer_id, link.issuer_id])
    by_person = {place.user_id: place for place in places}
    issuer, mine = by_person.get(link.issuer_id), by_person.get(viewer_id)
    if issuer is None or not may_add(link.conversation, issuer):
        raise LinkEnded
    return ScanResult(
        title=link.conversation.title,
        data={
            "conversation_id": str(conversation_id),
            "title": link.conversation.title,
            "member_count": link.conversation.member_count,
            "joins_need_approval": link.conversation.joins_need_approval,
            "is_member": mine is not None and mine.left_seq is None,
            "issuer": accounts.profile_frame(accounts.users([link.issuer_id])[link.issuer_id]),
        },
    )


def _place_in_group(conversation_id: int, user_id: int) -> Membership:
    place = access.membership(conversation_id=conversation_id, user_id=user_id)
    if not Conversation.objects.filter(id=conversation_id, kind=Conversation.Kind.GROUP).exists():
        raise NotFound
    return place
