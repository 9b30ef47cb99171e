"""Signing in with a password: by handle or number, a few guesses at a time, and without telling who exists."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from superapp.accounts import services
from superapp.accounts.errors import SignInFailed
from superapp.accounts.models import KnownDevice, PasswordAttempts, User
from superapp.core.redis import reset_clients
from tests.accounts import sessions
from tests.accounts.people import PASSWORD, Caller, Person, code_for, new_handle, new_phone, person
from tests.accounts.sessions import locked

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> Person:
    return person(handle=new_handle(), password=PASSWORD)


def sign_in(identifier: Any, password: Any = PASSWORD, **more: str) -> Any:
    return sessions.sign_in(identifier, password, **more)


def failed(response: Any) -> bytes:
    return sessions.refused(response, "sign_in_failed", 401)


def devices(someone: Person) -> int:
    return sessions.living(someone.id)


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


def test_five_wrong_passwords_lock_the_account_under_each_of_its_names(ada: Person) -> None:
    for _ in range(5):
        failed(sign_in(ada.handle, "wrong"))
    locked(sign_in(ada.handle, "wrong"))
    # The right one does not open it either: a guesser must not learn which one it is.
    locked(sign_in(ada.handle))
    failed(sign_in(ada.phone))
    assert devices(ada) == 1
    let_time_pass()
    assert sign_in(ada.handle).status_code == 201


def test_lock_does_not_tell_whose_number_it_is(ada: Person) -> None:
    """Five guesses at a handle, then one at a number: it must look like anybody's, and like nobody's."""
    bo = person(handle=new_handle(), password=PASSWORD)
    for _ in range(5):
        failed(sign_in(ada.handle, "wrong"))
    answers = {failed(sign_in(number, "wrong")) for number in (ada.phone, bo.phone, new_phone())}
    assert len(answers) == 1


def test_guesses_at_handle_and_number_together_are_five(ada: Person, settings: Settings) -> None:
    for number in range(3):
        failed(sign_in(ada.handle, f"wrong {number}"))
        failed(sign_in(ada.phone, f"wrong {number}"))
    # Neither name has had its five, and the right password is refused as a wrong one.
    failed(sign_in(ada.handle))
    failed(sign_in(ada.phone))
    assert devices(ada) == 1


def test_known_and_unknown_names_take_as_many_statements(ada: Person) -> None:
    inactive = person(handle=new_handle(), password=PASSWORD)
    User.objects.filter(id=inactive.id).update(is_active=False)
    without = person(handle=new_handle())
    known_by = sign_in(ada.handle).json()["recognition_token"]
    names = (ada.handle, ada.phone, new_handle(), new_phone(), "no handle at all!", without.handle, inactive.handle)
    for shown in (None, "known.1.made-up", "nonsense", sign_in(ada.handle).json()["recognition_token"][:-1]):
        counts = set()
        for name in names:
            with CaptureQueriesContext(connection) as captured:
                failed(sign_in(name, "wrong", known_by=shown))
            counts.add(len(captured))
        assert len(counts) == 1, shown
        let_time_pass()
    assert known_by


# --- Devices that were let in before ----------------------------------------------------------------------------------


def test_guesses_of_strangers_do_not_lock_the_owners_own_phone(ada: Person) -> None:
    known_by = sign_in(ada.handle).json()["recognition_token"]
    for _ in range(6):
        sign_in(ada.handle, "wrong")
        sign_in(ada.phone, "wrong")
    locked(sign_in(ada.handle))
    for name in (ada.handle, ada.phone):
        assert sign_in(name, known_by=known_by).status_code == 201
    # And it gives the strangers no new guesses.
    locked(sign_in(ada.handle))


def test_known_device_has_five_guesses_of_its_own(ada: Person) -> None:
    known_by = sign_in(ada.handle).json()["recognition_token"]
    for name in (ada.handle, ada.phone, ada.handle, ada.phone, ada.handle):
        failed(sign_in(name, "wrong", known_by=known_by))
    locked(sign_in(ada.handle, known_by=known_by))
    locked(sign_in(ada.phone, known_by=known_by))
    # It was the phone that somebody found; who comes without it is another.
    assert sign_in(ada.handle).status_code == 201


def test_token_of_a_known_device_is_kept_and_stays_the_same(ada: Person) -> None:
    first = sign_in(ada.handle).json()
    again = sign_in(ada.handle, known_by=first["recognition_token"]).json()
    assert again["recognition_token"] == first["recognition_token"]
    assert again["device_id"] != first["device_id"]
    assert KnownDevice.objects.filter(user_id=ada.id).count() == 2
    assert sessions.refresh(again["refresh_token"]).json()["recognition_token"] is None


def test_somebody_elses_token_is_none(ada: Person) -> None:
    bo = person(handle=new_handle(), password=PASSWORD)
    theirs = sign_in(bo.handle).json()["recognition_token"]
    for _ in range(5):
        failed(sign_in(ada.handle, "wrong", known_by=theirs))
    locked(sign_in(ada.handle, known_by=theirs))
    assert sign_in(bo.handle, known_by=theirs).status_code == 201
    for made_up in (
        theirs.replace(str(bo.id), str(ada.id)),
        theirs + "x",
        "x",
        sign_in(bo.handle).json()["access_token"],
    ):
        locked(sign_in(ada.handle, known_by=made_up))


@pytest.mark.parametrize(
    ("reason", "stays"),
    [
        ("signed_out", True),
        ("replaced", True),
        ("revoked", False),
        ("token_reused", False),
        ("password_changed", False),
        ("banned", False),
    ],
)
def test_device_that_was_thrown_out_is_a_stranger(ada: Person, reason: str, stays: bool) -> None:
    session = sign_in(ada.handle).json()
    services.revoke_device(actor_id=ada.id, device_id=int(session["device_id"]), reason=reason)
    for _ in range(5):
        failed(sign_in(ada.handle, "wrong"))
    again = sign_in(ada.handle, known_by=session["recognition_token"])
    assert again.status_code == (201 if stays else 429)


def test_new_password_makes_strangers_of_devices_that_are_signed_out_as_well(ada: Person) -> None:
    here, away = sign_in(ada.handle).json(), sign_in(ada.handle).json()
    services.revoke_device(actor_id=ada.id, device_id=int(away["device_id"]), reason="signed_out")
    new = "quite another one 8"
    services.set_password(
        actor_id=ada.id, device_id=int(here["device_id"]), current_password=PASSWORD, new_password=new
    )
    for _ in range(5):
        failed(sign_in(ada.handle, "wrong"))
    locked(sign_in(ada.handle, new, known_by=away["recognition_token"]))
    assert sign_in(ada.handle, new, known_by=here["recognition_token"]).status_code == 201


def test_known_devices_are_few_and_not_for_ever(ada: Person, settings: Settings) -> None:
    settings.KNOWN_DEVICES_PER_USER = 3
    tokens = [sign_in(ada.handle).json()["recognition_token"] for _ in range(4)]
    for _ in range(5):
        failed(sign_in(ada.handle, "wrong"))
    locked(sign_in(ada.handle, known_by=tokens[0]))
    assert sign_in(ada.handle, known_by=tokens[1]).status_code == 201
    KnownDevice.objects.filter(user_id=ada.id).update(expires_at=timezone.now() - timedelta(seconds=1))
    locked(sign_in(ada.handle, known_by=tokens[1]))
    services.forget_expired()
    assert not KnownDevice.objects.filter(user_id=ada.id).exists()


def test_sign_in_with_a_code_makes_a_device_known_as_well(ada: Person) -> None:
    def by_code(**more: str) -> Any:
        challenge = services.send_sign_in_code(phone=ada.phone, language="en", client_address="192.0.2.9").challenge
        body = {"challenge": challenge, "code": code_for(ada.phone), "device": sessions.DEVICE, **more}
        return Caller().call("POST", sessions.CODE_SIGN_IN, body).json()["recognition_token"]

    known_by = by_code()
    assert by_code(recognition_token=known_by) == known_by
    for _ in range(5):
        failed(sign_in(ada.handle, "wrong"))
    assert sign_in(ada.handle, known_by=known_by).status_code == 201


def test_staff_unlock_the_account_and_its_devices(ada: Person) -> None:
    known_by = sign_in(ada.handle).json()["recognition_token"]
    for _ in range(6):
        sign_in(ada.handle, "wrong")
        sign_in(ada.handle, "wrong", known_by=known_by)
    services.unlock_sign_in(user_id=ada.id)
    assert sign_in(ada.handle).status_code == 201
    assert sign_in(ada.phone, known_by=known_by).status_code == 201


# --- What is counted, and where ---------------------------------------------------------------------------------------


def test_lock_ends_as_announced_however_often_somebody_tries(ada: Person) -> None:
    for _ in range(5):
        failed(sign_in(ada.handle, "wrong"))
    until = set(PasswordAttempts.objects.values_list("counted_until", flat=True))
    for _ in range(3):
        locked(sign_in(ada.handle, "wrong"))
    assert set(PasswordAttempts.objects.values_list("counted_until", flat=True)) == until


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
    let_time_pass()

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
    # A refused attempt was not counted against the name, nor whoever has it.
    assert PasswordAttempts.objects.count() == 2 * 4


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
