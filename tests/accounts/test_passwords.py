"""Setting a password: one's own decision, proved by the old one, and the end of every other device."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import check_password
from django.utils import timezone
from pytest_django import Settings

from superapp.accounts import services
from superapp.accounts.models import Device, PasswordAttempts, User
from superapp.settings import base
from tests.accounts.people import PASSWORD, Caller, Person, code_for, new_handle, person
from tests.accounts.sessions import revoked

pytestmark = pytest.mark.django_db
NEW = "another horse entirely"


@pytest.fixture
def ada() -> Person:
    return person(handle=new_handle(), password=PASSWORD)


def put(someone: Person, **body: Any) -> Any:
    return someone.api.call("PUT", "/api/v1/me/password/", body)


def refused(someone: Person, status: int, code: str, /, **body: Any) -> dict[str, Any]:
    """The details; the password is the old one, and nobody was signed out."""
    before = User.objects.get(id=someone.id).password
    response = put(someone, **body)
    assert response.status_code == status, response.content
    assert response.json()["error"]["code"] == code
    assert User.objects.get(id=someone.id).password == before
    assert revoked == []
    details: dict[str, Any] = response.json()["error"]["details"]
    return details


def is_password(someone: Person, text: str) -> bool:
    return check_password(text, User.objects.get(id=someone.id).password)


def test_first_password_needs_no_other() -> None:
    ada = person()
    assert ada.api.get("/api/v1/me/").json()["has_password"] is False
    response = put(ada, new_password=PASSWORD)
    assert (response.status_code, response.content) == (204, b"")
    assert ada.api.get("/api/v1/me/").json()["has_password"] is True
    assert is_password(ada, PASSWORD)


def test_first_password_later_on_needs_a_code_to_ones_own_phone() -> None:
    """Else whoever got hold of a session could choose one, prove themselves by it and take the number away."""
    ada = person()
    Device.objects.filter(user_id=ada.id).update(created_at=timezone.now() - timedelta(minutes=16))
    refused(ada, 410, "code_expired", new_password=PASSWORD)
    challenge = services.send_sign_in_code(phone=ada.phone, language="en", client_address=ada.phone).challenge
    assert put(ada, new_password=PASSWORD, challenge=challenge, code=code_for(ada.phone)).status_code == 204
    assert is_password(ada, PASSWORD)


def test_password_is_kept_as_argon2_with_the_cost_that_django_recommends(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = base.PASSWORD_HASHERS
    ada = person()
    put(ada, new_password=PASSWORD)
    stored = User.objects.get(id=ada.id).password
    assert stored.startswith("argon2$argon2id$v=19$m=102400,t=2,p=8$")
    assert check_password(PASSWORD, stored)


def test_change_needs_the_current_one(ada: Person) -> None:
    for current in ({}, {"current_password": "wrong"}, {"current_password": f"{PASSWORD} "}):
        refused(ada, 403, "password_wrong", new_password=NEW, **current)
    assert put(ada, new_password=NEW, current_password=PASSWORD).status_code == 204
    assert is_password(ada, NEW)


def sent_code(phone: str) -> dict[str, str]:
    challenge = Caller().call("POST", "/api/v1/auth/codes/", {"phone": phone}).json()["challenge"]
    return {"challenge": challenge, "code": code_for(phone)}


def test_forgotten_password_is_replaced_with_a_code_to_ones_own_phone(ada: Person) -> None:
    other = ada.another_device()
    proof = sent_code(ada.phone)
    assert put(ada, new_password=NEW, **proof).status_code == 204
    assert is_password(ada, NEW)
    assert Caller(other.access.text).get("/api/v1/me/").status_code == 401
    revoked.clear()
    assert refused(ada, 410, "code_expired", new_password=PASSWORD, **proof) == {}


def test_code_to_somebody_elses_phone_proves_nothing(ada: Person) -> None:
    refused(ada, 422, "code_wrong", new_password=NEW, **sent_code(person().phone))


def test_wrong_code_is_a_guess_like_any_other(ada: Person) -> None:
    proof = sent_code(ada.phone)
    wrong = {**proof, "code": f"{(int(proof['code']) + 1) % 1_000_000:06}"}
    for _ in range(5):
        refused(ada, 422, "code_wrong", new_password=NEW, **wrong)
    refused(ada, 429, "too_many_requests", new_password=NEW, **proof)


def test_challenge_without_its_code_is_no_proof(ada: Person) -> None:
    proof = sent_code(ada.phone)
    for half in ("challenge", "code"):
        details = refused(ada, 400, "invalid_input", new_password=NEW, **{half: proof[half]})
        assert set(details["fields"]) == {"code"}


def test_change_signs_every_other_device_out(ada: Person) -> None:
    bo = person()
    others = [ada.another_device() for _ in range(2)]
    assert put(ada, new_password=NEW, current_password=PASSWORD).status_code == 204
    for session in others:
        assert Caller(session.access.text).get("/api/v1/me/").status_code == 401
        body = {"refresh_token": session.refresh.text}
        assert Caller().call("POST", "/api/v1/auth/refresh/", body).status_code == 401
    assert ada.api.get("/api/v1/me/").status_code == 200
    assert bo.api.get("/api/v1/me/").status_code == 200
    assert {(event.device_id, event.reason) for event in revoked} == {
        (session.device.id, "password_changed") for session in others
    }


@pytest.mark.parametrize(
    ("weak", "reasons"), [("short", 2), ("password", 2), ("987654321012345", 1), ("1234567890", 2), ("x" * 9, 1)]
)
def test_weak_password_is_refused_with_its_reasons(ada: Person, weak: str, reasons: int) -> None:
    details = refused(ada, 422, "password_rejected", new_password=weak, current_password=PASSWORD)
    assert len(details["reasons"]) >= 1
    assert all(isinstance(reason, str) and reason.endswith(".") for reason in details["reasons"])
    # A weak choice is no guess at the old one.
    assert not PasswordAttempts.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"new_password": ""},
        {"new_password": None},
        {"new_password": "x" * 201},
        {"new_password": "a\x00" * 10},
        {"new_password": NEW, "user_id": "1"},
    ],
)
def test_request_of_the_wrong_shape_is_refused(ada: Person, body: dict[str, Any]) -> None:
    refused(ada, 400, "invalid_input", **body)


def test_current_password_is_not_guessed_from_an_unlocked_phone(ada: Person) -> None:
    for _ in range(5):
        refused(ada, 403, "password_wrong", new_password=NEW, current_password="wrong")
    response = put(ada, new_password=NEW, current_password=PASSWORD)
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 900
    assert is_password(ada, PASSWORD)
    # Their own signing in is another matter.
    device = {"name": "Laptop", "platform": "web"}
    body = {"identifier": ada.handle, "password": PASSWORD, "device": device}
    assert Caller().call("POST", "/api/v1/auth/sign-in/password/", body).status_code == 201
    PasswordAttempts.objects.update(counted_until=timezone.now() - timedelta(seconds=1))
    assert put(ada, new_password=NEW, current_password=PASSWORD).status_code == 204


def test_right_current_password_starts_the_count_anew(ada: Person) -> None:
    passwords = [PASSWORD, NEW]
    for _ in range(2):
        for _ in range(4):
            refused(ada, 403, "password_wrong", new_password=passwords[1], current_password="wrong")
        assert put(ada, new_password=passwords[1], current_password=passwords[0]).status_code == 204
        passwords.reverse()
    assert not PasswordAttempts.objects.exists()
