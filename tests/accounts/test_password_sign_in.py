"""Signing in with a password: by handle or number, a few guesses at a time, and without telling who exists."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from superapp.accounts import services
from superapp.accounts.errors import SignInFailed
from superapp.accounts.models import Device, PasswordAttempts, User
from superapp.core.redis import reset_clients
from tests.accounts.people import PASSWORD, Caller, Person, new_handle, new_phone, person

pytestmark = pytest.mark.django_db
SIGN_IN = "/api/v1/auth/sign-in/password/"
DEVICE = {"name": "Laptop", "platform": "desktop"}


@pytest.fixture
def ada() -> Person:
    return person(handle=new_handle(), password=PASSWORD)


def sign_in(identifier: Any, password: Any = PASSWORD, **headers: str) -> Any:
    return Caller().call("POST", SIGN_IN, {"identifier": identifier, "password": password, "device": DEVICE}, **headers)


def failed(response: Any) -> bytes:
    assert response.status_code == 401, response.content
    assert response["WWW-Authenticate"] == "Bearer"
    assert response.json()["error"]["code"] == "sign_in_failed"
    content: bytes = response.content
    return content


def locked(response: Any) -> None:
    assert response.status_code == 429, response.content
    assert response.json()["error"]["code"] == "too_many_requests"
    assert 0 < int(response["Retry-After"]) <= 900


def devices(someone: Person) -> int:
    return Device.objects.filter(user_id=someone.id, revoked_at=None).count()


def let_time_pass() -> None:
    PasswordAttempts.objects.update(counted_until=timezone.now() - timedelta(seconds=1))


def test_handle_or_number_and_password_open(ada: Person) -> None:
    assert ada.handle
    spaced = f"{ada.phone[:3]} {ada.phone[3:6]} {ada.phone[6:]}"
    for identifier in (ada.handle, ada.handle.upper(), f" {ada.handle} ", ada.phone, spaced):
        response = sign_in(identifier)
        assert response.status_code == 201, identifier
        body = response.json()
        assert (body["user"]["id"], body["is_new_user"]) == (str(ada.id), False)
        assert Caller(body["access_token"]).get("/api/v1/me/").status_code == 200
    assert devices(ada) == 6
    assert not PasswordAttempts.objects.exists()


def test_unknown_wrong_and_missing_passwords_look_alike(ada: Person) -> None:
    without = person(handle=new_handle())
    inactive = person(handle=new_handle(), password=PASSWORD)
    User.objects.filter(id=inactive.id).update(is_active=False)
    answers = {
        failed(sign_in(new_handle())),
        failed(sign_in(new_phone())),
        failed(sign_in("+1")),
        failed(sign_in("no handle at all!")),
        failed(sign_in(ada.handle, "wrong password")),
        failed(sign_in(ada.phone, "wrong password")),
        failed(sign_in(without.handle)),
        failed(sign_in(without.phone, "!")),
        failed(sign_in(inactive.handle)),
    }
    assert len(answers) == 1
    assert [devices(someone) for someone in (ada, without, inactive)] == [1, 1, 1]


@pytest.mark.parametrize(
    "password", [f"{PASSWORD} ", f" {PASSWORD}", PASSWORD.upper(), PASSWORD[:-1], "argon2$x", "x" * 200]
)
def test_password_counts_to_the_letter(ada: Person, password: str) -> None:
    failed(sign_in(ada.handle, password))


def test_password_with_blanks_around_it_is_kept_as_it_is() -> None:
    ada = person(handle=new_handle(), password=f"  {PASSWORD}  ")
    assert sign_in(ada.handle, f"  {PASSWORD}  ").status_code == 201
    failed(sign_in(ada.handle))


def test_five_wrong_passwords_lock_the_name_and_not_the_person(ada: Person) -> None:
    for _ in range(5):
        failed(sign_in(ada.handle, "wrong"))
    locked(sign_in(ada.handle, "wrong"))
    # The right one does not open it either: a guesser must not learn which one it is.
    locked(sign_in(ada.handle))
    assert devices(ada) == 1
    assert sign_in(ada.phone).status_code == 201
    let_time_pass()
    assert sign_in(ada.handle).status_code == 201


def test_lock_ends_as_announced_however_often_somebody_tries(ada: Person) -> None:
    for _ in range(5):
        failed(sign_in(ada.handle, "wrong"))
    until = PasswordAttempts.objects.get().counted_until
    for _ in range(3):
        locked(sign_in(ada.handle, "wrong"))
    assert PasswordAttempts.objects.get().counted_until == until


def test_unknown_name_is_locked_like_a_known_one() -> None:
    name = new_handle()
    for _ in range(5):
        failed(sign_in(name, "wrong"))
    locked(sign_in(name, "wrong"))


def test_another_spelling_is_not_another_five_guesses(ada: Person) -> None:
    assert ada.handle
    number = ada.phone
    for spelling in (
        number,
        f"{number[:3]} {number[3:]}",
        f"{number[:3]}-{number[3:]}",
        f"{number[:3]}(0){number[3:]}",
    ):
        failed(sign_in(spelling, "wrong"))
    failed(sign_in(f" {number}", "wrong"))
    locked(sign_in(f"{number[:5]} {number[5:]}", "wrong"))

    for spelling in (ada.handle, ada.handle.upper(), ada.handle.title(), f" {ada.handle}", f"{ada.handle} "):
        failed(sign_in(spelling, "wrong"))
    locked(sign_in(ada.handle.capitalize(), "wrong"))


def test_success_starts_the_count_anew(ada: Person) -> None:
    for _ in range(2):
        for _ in range(4):
            failed(sign_in(ada.handle, "wrong"))
        assert sign_in(ada.handle).status_code == 201
    assert not PasswordAttempts.objects.exists()


def test_handle_that_was_given_up_no_longer_signs_in(ada: Person) -> None:
    assert ada.api.call("PATCH", "/api/v1/me/", {"handle": new_handle()}).status_code == 200
    failed(sign_in(ada.handle))


def test_address_has_its_own_limit(settings: Settings) -> None:
    settings.LIMITS_OVERRIDES = {"accounts.sign_in.address": (3, 600.0)}
    statuses = [sign_in(new_handle(), REMOTE_ADDR="192.0.2.5").status_code for _ in range(4)]
    assert statuses == [401, 401, 401, 429]
    failed(sign_in(new_handle(), REMOTE_ADDR="192.0.2.6"))
    # A refused attempt was not counted against the name.
    assert PasswordAttempts.objects.count() == 4


def test_without_redis_people_sign_in(ada: Person, settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nonexistent/redis.sock"
    reset_clients()
    assert sign_in(ada.handle).status_code == 201
    for _ in range(5):
        failed(sign_in(ada.handle, "wrong"))
    # What must be exact does not lean on Redis.
    locked(sign_in(ada.handle, "wrong"))


@pytest.mark.parametrize(
    ("identifier", "password"),
    [
        ("", PASSWORD),
        ("x" * 33, PASSWORD),
        (None, PASSWORD),
        ("ada", ""),
        ("ada", None),
        ("ada", "x" * 201),
        ("a\x00", "x"),
        ("ada", 5),
    ],
)
def test_attempt_of_the_wrong_shape_is_none(identifier: Any, password: Any) -> None:
    assert sign_in(identifier, password).status_code == 400
    assert not PasswordAttempts.objects.exists()


def test_sign_in_that_was_under_way_when_the_password_changed_does_not_survive_the_change() -> None:
    ada = person(handle=new_handle(), password=PASSWORD)
    compared_with = User.objects.get(id=ada.id).password
    services.set_password(actor_id=ada.id, device_id=0, current_password=PASSWORD, new_password="another fine one 7")
    with pytest.raises(SignInFailed):
        services.start_session(user_id=ada.id, device_name="late", platform="web", checked_password=compared_with)
