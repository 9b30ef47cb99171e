"""Another number: proved step by step, without telling whose it is; the old one opens nothing any more."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from superapp.accounts import selectors, services
from superapp.accounts.errors import PhoneChangeExpired, SignInFailed
from superapp.accounts.events import DeviceRevoked, PhoneChanged
from superapp.accounts.models import PhoneChange, PhoneDirectory, SignInCode, User
from superapp.core.events import after_commit
from superapp.core.models import AuditEntry
from superapp.core.redis import reset_clients
from tests.accounts import people, sessions
from tests.accounts.outbox import deliver
from tests.accounts.people import PASSWORD, Caller, Person, code_for, new_handle, new_phone, person
from tests.accounts.sessions import later, revoked, works
from tests.messaging.conftest import Wire, wire  # noqa: F401  (a fixture)

pytestmark = pytest.mark.django_db
OWN_CODES = "/api/v1/me/phone/codes/"
CHANGES = "/api/v1/me/phone/changes/"
NEW_CODES = "/api/v1/me/phone/changes/codes/"
PHONE = "/api/v1/me/phone/"
changed: list[PhoneChanged] = []


@after_commit(PhoneChanged)
def note_changed(event: PhoneChanged) -> None:
    changed.append(event)


@pytest.fixture(autouse=True)
def _nothing_yet() -> Iterator[None]:
    changed.clear()
    yield
    people.told.clear()


@pytest.fixture
def ada() -> Person:
    return person(handle=new_handle(), password=PASSWORD)


@pytest.fixture
def bo() -> Person:
    return person(handle=new_handle(), password=PASSWORD)


def begin(who: Person, **proof: str) -> str:
    response = who.api.call("POST", CHANGES, proof or {"password": PASSWORD})
    assert response.status_code == 201, response.content
    token: str = response.json()["change_token"]
    return token


def ask(who: Person, token: str, phone: str, **headers: str) -> Any:
    return who.api.call("POST", NEW_CODES, {"change_token": token, "phone": phone}, **headers)


def proof(who: Person, phone: str) -> dict[str, str]:
    """Everything for the last step."""
    token = begin(who)
    challenge = ask(who, token, phone).json()["challenge"]
    return {"change_token": token, "challenge": challenge, "code": code_for(phone)}


def change(who: Person, body: dict[str, str]) -> Any:
    return who.api.call("PUT", PHONE, body)


def own_code(who: Person) -> dict[str, str]:
    return {"challenge": who.api.call("POST", OWN_CODES).json()["challenge"], "code": code_for(who.phone)}


def sign_in_by_code(phone: str) -> Any:
    challenge = services.send_sign_in_code(phone=phone, language="en", client_address=phone).challenge
    body = {"challenge": challenge, "code": code_for(phone), "device": sessions.DEVICE}
    return Caller().call("POST", sessions.CODE_SIGN_IN, body)


def number_of(who: Person) -> str | None:
    return User.objects.get(id=who.id).phone


# --- The way ----------------------------------------------------------------------------------------------------------


def test_new_number_takes_the_place_of_the_old_one(ada: Person) -> None:
    new = new_phone()
    response = change(ada, proof(ada, new))
    assert (response.status_code, response.json()["phone"]) == (200, new)
    assert ada.api.get("/api/v1/me/").json()["phone"] == new
    assert sign_in_by_code(new).json()["user"]["id"] == str(ada.id)
    assert sessions.sign_in(new, PASSWORD).status_code == 201
    sessions.refused(sessions.sign_in(ada.phone, PASSWORD), "sign_in_failed", 401)


def test_code_to_the_old_number_proves_oneself_as_well(ada: Person) -> None:
    token = begin(ada, **own_code(ada))
    new = new_phone()
    challenge = ask(ada, token, new).json()["challenge"]
    body = {"change_token": token, "challenge": challenge, "code": code_for(new)}
    assert change(ada, body).status_code == 200


def test_whoever_has_no_number_gets_a_first_one() -> None:
    user = services.create_user(phone=None, display_name="Cy", handle=new_handle(), password=PASSWORD)
    session = services.start_session(user_id=user.id, device_name="Phone", platform="ios")
    cy = Person(id=user.id, phone="", handle=user.handle, session=session)
    sessions.refused(cy.api.call("POST", OWN_CODES), "phone_invalid", 422)
    new = new_phone()
    assert change(cy, proof(cy, new)).json()["phone"] == new
    deliver()
    assert people.told == []


def test_own_number_once_more_changes_nothing(ada: Person) -> None:
    tablet = ada.another_device()
    assert change(ada, proof(ada, ada.phone)).status_code == 200
    assert works(tablet.access.text)
    assert changed == []
    assert PhoneDirectory.objects.get(phone=ada.phone).released_at is None


# --- Full re-authentication -------------------------------------------------------------------------------------------


def test_nobody_begins_without_proving_themselves_anew(ada: Person, bo: Person) -> None:
    theirs = own_code(bo)
    sign_in_code = {
        "challenge": services.send_sign_in_code(phone=ada.phone, language="en", client_address="::1").challenge,
        "code": code_for(ada.phone),
    }
    sessions.refused(ada.api.call("POST", CHANGES, {"password": "wrong"}), "password_wrong", 403)
    sessions.refused(ada.api.call("POST", CHANGES, theirs), "code_expired", 410)
    # A code that was sent for something else proves nothing here.
    sessions.refused(ada.api.call("POST", CHANGES, sign_in_code), "code_expired", 410)
    for body in ({}, {"code": "123456"}, {"challenge": "x"}, {"password": PASSWORD, **sign_in_code}):
        sessions.refused(ada.api.call("POST", CHANGES, body), "invalid_input", 400)
    assert not PhoneChange.objects.exists()
    # Nor does one of here open anything else.
    own = own_code(ada)
    body = {**own, "device": sessions.DEVICE}
    sessions.refused(Caller().call("POST", sessions.CODE_SIGN_IN, body), "code_expired", 410)
    sessions.refused(
        ada.api.call("PUT", "/api/v1/me/password/", {**own, "new_password": "quite another one 8"}), "code_expired", 410
    )


def test_code_to_the_old_number_works_once(ada: Person) -> None:
    own = own_code(ada)
    begin(ada, **own)
    sessions.refused(ada.api.call("POST", CHANGES, own), "code_expired", 410)


def test_guesses_at_the_password_are_counted_with_those_at_its_change(ada: Person) -> None:
    for _ in range(3):
        sessions.refused(ada.api.call("POST", CHANGES, {"password": "wrong"}), "password_wrong", 403)
    body = {"current_password": "wrong", "new_password": "quite another one 8"}
    for _ in range(2):
        sessions.refused(ada.api.call("PUT", "/api/v1/me/password/", body), "password_wrong", 403)
    sessions.locked(ada.api.call("POST", CHANGES, {"password": PASSWORD}))


def test_token_is_for_one_device_one_person_and_ten_minutes(ada: Person, bo: Person) -> None:
    new = new_phone()
    body = proof(ada, new)
    tablet = Person(id=ada.id, phone=ada.phone, handle=ada.handle, session=ada.another_device())
    for who in (tablet, bo):
        sessions.refused(ask(who, body["change_token"], new), "phone_change_expired", 410)
        sessions.refused(change(who, body), "phone_change_expired", 410)
    for token in ("x", body["change_token"][:-1], ada.session.access.text):
        sessions.refused(change(ada, {**body, "change_token": token}), "phone_change_expired", 410)
    with later(minutes=10, seconds=1):
        sessions.refused(change(ada, body), "phone_change_expired", 410)
        services.forget_expired()
    assert not PhoneChange.objects.exists()
    assert number_of(ada) == ada.phone


def test_code_of_the_new_number_is_for_who_asked_and_for_that_alone(ada: Person, bo: Person) -> None:
    """Somebody talked into reading a code aloud must not have given their sign-in away, nor a stranger's change."""
    theirs, mine = proof(bo, new_phone()), proof(ada, new_phone())
    for body in ({**mine, "challenge": theirs["challenge"], "code": theirs["code"]}, {**mine, **own_code(ada)}):
        sessions.refused(change(ada, body), "code_expired", 410)
    sign_in = {"challenge": theirs["challenge"], "code": theirs["code"], "device": sessions.DEVICE}
    sessions.refused(Caller().call("POST", sessions.CODE_SIGN_IN, sign_in), "code_expired", 410)
    assert number_of(ada) == ada.phone


