"""Many at the same time, in real transactions: caps hold, and what can happen once happens once."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet
from pytest_django import Settings

from superapp.accounts import services
from superapp.accounts.models import Device, HandleDirectory, PasswordAttempts, PhoneDirectory, SignInCode, User
from superapp.core.models import AuditEntry
from tests.accounts.people import PASSWORD, Caller, Person, QuickArgon2, code_for, new_handle, new_phone, person
from tests.accounts.sessions import sign_in
from tests.core.waiting import patient_sessions, until_blocked
from tests.sizes import sizes

pytestmark = pytest.mark.usefixtures("committed_db")
DEVICE = {"name": "Phone", "platform": "ios"}
THREADS = 16


def at_once(calls: Sequence[Callable[[], Any]], *, threads: int | None = None) -> list[Any]:
    """What the calls return. They begin together, as many at a time as there are threads."""
    threads = threads or len(calls)
    start = threading.Barrier(threads)
    started = threading.local()

    def run(call: Callable[[], Any]) -> Any:
        if not hasattr(started, "yes"):
            started.yes = True
            start.wait(60)
        return call()

    with ThreadPoolExecutor(threads) as pool:
        answers = list(pool.map(run, calls, timeout=300))
        for _ in pool.map(lambda _: connection.close(), range(threads * 4)):
            pass
    return answers


def queueing(calls: Sequence[Callable[[], Any]], lock: QuerySet[Any]) -> list[Any]:
    """As ``at_once``, with a lock on these rows until every call waits for it."""
    with ThreadPoolExecutor(1) as pool, patient_sessions():
        with transaction.atomic():
            assert list(lock.select_for_update())
            answers = pool.submit(at_once, calls)
            until_blocked(len(calls))
        return list(answers.result(timeout=300))


def statuses(answers: Sequence[Any]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def guess(challenge: str, code: str) -> Callable[[], Any]:
    body = {"challenge": challenge, "code": code, "device": DEVICE}
    return lambda: Caller().call("POST", "/api/v1/auth/sign-in/code/", body)


def challenge_for(phone: str) -> str:
    return services.send_sign_in_code(phone=phone, language="en", client_address=phone).challenge


def test_parallel_guesses_of_a_code_are_compared_up_to_the_cap() -> None:
    phone = new_phone()
    challenge = challenge_for(phone)
    right = code_for(phone)
    wrong = [f"{number:06}" for number in range(sizes.parallel_guesses + 1) if f"{number:06}" != right]
    answers = at_once([guess(challenge, code) for code in wrong[: sizes.parallel_guesses]], threads=THREADS)
    assert statuses(answers) == {422: 5, 429: sizes.parallel_guesses - 5}
    assert {answer.json()["error"]["code"] for answer in answers if answer.status_code == 422} == {"code_wrong"}
    assert all(0 < int(answer["Retry-After"]) <= 300 for answer in answers if answer.status_code == 429)
    # Also for the one who knows it now.
    assert guess(challenge, right)().status_code == 429
    assert not User.objects.filter(phone=phone).exists()
    assert SignInCode.objects.get(challenge=challenge).attempts == 5


def test_right_code_used_many_times_at_once_opens_once() -> None:
    phone = new_phone()
    challenge = challenge_for(phone)
    counted = statuses(at_once([guess(challenge, code_for(phone)) for _ in range(8)]))
    assert counted[201] == 1
    assert counted[410] + counted[429] == 7
    assert Device.objects.filter(user__phone=phone).count() == 1


def test_two_sign_ups_with_one_number_make_one_person() -> None:
    for _ in range(5):
        phone = new_phone()
        # Two challenges, two codes: sent to a phone twice.
        pairs = []
        for _ in range(2):
            challenge = challenge_for(phone)
            pairs.append((challenge, code_for(phone)))
        answers = [answer.json() for answer in at_once([guess(*pair) for pair in pairs])]
        assert sorted(answer["is_new_user"] for answer in answers) == [False, True]
        assert len({answer["user"]["id"] for answer in answers}) == 1
        assert User.objects.filter(phone=phone).count() == 1
        assert PhoneDirectory.objects.filter(phone=phone).count() == 1
        assert all(Caller(answer["access_token"]).get("/api/v1/me/").status_code == 200 for answer in answers)


def test_parallel_guesses_of_a_password_are_compared_up_to_the_cap(settings: Settings) -> None:
    settings.LIMITS_OVERRIDES = {"accounts.sign_in.address": (100_000, 1.0)}
    ada = person(handle=new_handle(), password=PASSWORD)

    def attempt(number: int) -> Callable[[], Any]:
        body = {"identifier": ada.handle, "password": f"guess {number}", "device": DEVICE}
        return lambda: Caller().call("POST", "/api/v1/auth/sign-in/password/", body)

    assert statuses(at_once([attempt(number) for number in range(40)], threads=THREADS)) == {401: 5, 429: 35}
    assert Device.objects.filter(user_id=ada.id).count() == 1
    PasswordAttempts.objects.all().delete()


def test_parallel_guesses_under_every_name_are_compared_up_to_the_cap_of_the_account(settings: Settings) -> None:
    settings.LIMITS_OVERRIDES = {"accounts.sign_in.address": (100_000, 1.0)}
    ada = person(handle=new_handle(), password=PASSWORD)
    known_by = ada.session.recognition
    assert known_by is not None

    def attempt(number: int) -> Callable[[], Any]:
        name = (ada.handle, ada.phone)[number % 2]
        return lambda: sign_in(name, f"guess {number}")

    QuickArgon2.compared.clear()
    answers = at_once([attempt(number) for number in range(sizes.parallel_guesses)], threads=THREADS)
    # Each name tells its own lock; what was compared, in both together, is what the account has room for.
    assert statuses(answers) == {401: 10, 429: sizes.parallel_guesses - 10}
    assert sum(guess.startswith("guess ") for guess in QuickArgon2.compared) == 5
    # Meanwhile, the owner's own phone comes and goes, and has guesses of its own, also at once.
    assert sign_in(ada.handle, PASSWORD, known_by=known_by.text).status_code == 201
    QuickArgon2.compared.clear()
    wrong = [lambda number=number: sign_in(ada.phone, f"mine {number}", known_by=known_by.text) for number in range(20)]
    assert statuses(at_once(wrong, threads=THREADS)) == {401: 5, 429: 15}
    assert len(QuickArgon2.compared) == 5
    PasswordAttempts.objects.all().delete()


@pytest.mark.parametrize("forwarded", ["", "203.0.113.{}", "203.0.113.{}, 198.51.100.{}"])
def test_of_fifty_codes_asked_for_at_once_exactly_five_are_sent(settings: Settings, forwarded: str) -> None:
    """Whatever the caller writes about where the request came from: the address is the peer's."""
    settings.LIMITS_OVERRIDES = {"accounts.send_code.address": (5, 3600.0)}
    peer = f"192.0.2.{len(forwarded)}"

    def ask(number: int) -> Callable[[], Any]:
        headers = {"HTTP_X_FORWARDED_FOR": forwarded.format(number, number)} if forwarded else {}
        body = {"phone": new_phone()}
        return lambda: Caller().call("POST", "/api/v1/auth/codes/", body, REMOTE_ADDR=peer, **headers)

    before = SignInCode.objects.count()
    answers = at_once([ask(number) for number in range(50)])
    assert statuses(answers) == {201: 5, 429: 45}
    assert all(int(answer["Retry-After"]) > 0 for answer in answers if answer.status_code == 429)
    assert SignInCode.objects.count() == before + 5


