"""Coming to a group: added by a friend, invited, by a link, and where it is so with the consent of who runs it.

Everything here happens under the group's lock, so that the last place goes to one person only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from messaging import access, log, selectors
from messaging.belonging import (
    Group,
    Role,
    check_room,
    enter,
    let_in,
    lock,
    may_add,
    tell,
    were_removed,
)
from messaging.errors import AdminsOnly, ConversationClosed, RequestAnswered
from messaging.frames import group_invitation_frame
from messaging.models import (
    MOST_WITHOUT_ASKING,
    Conversation,
    GroupInvitation,
    GroupLink,
    JoinRequest,
    Membership,
    Message,
)
from messaging.services.conversations import check_friends
from superapp.accounts.errors import InvitationEnded
from superapp.core import limits, links
from superapp.core.errors import NotFound
from superapp.core.ids import new_id
from superapp.core.links import LinkEnded
from superapp.realtime import push

LINK = "group"
LINK_LIFETIME = timedelta(days=7)
INVITATION_LIFETIME = timedelta(days=7)


@dataclass(frozen=True)
class Added:
    """Who is in now, who has been invited, and who waits for the consent of who runs the group."""

    added_ids: Sequence[int] = ()
    invited_ids: Sequence[int] = ()
    waiting_ids: Sequence[int] = ()


@dataclass(frozen=True)
class Coming:
    """``is_in``, or waiting for consent."""

    conversation_id: int
    is_in: bool


# --- added by a friend ------------------------------------------------------------------------------------------------


def add_members(*, actor_id: int, conversation_id: int, user_ids: Sequence[int]) -> Added:
    """Bring friends into a group. Where it would have more than forty members they are invited, and where joining needs
    consent those of a plain member wait for it. Who is there already is passed over, so it may be repeated.

    A constant number of statements, however many they are. Raises ``NotFound``, ``ConversationClosed``, ``AdminsOnly``
    (members may not add; somebody was removed from it before), ``NotFriends`` with the ids that are no friends or want
    to hear nothing from the actor, ``GroupTooLarge``, ``TooManyRequests``.
    """
    limits.take(action="messaging.add_members.user", subject=str(actor_id), cost=len(set(user_ids)))
    with transaction.atomic():
        group = enter(conversation_id=conversation_id, actor_id=actor_id)
        if not may_add(group.conversation, group.mine):
            raise AdminsOnly
        newcomers = sorted(set(user_ids) - {actor_id} - selectors.members_among(conversation_id, user_ids))
        if not newcomers:
            return Added()
        check_friends(actor_id, newcomers)
        is_plain = group.mine.role == Role.MEMBER
        if is_plain and (removed := were_removed(conversation_id, newcomers)):
            raise AdminsOnly(user_ids=[str(user_id) for user_id in sorted(removed)])
        check_room(group.conversation, len(newcomers))
        if group.conversation.member_count + len(newcomers) > MOST_WITHOUT_ASKING:
            _invite(group, newcomers)
            return Added(invited_ids=newcomers)
        if is_plain and group.conversation.joins_need_approval:
            _ask(group.conversation, newcomers, inviter_id=actor_id)
            return Added(waiting_ids=newcomers)
        let_in(group.conversation, newcomers)
        tell(group, Message.Kind.MEMBERS_ADDED, member_ids=[str(user_id) for user_id in newcomers])
        _settle(conversation_id, newcomers)
        return Added(added_ids=newcomers)


# --- invitations ------------------------------------------------------------------------------------------------------


def accept_invitation(*, actor_id: int, conversation_id: int) -> Coming:
    """Join, or wait where a plain member invited and joining needs consent. Repeatable.

    Raises ``NotFound`` (not invited), ``InvitationEnded`` (expired, revoked, or the inviter may not add members any
    more), ``RequestAnswered``, ``GroupTooLarge``, ``TooManyRequests``.
    """
    limits.take(action="messaging.join_group.user", subject=str(actor_id))
    with transaction.atomic():
        invitations = GroupInvitation.objects.filter(conversation_id=conversation_id, invitee_id=actor_id)
        if not invitations.exists():
            raise NotFound
        try:
            conversation = lock(conversation_id)
        except ConversationClosed:
            raise InvitationEnded from None
        # Read under the lock, as everything that changes it is done there.
        invitation = invitations.get()
        if access.is_here(conversation_id=conversation_id, user_id=actor_id):
            return Coming(conversation_id, is_in=True)
        if invitation.state == GroupInvitation.State.ACCEPTED and _asked(conversation_id, actor_id):
            # Again: whether they are still thought about, or will not be let in, is not told.
            return Coming(conversation_id, is_in=False)
        _check_stands(invitation)
        inviter = _who_brings(conversation, invitation.inviter_id)
        if inviter is None:
            raise InvitationEnded
        if not invitations.filter(state=GroupInvitation.State.PENDING).update(state=GroupInvitation.State.ACCEPTED):
            raise RequestAnswered
        is_vouched_for = inviter.role != Role.MEMBER
        return _come(conversation, actor_id, inviter_id=inviter.user_id, is_vouched_for=is_vouched_for)


def decline_invitation(*, actor_id: int, conversation_id: int) -> None:
    """Say no; nobody is told. Repeatable. Raises ``NotFound`` or ``RequestAnswered``."""
    _answer_invitation(conversation_id, actor_id, GroupInvitation.State.DECLINED)


@transaction.atomic
def revoke_invitation(*, actor_id: int, conversation_id: int, user_id: int) -> None:
    """Take an invitation back: whoever made it, the owner and administrators. Repeatable.

    Raises ``NotFound``, ``ConversationClosed``, ``RequestAnswered``.
    """
    group = enter(conversation_id=conversation_id, actor_id=actor_id)
    found = GroupInvitation.objects.filter(conversation_id=conversation_id, invitee_id=user_id).first()
    if found is None or (group.mine.role == Role.MEMBER and found.inviter_id != actor_id):
        raise NotFound
    _answer_invitation(conversation_id, user_id, GroupInvitation.State.REVOKED)


def _answer_invitation(conversation_id: int, invitee_id: int, state: str) -> None:
    of_theirs = GroupInvitation.objects.filter(conversation_id=conversation_id, invitee_id=invitee_id)
    if of_theirs.filter(state__in=[GroupInvitation.State.PENDING, state]).update(state=state):
        return
    raise RequestAnswered if of_theirs.exists() else NotFound


def _asked(conversation_id: int, user_id: int) -> bool:
    """Whether they wait for consent, as far as they know."""
    requests = JoinRequest.objects.filter(conversation_id=conversation_id, user_id=user_id)
    return requests.exclude(state=JoinRequest.State.APPROVED).exists()


def _check_stands(invitation: GroupInvitation) -> None:
    if invitation.state == GroupInvitation.State.REVOKED or invitation.expires_at <= timezone.now():
        raise InvitationEnded
    if invitation.state != GroupInvitation.State.PENDING:
        raise RequestAnswered


def _invite(group: Group, user_ids: Sequence[int]) -> None:
    """Whoever has an invitation of the actor's that still stands is not told again. Constant in statements."""
    now, actor_id = timezone.now(), group.mine.user_id
    standing = GroupInvitation.objects.filter(
        conversation_id=group.id,
        invitee_id__in=user_ids,
        inviter_id=actor_id,
        state=GroupInvitation.State.PENDING,
        expires_at__gt=now,
    )
    asked = set(standing.values_list("invitee_id", flat=True))
    invitations = [
        GroupInvitation(
            conversation_id=group.id,
            invitee_id=user_id,
            inviter_id=actor_id,
            state=GroupInvitation.State.PENDING,
            created_at=now,
            expires_at=now + INVITATION_LIFETIME,
        )
        for user_id in user_ids
        if user_id not in asked
    ]
    if not invitations:
        return
    GroupInvitation.objects.bulk_create(
        invitations,
        update_conflicts=True,
        unique_fields=["conversation", "invitee_id"],
        update_fields=["inviter_id", "state", "created_at", "expires_at"],
    )
    # The same for all of them, so that it is stored and encoded at once.
    frame = group_invitation_frame(invitations[0], group.conversation)
    push.to_users([one.invitee_id for one in invitations], type="group.invited", payload=frame, keep=True)


