"""Invitations to the staff of an organisation: to a handle, to a number, or by a link that works for one person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from superapp.accounts import selectors
from superapp.accounts.errors import AlreadyOnStaff, InvitationEnded
from superapp.accounts.events import StaffInvited
from superapp.accounts.models import Organisation, OrganisationInvitation, OrganisationMember
from superapp.accounts.services import places
from superapp.accounts.services.codes import canonical_phone
from superapp.accounts.services.terms import require_terms
from superapp.core import audit, limits, links, retention
from superapp.core.errors import IdempotencyConflict, NotFound
from superapp.core.events import publish
from superapp.core.idempotency import request_hash
from superapp.core.ids import new_id

State = OrganisationInvitation.State
LINK = "organisation_invitation"
#: An invitation that nobody can answer any more tells for so long what became of it.
_KEPT_FOR = timedelta(days=30)


@dataclass(frozen=True)
class Invited:
    """``link``: of an invitation by link that can still be accepted. It goes to the invited person, never to a log."""

    invitation: OrganisationInvitation
    link: str | None
    is_replay: bool


def invite_staff(
    *,
    actor_id: int,
    organisation_id: int,
    roles: Sequence[str],
    client_id: UUID,
    handle: str | None = None,
    phone: str | None = None,
) -> Invited:
    """Offer roles within the actor's own rights: to a handle, to a number, or with neither by a link.

    Whoever was invited before has the newest offer only. A number is taken alike whether or not somebody has it.
    Repeating a ``client_id`` returns the first invitation, as it is now, with the same link.

    Raises ``NotFound`` (also for no such handle), ``Forbidden``, ``RoleUnknown``, ``PhoneInvalid``, ``AlreadyOnStaff``,
    ``TooManyRequests``, ``IdempotencyConflict``.
    """
    asked = request_hash(organisation_id=organisation_id, roles=sorted(set(roles)), handle=handle, phone=phone)
    once = {"inviter_id": actor_id, "client_id": client_id}
    invitation = OrganisationInvitation.objects.filter(**once).first()
    if invitation is None:
        # Asked once more under the lock; here so that nobody else uses up what the organisation may send.
        places.check_manages_staff(selectors.place(actor_id=actor_id, organisation_id=organisation_id))
        limits.take(action="accounts.invite_staff.organisation", subject=str(organisation_id))
        to = {
            "invitee_id": selectors.user_by_handle(handle, viewer_id=actor_id).id if handle else None,
            "phone": canonical_phone(phone) if phone else None,
        }
        return _shown(_invite(organisation_id, roles, to, once, asked))
    if bytes(invitation.request_hash) != asked:
        raise IdempotencyConflict
    # A retry is answered only to somebody who could still ask.
    places.check_manages_staff(selectors.place(actor_id=actor_id, organisation_id=organisation_id))
    invitation.is_replay = True
    return _shown(invitation)


def _shown(invitation: OrganisationInvitation) -> Invited:
    is_open = invitation.state == State.PENDING and invitation.expires_at > timezone.now()
    return Invited(invitation, _link(invitation) if is_open and invitation.is_by_link else None, invitation.is_replay)


def _link(invitation: OrganisationInvitation) -> str:
    """The same each time. It ends with the invitation, but for who accepted it and asks again."""
    return links.standing(kind=LINK, reference=str(invitation.id), expires_at=invitation.expires_at)


@transaction.atomic
def _invite(
    organisation_id: int, roles: Sequence[str], to: dict[str, Any], once: dict[str, Any], asked: bytes
) -> OrganisationInvitation:
    actor_id = once["inviter_id"]
    actor = places.lock_staff(actor_id=actor_id, organisation_id=organisation_id)
    wanted = places.known_roles(actor.organisation, roles)
    places.check_may_give(actor, wanted)
    staff = OrganisationMember.objects.filter(organisation_id=organisation_id)
    if to["invitee_id"] and staff.filter(user_id=to["invitee_id"]).exists():
        raise AlreadyOnStaff
    if not OrganisationInvitation.objects.filter(**once).exists():
        _take_back_earlier(actor, to)
    invitation = OrganisationInvitation.objects.insert_once(
        once=once,
        request_hash=asked,
        id=new_id(),
        organisation_id=organisation_id,
        roles=wanted,
        expires_at=timezone.now() + settings.INVITATION_LIFETIME,
        **to,
    )
    if not invitation.is_replay:
        by = next((name for name, value in to.items() if value), "link")
        _note(invitation, actor_id, "staff_invited", after={"roles": wanted, "by": by})
        if invitation.is_by_link:
            # Made here, under the lock, so that there is one.
            _link(invitation)
        publish(StaffInvited(organisation_id=organisation_id, invitation_id=invitation.id))
    return invitation


def _take_back_earlier(actor: OrganisationMember, to: dict[str, Any]) -> None:
    if not any(to.values()):
        return
    pending = OrganisationInvitation.objects.filter(organisation_id=actor.organisation_id, state=State.PENDING, **to)
    for earlier in pending:
        if earlier.expires_at > timezone.now():
            places.check_may_give(actor, earlier.roles)
        _revoke(earlier, actor.user_id)


# --- Answers ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def accept_invitation(*, actor_id: int, invitation_id: int) -> OrganisationMember:
    """Join the staff. A retry finds what the first attempt did.

    Raises ``NotFound`` for an invitation to somebody else, ``InvitationEnded``, ``TermsRequired``.
    """
    require_terms(user_id=actor_id)
    organisation = places.lock_organisation(selectors.invitation_to(actor_id, invitation_id).organisation_id)
    # Once more: it may have been answered before the lock was ours, and numbers change hands.
    return _accept(organisation, selectors.invitation_to(actor_id, invitation_id), actor_id)


def accept_invitation_link(*, actor_id: int, link: str) -> OrganisationMember:
    """Join the staff by a link, which works for one person. A retry by them finds what the first attempt did.

    Raises ``NotFound``, ``LinkEnded``, ``InvitationEnded``, ``TermsRequired``, ``TooManyRequests``.
    """
    require_terms(user_id=actor_id)
    return _accept_linked(actor_id, int(links.reference_of(actor_id=actor_id, content=link, kind=LINK)))


@transaction.atomic
def _accept_linked(actor_id: int, invitation_id: int) -> OrganisationMember:
    found = OrganisationInvitation.objects.filter(id=invitation_id)
    organisation_id = found.values_list("organisation_id", flat=True).first()
    if organisation_id is None:
        raise InvitationEnded
    return _accept(places.lock_organisation(organisation_id), found.get(), actor_id)


def _accept(organisation: Organisation, invitation: OrganisationInvitation, actor_id: int) -> OrganisationMember:
    """In a transaction that holds the organisation's row: two who accept one link queue there."""
    if invitation.state == State.ACCEPTED and invitation.member_id == actor_id:
        return _place_again(organisation, actor_id)
    _check_stands(organisation, invitation)
    invitation.state, invitation.member_id = State.ACCEPTED, actor_id
    invitation.save(update_fields=["state", "member_id"])
    _note(invitation, actor_id, "invitation_accepted", after={"roles": invitation.roles})
    return places.add(organisation, user_id=actor_id, roles=invitation.roles, actor_id=actor_id)