def test_refresh_token_used_many_times_at_once_works_once_and_ends_the_family() -> None:
    for _ in range(3):
        ada = person()
        elsewhere = ada.another_device()
        body = {"refresh_token": ada.session.refresh.text}
        calls = [lambda body=body: Caller().call("POST", "/api/v1/auth/refresh/", body) for _ in range(8)]
        answers = queueing(calls, Device.objects.filter(user_id=ada.id, id=ada.device_id))
        assert statuses(answers) == {200: 1, 401: 7}
        (winner,) = [answer.json() for answer in answers if answer.status_code == 200]
        assert Caller(winner["access_token"]).get("/api/v1/me/").status_code == 401
        again = Caller().call("POST", "/api/v1/auth/refresh/", {"refresh_token": winner["refresh_token"]})
        assert again.status_code == 401
        assert Device.objects.get(user_id=ada.id, id=ada.device_id).revoked_at is not None
        assert Caller(elsewhere.access.text).get("/api/v1/me/").status_code == 200


def test_handle_that_many_want_at_once_goes_to_one() -> None:
    crowd = [person() for _ in range(6)]
    handle = new_handle()
    answers = at_once(
        [lambda someone=someone: someone.api.call("PATCH", "/api/v1/me/", {"handle": handle}) for someone in crowd]
    )
    assert statuses(answers) == {200: 1, 409: 5}
    owner = HandleDirectory.objects.get(handle=handle).user_id
    assert list(User.objects.filter(handle=handle).values_list("id", flat=True)) == [owner]


def test_many_devices_that_sign_in_at_once_are_eight_in_the_end() -> None:
    ada = person()
    at_once([ada.another_device for _ in range(14)])
    assert Device.objects.filter(user_id=ada.id, revoked_at=None).count() == 8
    assert Device.objects.filter(user_id=ada.id).count() == 15