# --- links ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class IssuedLink:
    """``url`` goes to whoever asked for it, and to no log."""

    link: GroupLink
    url: str


def group_link(*, actor_id: int, conversation_id: int) -> IssuedLink:
    """The actor's link to the group: the same for a week or until it is revoked, then a new one.

    Raises ``NotFound``, ``ConversationClosed``, ``AdminsOnly``, ``TooManyRequests``.
    """
    limits.take(action="messaging.change_group.user", subject=str(actor_id))
    return _link(actor_id, conversation_id)


@transaction.atomic
def _link(actor_id: int, conversation_id: int) -> IssuedLink:
    group = enter(conversation_id=conversation_id, actor_id=actor_id)
    if not may_add(group.conversation, group.mine):
        raise AdminsOnly
    now = timezone.now()
    mine = GroupLink.objects.filter(conversation_id=conversation_id, issuer_id=actor_id)
    link = mine.filter(revoked_at=None, expires_at__gt=now).first()
    if link is None:
        link = GroupLink.objects.create(
            conversation_id=conversation_id,
            id=new_id(),
            issuer_id=actor_id,
            created_at=now,
            expires_at=now + LINK_LIFETIME,
        )
    url = links.standing(kind=LINK, reference=f"{conversation_id}:{link.id}", expires_at=link.expires_at)
    return IssuedLink(link, url)