def test_wrong_codes_of_the_new_number_are_counted(ada: Person) -> None:
    body = proof(ada, new_phone())
    wrong = "000000" if body["code"] != "000000" else "000001"
    for _ in range(5):
        sessions.refused(change(ada, {**body, "code": wrong}), "code_wrong", 422)
    sessions.refused(change(ada, body), "too_many_requests", 429)
    assert number_of(ada) == ada.phone


# --- Nobody learns whose a number is ----------------------------------------------------------------------------------


def test_taken_and_free_numbers_look_alike_until_they_are_proved(ada: Person, bo: Person) -> None:
    cy = person(handle=new_handle(), password=PASSWORD)
    given_up = cy.phone
    assert change(cy, proof(cy, new_phone())).status_code == 200
    answers, counts, wrong = set(), set(), set()
    for phone in (bo.phone, new_phone(), given_up):
        token = begin(ada)
        with CaptureQueriesContext(connection) as asked:
            response = ask(ada, token, phone)
        body = response.json()
        guess = "000000" if code_for(phone) != "000000" else "000001"
        with CaptureQueriesContext(connection) as guessed:
            refusal = change(ada, {"change_token": token, "challenge": body["challenge"], "code": guess})
        wrong.add(sessions.refused(refusal, "code_wrong", 422))
        answers.add((response.status_code, frozenset(response.headers), frozenset(body), len(body["challenge"])))
        counts.add((len(asked), len(guessed)))
    assert len(answers) == len(counts) == len(wrong) == 1


