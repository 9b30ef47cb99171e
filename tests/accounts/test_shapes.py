"""What is shown of people, field by field: adding one is a decision about who may know it."""

from typing import Any

import pytest

from superapp.accounts import selectors
from superapp.accounts.api.serializers import ProfileOutput
from superapp.accounts.models import User
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