@transaction.atomic
def revoke_link(*, actor_id: int, conversation_id: int, link_id: int) -> None:
    """End a link at once: whoever made it, the owner and administrators. Repeatable.

    Raises ``NotFound`` or ``ConversationClosed``.
    """
    group = enter(conversation_id=conversation_id, actor_id=actor_id)
    found = GroupLink.objects.filter(conversation_id=conversation_id, id=link_id)
    if group.mine.role == Role.MEMBER:
        found = found.filter(issuer_id=actor_id)
    if not found.exists():
        raise NotFound
    found.filter(revoked_at=None).update(revoked_at=timezone.now())
    links.revoke(kind=LINK, reference=f"{conversation_id}:{link_id}")


def join_by_link(*, actor_id: int, link: str) -> Coming:
    """Join with what was scanned. It waits for consent where joining needs it, whoever made the link; and whoever was
    removed always waits. Repeatable.

    Raises ``NotFound`` (no link to a group), ``LinkEnded`` (expired, revoked, the group disbanded, or its issuer may
    not add members any more), ``GroupTooLarge``, ``TooManyRequests``.
    """
    limits.take(action="messaging.join_group.user", subject=str(actor_id))
    reference = links.reference_of(actor_id=actor_id, content=link, kind=LINK)
    conversation_id, link_id = map(int, reference.split(":"))
    with transaction.atomic():
        try:
            conversation = lock(conversation_id)
        except ConversationClosed:
            raise LinkEnded from None
        if access.is_here(conversation_id=conversation_id, user_id=actor_id):
            return Coming(conversation_id, is_in=True)
        # Under the lock: it may have been revoked since its token was read.
        found = GroupLink.objects.filter(conversation_id=conversation_id, id=link_id, revoked_at=None).first()
        issuer = _who_brings(conversation, found.issuer_id) if found else None
        if issuer is None:
            raise LinkEnded
        return _come(conversation, actor_id, inviter_id=issuer.user_id, is_vouched_for=False)


# --- consent ----------------------------------------------------------------------------------------------------------


def approve_request(*, actor_id: int, conversation_id: int, user_id: int) -> None:
    """Let in somebody who waits: the owner and administrators. Repeatable.

    Raises ``NotFound``, ``ConversationClosed``, ``AdminsOnly``, ``RequestAnswered``, ``GroupTooLarge``.
    """
    with transaction.atomic():
        group = enter(conversation_id=conversation_id, actor_id=actor_id)
        group.check_is_run_by_me()
        request = _request_of(group, user_id)
        if access.is_here(conversation_id=conversation_id, user_id=user_id):
            return
        if request.state != JoinRequest.State.PENDING:
            raise RequestAnswered
        _let_in_one(group.conversation, user_id, inviter_id=request.inviter_id, approver_id=actor_id)