def test_number_of_another_account_is_refused_after_the_proof_and_theirs_stays(ada: Person, bo: Person) -> None:
    tablet = ada.another_device()
    body = proof(ada, bo.phone)
    sessions.refused(change(ada, body), "phone_taken", 409)
    # The answer may have been lost on its way.
    sessions.refused(change(ada, body), "phone_taken", 409)
    assert (number_of(ada), number_of(bo)) == (ada.phone, bo.phone)
    assert PhoneDirectory.objects.get(phone=bo.phone).user_id == bo.id
    assert PhoneDirectory.objects.get(phone=ada.phone).released_at is None
    assert works(bo.session.access.text)
    assert works(tablet.access.text)
    assert revoked == []
    assert changed == []
    assert not AuditEntry.objects.filter(subject_id=str(ada.id)).exists()


@pytest.mark.parametrize("phone", ["0612345678", "+33", "+33899123456", "x"])
def test_what_is_no_number_gets_no_code(ada: Person, phone: str) -> None:
    sessions.refused(ask(ada, begin(ada), phone), "phone_invalid", 422)


# --- What follows -----------------------------------------------------------------------------------------------------


def test_every_other_session_ends_and_is_told_why(ada: Person, wire: Wire) -> None:  # noqa: F811
    tablet = ada.another_device()
    body = proof(ada, new_phone())
    wire.pushes()
    assert change(ada, body).status_code == 200
    assert not works(tablet.access.text)
    sessions.refused(sessions.refresh(tablet.refresh.text), "refresh_token_invalid", 401)
    assert works(ada.session.access.text)
    assert revoked == [DeviceRevoked(device_id=tablet.device.id, user_id=ada.id, reason="phone_changed")]
    ((topics, frame),) = wire.pushes()
    assert (topics, frame["type"]) == ([f"user:{ada.id}"], "phone.changed")
    assert frame["payload"].keys() == {"changed_at", "event_id"}


def test_old_number_is_told(ada: Person) -> None:
    User.objects.filter(id=ada.id).update(language="fr")
    assert change(ada, proof(ada, new_phone())).status_code == 200
    deliver()
    ((phone, text, language),) = people.told
    assert (phone, language) == (ada.phone, "fr")
    assert "Superapp" in text
    assert not text.startswith("Your ")


def test_change_is_in_the_audit_log_without_the_numbers(ada: Person) -> None:
    new = new_phone()
    assert change(ada, proof(ada, new)).status_code == 200
    entry = AuditEntry.objects.get(subject_id=str(ada.id))
    assert (entry.actor_id, entry.action, entry.subject_kind) == (ada.id, "accounts.phone_changed", "user")
    assert (entry.before, entry.after) == ({"phone_ending": ada.phone[-2:]}, {"phone_ending": new[-2:]})


def test_repeating_the_change_answers_the_same_and_does_nothing(ada: Person) -> None:
    body = proof(ada, new_phone())
    first = change(ada, body)
    laptop = ada.another_device()
    again = change(ada, body)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert works(laptop.access.text)
    assert len(changed) == 1
    # Anything else with that token is over.
    sessions.refused(change(ada, {**body, "challenge": "x"}), "phone_change_expired", 410)
    sessions.refused(ask(ada, body["change_token"], new_phone()), "phone_change_expired", 410)


def test_sign_in_that_was_under_way_with_the_old_number_does_not_survive_the_change(ada: Person) -> None:
    assert change(ada, proof(ada, new_phone())).status_code == 200
    with pytest.raises(SignInFailed):
        services.start_session(user_id=ada.id, device_name="late", platform="web", proven_phone=ada.phone)


