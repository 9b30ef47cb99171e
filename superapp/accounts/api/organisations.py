from typing import Any

from superapp.accounts import registry, selectors, services
from superapp.accounts.api import organisation_shapes as shapes
from superapp.accounts.errors import (
    AlreadyOnStaff,
    InvitationEnded,
    LastOwner,
    PhoneInvalid,
    RoleUnknown,
    TermsRequired,
)
from superapp.accounts.models import OrganisationInvitation, OrganisationMember
from superapp.core import links
from superapp.core.api import Endpoint, Operation, Page, paginate
from superapp.core.api.endpoint import ApiRequest
from superapp.core.errors import Conflict, Forbidden, NotFound, TooManyRequests
from superapp.core.links import LinkEnded

Data = dict[str, Any]


class Shown(dict[str, Any]):
    """An answer with its fields, and whether it repeats an earlier one."""

    is_replay = False


def _mine(request: ApiRequest, organisation_id: int, *, is_replay: bool = False) -> Shown:
    shown = Shown(shapes.organisation(selectors.place(actor_id=request.user_id, organisation_id=organisation_id)))
    shown.is_replay = is_replay
    return shown


# --- Organisations ----------------------------------------------------------------------------------------------------


class Organisations(Endpoint):
    class Get(Operation):
        """The organisations on whose staff one is, the newest first."""

        output, page = shapes.OrganisationOutput, True

    class Post(Operation):
        """Ask for an organisation and own it. It can work as soon as it is approved."""

        input, output, status, idempotent = shapes.OrganisationInput, shapes.OrganisationOutput, 201, True
        errors = (TermsRequired, TooManyRequests)

    def get(self, request: ApiRequest, data: Data) -> Page[Any]:
        page = paginate(selectors.places_of(request.user_id), request, order=("-organisation_id",), **data)
        return Page([shapes.organisation(place) for place in page.results], page.next, page.previous)

    def post(self, request: ApiRequest, data: Data) -> Shown:
        made = services.request_organisation(actor_id=request.user_id, client_id=request.idempotency_key, **data)
        return _mine(request, made.id, is_replay=made.is_replay)


class OrganisationDetail(Endpoint):
    class Get(Operation):
        """One organisation, for its staff."""

        output = shapes.OrganisationOutput
        errors = (NotFound,)

    class Patch(Operation):
        """Change its names. For owners."""

        input, output = shapes.OrganisationChanges, shapes.OrganisationOutput
        errors = (NotFound, Forbidden, TooManyRequests)

    def get(self, request: ApiRequest, organisation_id: int) -> Shown:
        return _mine(request, organisation_id)

    def patch(self, request: ApiRequest, data: Data, organisation_id: int) -> Shown:
        services.change_organisation(actor_id=request.user_id, organisation_id=organisation_id, **data)
        return _mine(request, organisation_id)


class OrganisationRoles(Endpoint):
    class Get(Operation):
        """The roles that there are in this organisation."""

        output, many = shapes.RoleOutput, True
        errors = (NotFound,)

    def get(self, request: ApiRequest, organisation_id: int) -> list[registry.Role]:
        place = selectors.place(actor_id=request.user_id, organisation_id=organisation_id)
        return registry.roles.of(place.organisation.kind)


# --- Staff ------------------------------------------------------------------------------------------------------------


class Staff(Endpoint):
    class Get(Operation):
        """Who works there, for those who do."""

        output, page = shapes.StaffOutput, True
        errors = (NotFound,)

    def get(self, request: ApiRequest, data: Data, organisation_id: int) -> Page[OrganisationMember]:
        staff = selectors.staff_of(actor_id=request.user_id, organisation_id=organisation_id)
        page = paginate(staff, request, order=("joined_at", "user_id"), **data)
        selectors.show_people(page.results)
        return page


class StaffDetail(Endpoint):
    class Put(Operation):
        """Give somebody other roles than before, within one's own rights."""

        input, output = shapes.RolesInput, shapes.StaffOutput
        errors = (NotFound, Forbidden, RoleUnknown, LastOwner, TooManyRequests)

    class Delete(Operation):
        """Take somebody off the staff; oneself: leave."""

        errors = (NotFound, Forbidden, LastOwner, TooManyRequests)

    def put(self, request: ApiRequest, data: Data, organisation_id: int, user_id: int) -> OrganisationMember:
        place = services.change_roles(
            actor_id=request.user_id, organisation_id=organisation_id, user_id=user_id, **data
        )
        selectors.show_people([place])
        return place

    def delete(self, request: ApiRequest, organisation_id: int, user_id: int) -> None:
        services.remove_member(actor_id=request.user_id, organisation_id=organisation_id, user_id=user_id)