def decline_request(*, actor_id: int, conversation_id: int, user_id: int) -> None:
    """Leave somebody out; they are not told, and may ask again. Repeatable.

    Raises ``NotFound``, ``ConversationClosed``, ``AdminsOnly``, ``RequestAnswered``.
    """
    with transaction.atomic():
        group = enter(conversation_id=conversation_id, actor_id=actor_id)
        group.check_is_run_by_me()
        request = _request_of(group, user_id)
        if request.state == JoinRequest.State.APPROVED:
            raise RequestAnswered
        JoinRequest.objects.filter(conversation_id=conversation_id, user_id=user_id).update(
            state=JoinRequest.State.DECLINED
        )


def _request_of(group: Group, user_id: int) -> JoinRequest:
    request = JoinRequest.objects.filter(conversation_id=group.id, user_id=user_id).first()
    if request is None:
        raise NotFound
    return request


def _ask(conversation: Conversation, user_ids: Sequence[int], *, inviter_id: int) -> None:
    """Those who wait already go on waiting, and nobody is told again. Constant in statements."""
    requests = JoinRequest.objects.filter(conversation_id=conversation.id, user_id__in=user_ids)
    waiting = set(requests.filter(state=JoinRequest.State.PENDING).values_list("user_id", flat=True))
    new = [user_id for user_id in user_ids if user_id not in waiting]
    if not new:
        return
    JoinRequest.objects.bulk_create(
        [
            JoinRequest(
                conversation_id=conversation.id,
                user_id=user_id,
                inviter_id=inviter_id,
                state=JoinRequest.State.PENDING,
                created_at=timezone.now(),
            )
            for user_id in new
        ],
        update_conflicts=True,
        unique_fields=["conversation", "user_id"],
        update_fields=["inviter_id", "state", "created_at"],
    )
    who_decides = Membership.objects.filter(conversation_id=conversation.id, left_seq=None).exclude(role=Role.MEMBER)
    push.to_users(
        who_decides.values_list("user_id", flat=True),
        type="group.join_requested",
        payload={"conversation_id": str(conversation.id), "user_ids": [str(user_id) for user_id in new]},
        keep=True,
    )


# --- common to all ----------------------------------------------------------------------------------------------------


def _who_brings(conversation: Conversation, user_id: int) -> Membership | None:
    """Whoever invited or made the link, if they could still add members themselves."""
    place = Membership.objects.filter(conversation_id=conversation.id, user_id=user_id).first()
    return place if place is not None and may_add(conversation, place) else None


def _come(conversation: Conversation, user_id: int, *, inviter_id: int, is_vouched_for: bool) -> Coming:
    """In, or waiting. ``is_vouched_for``: by somebody who could consent, and meant this person."""
    if not is_vouched_for and (conversation.joins_need_approval or were_removed(conversation.id, [user_id])):
        _ask(conversation, [user_id], inviter_id=inviter_id)
        return Coming(conversation.id, is_in=False)
    _let_in_one(conversation, user_id, inviter_id=inviter_id)
    return Coming(conversation.id, is_in=True)


def _let_in_one(conversation: Conversation, user_id: int, *, inviter_id: int, approver_id: int | None = None) -> None:
    let_in(conversation, [user_id])
    body = {"inviter_id": str(inviter_id), "approver_id": None if approver_id is None else str(approver_id)}
    log.add(conversation_id=conversation.id, actor_id=user_id, kind=Message.Kind.MEMBER_JOINED, body=body)
    _settle(conversation.id, [user_id])


def _settle(conversation_id: int, user_ids: Iterable[int]) -> None:
    """Who is in waits for nothing more, however they came."""
    ids = list(user_ids)
    waiting = JoinRequest.objects.filter(conversation_id=conversation_id, user_id__in=ids)
    waiting.filter(state=JoinRequest.State.PENDING).update(state=JoinRequest.State.APPROVED)
    invited = GroupInvitation.objects.filter(conversation_id=conversation_id, invitee_id__in=ids)
    invited.filter(state=GroupInvitation.State.PENDING).update(state=GroupInvitation.State.ACCEPTED)