def test_device_that_is_ended_many_times_at_once_is_ended_once() -> None:
    ada = person()
    tablet = ada.another_device()
    path = f"/api/v1/devices/{tablet.device.id}/"
    calls = [lambda: ada.api.generic("DELETE", path) for _ in range(6)]
    answers = queueing(calls, Device.objects.filter(user_id=ada.id, id=tablet.device.id))
    assert statuses(answers) == {204: 1, 404: 5}


def test_two_people_who_set_each_others_old_handles_do_not_block_each_other() -> None:
    ada, bo = person(handle=new_handle()), person(handle=new_handle())
    answers = at_once(
        [
            lambda: ada.api.call("PATCH", "/api/v1/me/", {"handle": bo.handle}),
            lambda: bo.api.call("PATCH", "/api/v1/me/", {"handle": ada.handle}),
        ]
    )
    assert statuses(answers) == {409: 2}


def test_password_changed_from_two_devices_at_once_leaves_one_of_them_signed_in() -> None:
    ada = person(password=PASSWORD)
    laptop = ada.another_device()
    body = {"current_password": PASSWORD, "new_password": "another horse entirely"}
    path = "/api/v1/me/password/"
    callers = [ada.api, Caller(laptop.access.text)]
    calls = [lambda caller=caller: caller.call("PUT", path, body) for caller in callers]
    answers = queueing(calls, User.objects.filter(id=ada.id))
    # Both had been let in; the second finds another password than it knew.
    assert statuses(answers) == {204: 1, 403: 1}
    assert Device.objects.filter(user_id=ada.id, revoked_at=None).count() == 1


# --- Another number ---------------------------------------------------------------------------------------------------


def proof_of(who: Person, phone: str) -> Callable[[], Any]:
    """The last step of changing to ``phone``."""
    own = {"actor_id": who.id, "device_id": who.device_id}
    token = services.begin_phone_change(**own, password=PASSWORD).change_token
    sent_code = services.send_new_phone_code(**own, change_token=token, phone=phone, client_address=str(who.id))
    body = {"change_token": token, "challenge": sent_code.challenge, "code": code_for(phone)}
    return lambda: who.api.call("PUT", "/api/v1/me/phone/", body)


def owners_of(*phones: str) -> list[int]:
    """Whose they are, as the directory says; the people's own rows must agree."""
    entries = {
        entry.phone: entry.user_id for entry in PhoneDirectory.objects.filter(phone__in=phones, released_at=None)
    }
    assert dict(User.objects.filter(phone__in=phones).values_list("phone", "id")) == entries
    return [entries[phone] for phone in phones if phone in entries]


def test_number_that_two_people_prove_at_once_goes_to_one() -> None:
    for _ in range(4):
        crowd, phone = [person(password=PASSWORD) for _ in range(3)], new_phone()
        answers = at_once([proof_of(someone, phone) for someone in crowd])
        assert statuses(answers) == {200: 1, 409: 2}
        assert {answer.json()["error"]["code"] for answer in answers if answer.status_code == 409} == {"phone_taken"}
        (owner,) = owners_of(phone)
        losers = [someone for someone in crowd if someone.id != owner]
        assert owners_of(*(someone.phone for someone in losers)) == [someone.id for someone in losers]


def test_number_that_one_changes_to_while_another_signs_up_with_it_goes_to_one() -> None:
    for _ in range(4):
        ada, phone = person(password=PASSWORD), new_phone()
        change = proof_of(ada, phone)
        challenge = challenge_for(phone)
        changed, signed = at_once([change, guess(challenge, code_for(phone))])
        (owner,) = owners_of(phone)
        assert signed.status_code == 201
        assert (signed.json()["user"]["id"] == str(ada.id)) == (changed.status_code == 200) == (owner == ada.id)


def test_change_that_is_sent_many_times_at_once_is_one() -> None:
    ada, phone = person(password=PASSWORD), new_phone()
    change = proof_of(ada, phone)
    # As many as there are guesses at a code.
    answers = queueing([change] * 5, User.objects.filter(id=ada.id))
    assert statuses(answers) == {200: 5}
    assert len({answer.content for answer in answers}) == 1
    assert AuditEntry.objects.filter(subject_id=str(ada.id), action="accounts.phone_changed").count() == 1


def test_two_changes_of_one_person_at_once_leave_one_number() -> None:
    ada, phones = person(password=PASSWORD), [new_phone(), new_phone()]
    answers = at_once([proof_of(ada, phone) for phone in phones])
    assert statuses(answers) == {200: 2}
    assert owners_of(ada.phone, *phones) == [ada.id]


def test_two_people_who_want_each_others_numbers_do_not_wait_for_each_other() -> None:
    for _ in range(3):
        ada, bo = person(password=PASSWORD), person(password=PASSWORD)
        answers = at_once([proof_of(ada, bo.phone), proof_of(bo, ada.phone)])
        assert statuses(answers) == {409: 2}
        assert owners_of(ada.phone, bo.phone) == [ada.id, bo.id]