class Ownership(Endpoint):
    class Put(Operation):
        """Make somebody on the staff an owner in one's own place."""

        input, output = shapes.OwnershipInput, shapes.OrganisationOutput
        errors = (NotFound, Forbidden, RoleUnknown, Conflict, TooManyRequests)

    def put(self, request: ApiRequest, data: Data, organisation_id: int) -> Shown:
        services.transfer_ownership(actor_id=request.user_id, organisation_id=organisation_id, **data)
        return _mine(request, organisation_id)


# --- Invitations ------------------------------------------------------------------------------------------------------


class StaffInvitations(Endpoint):
    class Get(Operation):
        """Invitations that wait for an answer, the newest first. For whoever may change the staff."""

        output, page = shapes.StaffInvitationOutput, True
        errors = (NotFound, Forbidden)

    class Post(Operation):
        """Invite somebody by handle, by phone or by a link, with roles within one's own rights."""

        input, output, status, idempotent = shapes.StaffInvitationInput, shapes.NewStaffInvitationOutput, 201, True
        errors = (NotFound, Forbidden, RoleUnknown, PhoneInvalid, AlreadyOnStaff, TooManyRequests)

    def get(self, request: ApiRequest, data: Data, organisation_id: int) -> Page[Any]:
        waiting = selectors.open_invitations(actor_id=request.user_id, organisation_id=organisation_id)
        page = paginate(waiting, request, order=("-id",), **data)
        return Page(_with_people(page.results), page.next, page.previous)

    def post(self, request: ApiRequest, data: Data, organisation_id: int) -> Shown:
        invited = services.invite_staff(
            actor_id=request.user_id, organisation_id=organisation_id, client_id=request.idempotency_key, **data
        )
        (fields,) = _with_people([invited.invitation])
        link = {"url": invited.link, "svg": links.svg(invited.link)} if invited.link else None
        shown = Shown(fields, link=link)
        shown.is_replay = invited.is_replay
        return shown


def _with_people(invitations: list[OrganisationInvitation]) -> list[dict[str, Any]]:
    named = (user_id for one in invitations for user_id in (one.inviter_id, one.invitee_id) if user_id)
    people = selectors.users(named)
    return [shapes.staff_invitation(one, people) for one in invitations]


class StaffInvitationDetail(Endpoint):
    class Delete(Operation):
        """Take an invitation back."""

        errors = (NotFound, Forbidden, InvitationEnded)

    def delete(self, request: ApiRequest, organisation_id: int, invitation_id: int) -> None:
        services.revoke_invitation(
            actor_id=request.user_id, organisation_id=organisation_id, invitation_id=invitation_id
        )


class Invitations(Endpoint):
    class Get(Operation):
        """Invitations to oneself that wait for an answer, the newest first."""

        output, page = shapes.InvitationOutput, True

    def get(self, request: ApiRequest, data: Data) -> Page[OrganisationInvitation]:
        return paginate(selectors.invitations_to(request.user_id), request, order=("-id",), **data)


class AcceptInvitation(Endpoint):
    class Post(Operation):
        """Join the staff."""

        output = shapes.OrganisationOutput
        errors = (NotFound, InvitationEnded, TermsRequired)

    def post(self, request: ApiRequest, invitation_id: int) -> Shown:
        place = services.accept_invitation(actor_id=request.user_id, invitation_id=invitation_id)
        return _mine(request, place.organisation_id)


class DeclineInvitation(Endpoint):
    class Post(Operation):
        """Say no."""

        errors = (NotFound, InvitationEnded)

    def post(self, request: ApiRequest, invitation_id: int) -> None:
        services.decline_invitation(actor_id=request.user_id, invitation_id=invitation_id)


class AcceptInvitationLink(Endpoint):
    class Post(Operation):
        """Join the staff by a link that was scanned or opened; `POST /scan/` says beforehand where it leads."""

        input, output = shapes.InvitationLinkInput, shapes.OrganisationOutput
        errors = (NotFound, LinkEnded, InvitationEnded, TermsRequired, TooManyRequests)

    def post(self, request: ApiRequest, data: Data) -> Shown:
        place = services.accept_invitation_link(actor_id=request.user_id, **data)
        return _mine(request, place.organisation_id)
