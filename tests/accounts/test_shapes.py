"""What is shown of people, field by field: adding one is a decision about who may know it."""

from typing import Any
from uuid import uuid4

import pytest

from superapp.accounts import selectors, services
from superapp.accounts.api import organisation_shapes as shapes
from superapp.accounts.api.serializers import ProfileOutput
from superapp.accounts.models import User
from tests.accounts.organisations import organisation
from tests.accounts.people import PASSWORD, Caller, new_handle, person

pytestmark = pytest.mark.django_db
PROFILE = {"id", "handle", "display_name", "avatar_id"}
ME = PROFILE | {
    "phone",
    "language",
    "time_zone",
    "birth_date",
    "has_password",
    "terms_version",
    "current_terms_version",
    "created_at",
}
SESSION = {
    "access_token",
    "access_expires_at",
    "refresh_token",
    "refresh_expires_at",
    "recognition_token",
    "device_id",
    "is_new_user",
    "user",
}
DEVICE = {"id", "name", "platform", "created_at", "last_seen_at", "is_current"}

INVITATION = {"id", "organisation", "roles", "expires_at"}
STAFF_INVITATION = {"id", "roles", "invitee", "phone", "inviter", "state", "expires_at", "created_at"}
#: What is shown of organisations, all of it to their staff, but for what an invited person sees.
OF_ORGANISATIONS = {
    shapes.OrganisationOutput: {"id", "kind", "name", "legal_name", "state", "created_at", "mine"},
    shapes.MyPlaceOutput: {"roles", "rights"},
    shapes.RoleOutput: {"name", "label", "implies", "manages_staff"},
    shapes.StaffOutput: {"user", "roles", "joined_at"},
    shapes.StaffInvitationOutput: STAFF_INVITATION,
    shapes.NewStaffInvitationOutput: STAFF_INVITATION | {"link"},
    shapes.InvitationOutput: INVITATION,
    shapes.InvitingOutput: {"id", "kind", "name"},
}


def is_time(text: Any) -> bool:
    return isinstance(text, str) and len(text) == 27 and text.endswith("Z")


def test_everybody_sees_four_things() -> None:
    ada = User.objects.get(id=person(handle=new_handle(), password=PASSWORD).id)
    shown = ProfileOutput(ada).data
    assert set(shown) == PROFILE
    assert shown == selectors.profile_frame(ada)
    assert shown["id"] == str(ada.id)


def test_person_without_handle_and_avatar_is_shown_alike() -> None:
    ada = User.objects.get(id=person().id)
    assert ProfileOutput(ada).data == selectors.profile_frame(ada)
    ada.avatar_id = 2**62
    assert ProfileOutput(ada).data["avatar_id"] == selectors.profile_frame(ada)["avatar_id"] == str(2**62)


def test_oneself_sees_twelve_things() -> None:
    ada = person(handle=new_handle())
    shown = ada.api.get("/api/v1/me/").json()
    assert set(shown) == ME
    assert (shown["id"], shown["phone"]) == (str(ada.id), ada.phone)
    assert is_time(shown["created_at"])


def test_session_and_device_show_what_a_client_needs() -> None:
    ada = person(handle=new_handle(), password=PASSWORD)
    device = {"name": "Laptop", "platform": "web"}
    body = {"identifier": ada.handle, "password": PASSWORD, "device": device}
    session = Caller().call("POST", "/api/v1/auth/sign-in/password/", body).json()
    assert set(session) == SESSION
    assert set(session["user"]) == ME
    assert is_time(session["access_expires_at"])
    assert is_time(session["refresh_expires_at"])
    assert session["access_token"].startswith(f"access.{ada.id}.")
    assert session["refresh_token"].startswith(f"refresh.{ada.id}.")
    assert session["recognition_token"].startswith(f"known.{ada.id}.")
    assert len(session["access_token"].rpartition(".")[2]) == 43
    (laptop, _) = Caller(session["access_token"]).get("/api/v1/devices/").json()["results"]
    assert set(laptop) == DEVICE
    assert (laptop["id"], laptop["name"], laptop["platform"]) == (session["device_id"], "Laptop", "web")
    assert is_time(laptop["created_at"])
    assert is_time(laptop["last_seen_at"])


@pytest.mark.parametrize("shape", OF_ORGANISATIONS, ids=lambda shape: shape.__name__)
def test_organisations_show_what_is_listed_here(shape: Any) -> None:
    assert set(shape().fields) == OF_ORGANISATIONS[shape]


def test_invitation_is_shown_alike_by_rest_by_scan_and_in_pushes() -> None:
    ada, bo = person(), person(handle=new_handle())
    made = organisation(ada)
    invited = services.invite_staff(
        actor_id=ada.id, organisation_id=made.id, roles=["cashier"], client_id=uuid4(), handle=bo.handle
    )
    (shown,) = bo.api.get("/api/v1/organisation-invitations/").json()["results"]
    assert shown == selectors.invitation_frame(invited.invitation)
    assert shown == selectors.invitation_behind_link(bo.id, str(invited.invitation.id)).data


def test_profiles_of_staff_have_no_numbers_in_them() -> None:
    ada = person()
    made = organisation(ada)
    for row in ada.api.get(f"/api/v1/organisations/{made.id}/staff/").json()["results"]:
        assert set(row["user"]) == PROFILE