def _place_again(organisation: Organisation, actor_id: int) -> OrganisationMember:
    try:
        return selectors.place(actor_id=actor_id, organisation_id=organisation.id)
    except NotFound:
        # They joined and have left since: the invitation does not bring them back.
        raise InvitationEnded from None


def _check_stands(organisation: Organisation, invitation: OrganisationInvitation) -> None:
    """Raises ``InvitationEnded``, also when whoever made the offer could not make it any more."""
    if invitation.state != State.PENDING or invitation.expires_at <= timezone.now():
        raise InvitationEnded
    inviter = selectors.places_of(invitation.inviter_id).filter(organisation_id=organisation.id).first()
    is_active = organisation.state == Organisation.State.ACTIVE
    if inviter is None or not is_active or not selectors.manages_staff(inviter):
        raise InvitationEnded
    if not places.may_give(inviter, invitation.roles):
        raise InvitationEnded


@transaction.atomic
def decline_invitation(*, actor_id: int, invitation_id: int) -> None:
    """Say no. Repeatable. Raises ``NotFound``, and ``InvitationEnded`` for one that was accepted or taken back."""
    places.lock_organisation(selectors.invitation_to(actor_id, invitation_id).organisation_id)
    invitation = selectors.invitation_to(actor_id, invitation_id)
    if invitation.state == State.PENDING:
        invitation.state = State.DECLINED
        invitation.save(update_fields=["state"])
        _note(invitation, actor_id, "invitation_declined", before={"roles": invitation.roles})
    elif invitation.state != State.DECLINED:
        raise InvitationEnded


@transaction.atomic
def revoke_invitation(*, actor_id: int, organisation_id: int, invitation_id: int) -> None:
    """Take an offer back. Repeatable.

    Raises ``NotFound``, ``Forbidden``, and ``InvitationEnded`` for one that was accepted or declined.
    """
    actor = places.lock_staff(actor_id=actor_id, organisation_id=organisation_id)
    invitation = OrganisationInvitation.objects.filter(organisation_id=organisation_id, id=invitation_id).first()
    if invitation is None:
        raise NotFound
    places.check_may_give(actor, invitation.roles)
    if invitation.state == State.PENDING:
        _revoke(invitation, actor_id)
    elif invitation.state != State.REVOKED:
        raise InvitationEnded


def _revoke(invitation: OrganisationInvitation, actor_id: int) -> None:
    invitation.state = State.REVOKED
    invitation.save(update_fields=["state"])
    links.revoke(kind=LINK, reference=str(invitation.id))
    _note(invitation, actor_id, "invitation_revoked", before={"roles": invitation.roles})


def forget_invitations() -> None:
    """Delete those that ended a while ago, whatever became of them: the numbers in them are nobody's business."""
    retention.delete_in_batches(OrganisationInvitation, Q(expires_at__lt=timezone.now() - _KEPT_FOR))


def _note(invitation: OrganisationInvitation, actor_id: int, what: str, **changes: Any) -> None:
    audit.record(
        actor_id=actor_id,
        action=f"accounts.{what}",
        subject=("organisation_invitation", str(invitation.id)),
        organisation_id=invitation.organisation_id,
        **changes,
    )
