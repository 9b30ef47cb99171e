from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from superapp.accounts import registry, selectors
from superapp.accounts.api.serializers import ProfileOutput, QrCardOutput
from superapp.accounts.models import Organisation, OrganisationInvitation
from superapp.core.api.fields import Id, Input, Line, Output, Text, Time

MOST_ROLES = 20


class Roles(serializers.ListField):
    """At least one, by name."""

    child = Text(max_length=20)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_length=1, max_length=MOST_ROLES, **kwargs)


class OrganisationInput(Input):
    kind = serializers.ChoiceField(Organisation.Kind.choices)
    name = Line(max_length=60)
    legal_name = Line(max_length=120, required=False, help_text="As it stands in a public register.")


class OrganisationChanges(Input):
    name = Line(required=False, max_length=60)
    legal_name = Line(required=False, max_length=120)


class MyPlaceOutput(Output):
    """What whoever asks is there, and everything that they may act as."""

    roles = serializers.ListField(child=serializers.CharField())
    rights = serializers.ListField(child=serializers.CharField())


class OrganisationOutput(Output):
    """For its staff."""

    id = Id()
    kind = serializers.CharField()
    name = serializers.CharField()
    legal_name = serializers.CharField()
    state = serializers.CharField(help_text="`requested`, `active`, `suspended` or `refused`.")
    created_at = Time()
    mine = MyPlaceOutput()


class RoleOutput(Output):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # as in the registry
    implies = serializers.SerializerMethodField()
    manages_staff = serializers.BooleanField()

    def get_implies(self, role: registry.Role) -> list[str]:
        return sorted(role.implies)


class StaffOutput(Output):
    user = ProfileOutput()
    roles = serializers.ListField(child=serializers.CharField())
    joined_at = Time()


class RolesInput(Input):
    roles = Roles()


class OwnershipInput(Input):
    user_id = Id()
    kept_roles = Roles(help_text="What you are afterwards.")


class StaffInvitationInput(Input):
    """To a handle or to a number; with neither, by a link."""

    roles = Roles()
    handle = Text(max_length=20, required=False)
    phone = Text(max_length=32, required=False, help_text="International form. The answer says nothing of whose it is.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "handle" in attrs and "phone" in attrs:
            raise serializers.ValidationError({"phone": [_("Invite by a handle or by a number, not by both.")]})
        return attrs


class StaffInvitationOutput(Output):
    """For whoever may change the staff. By link where there is neither an invitee nor a number."""

    id = Id()
    roles = serializers.ListField(child=serializers.CharField())
    invitee = ProfileOutput(allow_null=True)
    phone = serializers.CharField(allow_null=True)
    inviter = ProfileOutput()
    state = serializers.CharField(help_text="`pending`, `accepted`, `declined` or `revoked`.")
    expires_at = Time()
    created_at = Time()


class NewStaffInvitationOutput(StaffInvitationOutput):
    link = QrCardOutput(allow_null=True, help_text="For the invited person's eyes. It works for one of them.")


class InvitingOutput(Output):
    id = Id()
    kind = serializers.CharField()
    name = serializers.CharField()


class InvitationOutput(Output):
    """For the person who is to answer it."""

    id = Id()
    organisation = InvitingOutput()
    roles = serializers.ListField(child=serializers.CharField())
    expires_at = Time()


class InvitationLinkInput(Input):
    link = Text(max_length=500, help_text="As it was scanned or opened.")


def staff_invitation(invitation: OrganisationInvitation, people: dict[int, Any]) -> dict[str, Any]:
    """What ``StaffInvitationOutput`` shows."""
    return {
        "id": invitation.id,
        "roles": invitation.roles,
        "invitee": people[invitation.invitee_id] if invitation.invitee_id else None,
        "phone": invitation.phone,
        "inviter": people[invitation.inviter_id],
        "state": invitation.state,
        "expires_at": invitation.expires_at,
        "created_at": invitation.created_at,
    }


def organisation(place: Any) -> dict[str, Any]:
    """What ``OrganisationOutput`` shows to whoever has this place on its staff."""
    one = place.organisation
    shown = ("id", "kind", "name", "legal_name", "state", "created_at")
    return {name: getattr(one, name) for name in shown} | {"mine": selectors.mine_frame(place)}