def test_change_that_was_under_way_when_its_device_was_signed_out_changes_nothing(ada: Person) -> None:
    body = proof(ada, new_phone())
    services.revoke_device(actor_id=ada.id, device_id=ada.device_id)
    with pytest.raises(PhoneChangeExpired):
        services.change_phone(actor_id=ada.id, device_id=ada.device_id, **body)
    assert number_of(ada) == ada.phone


def test_staff_do_not_find_somebody_by_a_number_given_up(ada: Person) -> None:
    new = new_phone()
    assert change(ada, proof(ada, new)).status_code == 200
    assert selectors.user_ids_named(ada.phone) == []
    assert selectors.user_ids_named(new) == [ada.id]


# --- The old number ---------------------------------------------------------------------------------------------------


def test_old_number_is_reserved_for_thirty_days_and_then_free(ada: Person, bo: Person) -> None:
    assert change(ada, proof(ada, new_phone())).status_code == 200
    with later(days=29, hours=23):
        sessions.refused(sign_in_by_code(ada.phone), "phone_reserved", 409)
        bo_now = sessions.sign_in(bo.handle, PASSWORD).json()
        services.forget_expired()
        assert PhoneDirectory.objects.filter(phone=ada.phone).exists()
    assert bo_now["user"]["phone"] == bo.phone
    sessions.refused(change(bo, proof(bo, ada.phone)), "phone_reserved", 409)
    assert number_of(bo) == bo.phone
    with later(days=30, seconds=1):
        new = sign_in_by_code(ada.phone).json()
        assert new["is_new_user"] is True
        assert new["user"]["id"] != str(ada.id)
    assert PhoneDirectory.objects.get(phone=ada.phone).released_at is None


def test_sweeper_forgets_a_reservation_that_is_over_and_no_number_in_use(ada: Person) -> None:
    new = new_phone()
    assert change(ada, proof(ada, new)).status_code == 200
    with later(days=30, seconds=1):
        services.forget_expired()
        assert not PhoneDirectory.objects.filter(phone=ada.phone).exists()
        assert PhoneDirectory.objects.get(phone=new).user_id == ada.id


def test_reservations_that_are_over_are_found_by_their_index(ada: Person) -> None:
    over = PhoneDirectory.objects.filter(released_at__lt=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "phone_released" in over.explain()


def test_its_former_person_takes_it_back(ada: Person) -> None:
    new = new_phone()
    assert change(ada, proof(ada, new)).status_code == 200
    # By changing back: a sign-in with the old number opens nothing, for who holds it may be somebody else by now.
    sessions.refused(sign_in_by_code(ada.phone), "phone_reserved", 409)
    assert change(ada, proof(ada, ada.phone)).status_code == 200
    assert number_of(ada) == ada.phone
    assert PhoneDirectory.objects.get(phone=ada.phone).released_at is None
    assert PhoneDirectory.objects.get(phone=new).released_at is not None
    assert sign_in_by_code(ada.phone).json()["user"]["id"] == str(ada.id)


# --- Limits -----------------------------------------------------------------------------------------------------------


def test_five_changes_a_day_and_guesses_do_not_use_them_up(ada: Person) -> None:
    for _ in range(2):
        sessions.refused(ada.api.call("POST", CHANGES, {"password": "wrong"}), "password_wrong", 403)
    for _ in range(5):
        begin(ada)
    sessions.refused(ada.api.call("POST", CHANGES, {"password": PASSWORD}), "too_many_requests", 429)


def test_codes_to_new_numbers_are_limited_as_all_codes_are(ada: Person, settings: Settings) -> None:
    settings.LIMITS_OVERRIDES = {"accounts.send_code.address": (2, 3600.0)}
    token = begin(ada)
    statuses = [ask(ada, token, new_phone(), REMOTE_ADDR="192.0.2.77").status_code for _ in range(3)]
    assert statuses == [201, 201, 429]


def test_without_redis_nobody_changes_a_number(ada: Person, settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nonexistent/redis.sock"
    reset_clients()
    sessions.refused(ada.api.call("POST", CHANGES, {"password": PASSWORD}), "unavailable", 503)


def test_nothing_of_it_is_stored_readable(ada: Person) -> None:
    body = proof(ada, new_phone())
    rows = [*PhoneChange.objects.values(), *SignInCode.objects.values()]
    values = {str(value) for row in rows for value in row.values()}
    assert body["change_token"] not in values
    assert body["code"] not in values
