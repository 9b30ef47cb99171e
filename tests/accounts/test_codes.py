"""One-time codes: sent to whoever asks, and worth nothing to anybody but the holder of the phone."""

import logging
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from superapp.accounts.models import Device, PhoneDirectory, SignInCode, User
from superapp.core.errors import Unavailable
from superapp.core.redis import reset_clients
from tests.accounts import people
from tests.accounts.people import Caller, code_for, new_phone, person
from tests.sizes import sizes

pytestmark = pytest.mark.django_db
CODES, SIGN_IN = "/api/v1/auth/codes/", "/api/v1/auth/sign-in/code/"
DEVICE = {"name": "Ada's phone", "platform": "ios"}


class Broken:
    """A provider whose network is away."""

    checks_codes = False

    def send(self, *, phone: str, code: str, language: str, message_id: str) -> None:
        raise Unavailable


class Crashing:
    """A provider whose library breaks, in its own way and with its own words."""

    checks_codes = False

    def send(self, *, phone: str, code: str, language: str, message_id: str) -> None:
        raise KeyError(code)


def send(phone: str, **headers: str) -> Any:
    return Caller().call("POST", CODES, {"phone": phone}, **headers)


def challenge_for(phone: str) -> str:
    response = send(phone)
    assert response.status_code == 201, response.content
    return str(response.json()["challenge"])


def sign_in(challenge: str, code: str) -> Any:
    return Caller().call("POST", SIGN_IN, {"challenge": challenge, "code": code, "device": DEVICE})


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def code_of(response: Any) -> str:
    return str(response.json()["error"]["code"])


def nobody_signed_in(phone: str) -> bool:
    return not User.objects.filter(phone=phone).exists() and not PhoneDirectory.objects.filter(phone=phone).exists()


# --- The way in -------------------------------------------------------------------------------------------------------


def test_new_number_becomes_a_person() -> None:
    phone = new_phone()
    response = sign_in(challenge_for(phone), code_for(phone))
    assert response.status_code == 201
    body = response.json()
    assert body["is_new_user"] is True
    assert body["user"]["phone"] == phone
    assert body["user"]["handle"] is None
    assert body["user"]["has_password"] is False
    # Nothing of the number: everybody sees the name.
    assert body["user"]["display_name"] == f"Newcomer {int(body['user']['id']) % 1_000_000}"
    assert Caller(body["access_token"]).get("/api/v1/me/").json() == body["user"]
    user = User.objects.get(phone=phone)
    assert (str(user.id), user.is_staff, user.is_superuser, user.is_demo) == (body["user"]["id"], False, False, False)


def test_known_number_signs_its_person_in_on_another_device() -> None:
    ada = person()
    body = sign_in(challenge_for(ada.phone), code_for(ada.phone)).json()
    assert body["is_new_user"] is False
    assert body["user"]["id"] == str(ada.id)
    assert body["device_id"] != str(ada.device_id)
    device = Device.objects.get(user_id=ada.id, id=int(body["device_id"]))
    assert (device.name, device.platform) == ("Ada's phone", "ios")


def test_number_may_be_written_in_many_ways() -> None:
    ada = person()
    spaced = f"{ada.phone[:3]} (0) {ada.phone[3:6]}-{ada.phone[6:]}"
    assert send(spaced).status_code == 201
    assert people.sent[-1][0] == ada.phone


def test_code_has_six_digits_and_a_challenge_nobody_guesses() -> None:
    phones = [new_phone() for _ in range(5)]
    challenges = {challenge_for(phone) for phone in phones}
    assert len(challenges) == 5
    assert all(len(challenge) >= 32 for challenge in challenges)
    assert all(len(code_for(phone)) == 6 and code_for(phone).isdigit() for phone in phones)


def test_code_goes_out_in_the_language_that_was_asked_for() -> None:
    phone = new_phone()
    assert Caller().call("POST", CODES, {"phone": phone, "language": "zh-hans"}).status_code == 201
    assert people.sent[-1] == (phone, code_for(phone), "zh-hans")


# --- Codes that do not open -------------------------------------------------------------------------------------------


def test_wrong_code_is_refused_and_the_right_one_still_works() -> None:
    phone = new_phone()
    challenge = challenge_for(phone)
    response = sign_in(challenge, wrong(code_for(phone)))
    assert (response.status_code, code_of(response)) == (422, "code_wrong")
    assert nobody_signed_in(phone)
    assert sign_in(challenge, code_for(phone)).status_code == 201


def test_code_works_once() -> None:
    phone = new_phone()
    challenge = challenge_for(phone)
    assert sign_in(challenge, code_for(phone)).status_code == 201
    response = sign_in(challenge, code_for(phone))
    assert (response.status_code, code_of(response)) == (410, "code_expired")
    assert Device.objects.filter(user__phone=phone).count() == 1


def test_code_expires(settings: Settings) -> None:
    phone = new_phone()
    challenge = challenge_for(phone)
    left = SignInCode.objects.get(challenge=challenge).expires_at - timezone.now()
    assert timedelta(minutes=4) < left <= settings.SIGN_IN_CODE_LIFETIME == timedelta(minutes=5)
    SignInCode.objects.filter(challenge=challenge).update(expires_at=timezone.now())
    response = sign_in(challenge, code_for(phone))
    assert (response.status_code, code_of(response)) == (410, "code_expired")
    assert nobody_signed_in(phone)


def test_code_belongs_to_its_challenge() -> None:
    mine, theirs = new_phone(), new_phone()
    my_challenge, _ = challenge_for(mine), challenge_for(theirs)
    SignInCode.objects.filter(phone=theirs).update(code_hash="0" * 64)
    response = sign_in(my_challenge, wrong(code_for(mine)) if code_for(mine) == code_for(theirs) else code_for(theirs))
    assert code_of(response) == "code_wrong"
    assert nobody_signed_in(theirs)


@pytest.mark.parametrize("challenge", ["x", "x" * 32, "' OR 1=1 --"])
def test_unknown_challenge_is_refused_like_an_expired_one(challenge: str) -> None:
    response = sign_in(challenge, "123456")
    assert (response.status_code, code_of(response)) == (410, "code_expired")


def test_fifth_wrong_code_is_the_last_guess() -> None:
    phone = new_phone()
    challenge = challenge_for(phone)
    for _ in range(5):
        assert code_of(sign_in(challenge, wrong(code_for(phone)))) == "code_wrong"
    for code in (wrong(code_for(phone)), code_for(phone)):
        response = sign_in(challenge, code)
        assert (response.status_code, code_of(response)) == (429, "too_many_requests")
        # As long as the code would have lived; then a new one is due anyway.
        assert 240 < int(response["Retry-After"]) <= 300
    assert nobody_signed_in(phone)
    assert SignInCode.objects.get(challenge=challenge).attempts == 5
    assert sign_in(challenge_for(phone), code_for(phone)).status_code == 201


def test_right_code_at_the_last_guess_opens() -> None:
    phone = new_phone()
    challenge = challenge_for(phone)
    for _ in range(4):
        sign_in(challenge, wrong(code_for(phone)))
    assert sign_in(challenge, code_for(phone)).status_code == 201


@pytest.mark.parametrize("code", ["12345", "1234567", "", None, 123456, ["123456"], "12345\x00"])
def test_code_of_the_wrong_shape_is_no_guess(code: Any) -> None:
    phone = new_phone()
    challenge = challenge_for(phone)
    assert sign_in(challenge, code).status_code == 400
    assert SignInCode.objects.get(challenge=challenge).attempts == 0


@pytest.mark.parametrize("code", ["１２３４５６", "12 456", "-12345", "0x1234", "é" * 6])
def test_code_of_other_characters_is_just_wrong(code: str) -> None:
    phone = new_phone()
    assert code_of(sign_in(challenge_for(phone), code)) == "code_wrong"


def test_inactive_person_does_not_get_in() -> None:
    ada = person()
    User.objects.filter(id=ada.id).update(is_active=False)
    response = sign_in(challenge_for(ada.phone), code_for(ada.phone))
    assert (response.status_code, code_of(response)) == (401, "sign_in_failed")
    assert Device.objects.filter(user_id=ada.id).count() == 1


@pytest.mark.parametrize(
    "device",
    [
        None,
        {},
        {"name": "Phone"},
        {"name": "", "platform": "ios"},
        {"name": "x" * 61, "platform": "ios"},
        {"name": "Phone", "platform": "toaster"},
        {"name": "Phone", "platform": "ios", "id": "1"},
        {"name": "two\nlines", "platform": "ios"},
    ],
)
def test_device_that_cannot_be_is_refused_before_the_code_counts(device: Any) -> None:
    phone = new_phone()
    challenge = challenge_for(phone)
    body = {"challenge": challenge, "code": code_for(phone), "device": device}
    assert Caller().call("POST", SIGN_IN, body).status_code == 400
    assert SignInCode.objects.get(challenge=challenge).attempts == 0
    assert nobody_signed_in(phone)


# --- What a stranger learns -------------------------------------------------------------------------------------------


def test_answer_says_nothing_about_who_has_an_account() -> None:
    known, unknown = person().phone, new_phone()
    # Once before, for what is only done the first time.
    send(new_phone())
    shapes = []
    for phone in (known, unknown):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            response = send(phone)
        headers = {name for name in response.headers if name != "X-Request-ID"}
        body = response.json()
        lengths = {name: len(value) for name, value in body.items()}
        statements = [query["sql"].split(" ", 3)[:3] for query in queries]
        shapes.append((response.status_code, headers, len(response.content), lengths, statements))
    assert shapes[0] == shapes[1]
    # Counting, the row, and how it ended.
    assert len(shapes[0][-1]) == 3


def test_time_says_nothing_about_who_has_an_account(
    settings: Settings, soak_figure: Callable[[str, float], None]
) -> None:
    """Both take the same statements. The soak shows how long both take, in turn, so that the machine is fair."""
    settings.LIMITS_OVERRIDES = dict.fromkeys(
        ("accounts.send_code.phone", "accounts.send_code.address"), (1_000_000, 1.0)
    )
    everybody = {"known": [person().phone for _ in range(5)], "unknown": [new_phone() for _ in range(5)]}
    seconds: dict[str, list[float]] = {kind: [] for kind in everybody}
    statements: dict[str, set[tuple[str, ...]]] = {kind: set() for kind in everybody}
    send(new_phone())
    for number in range(sizes.code_requests):
        for kind, phones in everybody.items():
            with CaptureQueriesContext(connection) as queries:
                began = time.perf_counter()
                assert send(phones[number % len(phones)]).status_code == 201
                seconds[kind].append(time.perf_counter() - began)
            statements[kind].add(tuple(query["sql"].split(" ", 1)[0] for query in queries))
    assert statements["known"] == statements["unknown"]
    assert len(statements["known"]) == 1
    for kind, found in seconds.items():
        soak_figure(f"code_for_{kind}_phone_median_ms", 1000 * statistics.median(found))


@pytest.mark.parametrize(
    "phone",
    [
        "0612345678",
        "+",
        "+1",
        "+999123456789",
        "+336123",
        "+33612345678901234",
        "+4961111111111111111",
        "+49611111111111111",
        "+8161111111111111",
        "not a number",
        "+33 six douze",
        "33612345678;phone-context=+33",
        "tel:+33612345678",
        # Somebody is paid for each call to these: French, British and North American premium numbers, a shared cost.
        "+33891234567",
        "+449091234567",
        "+19002345678",
        "+448431234567",
        "<script>",
    ],
)
def test_number_that_cannot_be_called_is_refused(phone: str) -> None:
    response = send(phone)
    assert (response.status_code, code_of(response)) == (422, "phone_invalid")
    assert not SignInCode.objects.exists()


@pytest.mark.parametrize("phone", ["", " ", None, 33612345678, ["+33612345678"], "+33612345678\x00", "+3" * 20])
def test_number_of_the_wrong_shape_is_refused(phone: Any) -> None:
    assert Caller().call("POST", CODES, {"phone": phone}).status_code == 400
    assert not SignInCode.objects.exists()


def test_code_stands_in_no_table_in_clear() -> None:
    phone = new_phone()
    challenge_for(phone)
    row = SignInCode.objects.values().get(phone=phone)
    code = code_for(phone)
    assert all(str(value) != code for value in row.values())
    assert len(row["code_hash"]) == 64
    # The same code of another challenge looks different, so that no table of all million codes helps.
    assert len({*SignInCode.objects.values_list("code_hash", flat=True)}) == 1


def test_neither_code_nor_tokens_reach_the_log(caplog: pytest.LogCaptureFixture, capfd: Any) -> None:
    phone = new_phone()
    with caplog.at_level(logging.DEBUG):
        challenge = challenge_for(phone)
        sign_in(challenge, wrong(code_for(phone)))
        body = sign_in(challenge, code_for(phone)).json()
    logged = "".join(str(record.__dict__) for record in caplog.records) + "".join(capfd.readouterr())
    assert "POST /api/v1/auth/sign-in/code/" in logged
    secrets = {challenge, body["access_token"], body["refresh_token"]}
    assert not [secret for secret in secrets if secret in logged]
    # Six digits may stand in a time or an id; as a value of their own they must not.
    assert f"'{code_for(phone)}'" not in logged
    assert f"={code_for(phone)}" not in logged


# --- Limits and outages -----------------------------------------------------------------------------------------------


def test_number_gets_five_codes_an_hour_however_it_is_written() -> None:
    phone = new_phone()
    for number in range(5):
        assert send(phone, REMOTE_ADDR=f"192.0.2.{number}").status_code == 201
    sent = len(people.sent)
    for written in (phone, f"{phone[:3]} {phone[3:]}"):
        response = send(written, REMOTE_ADDR="192.0.2.99")
        assert (response.status_code, code_of(response)) == (429, "too_many_requests")
        assert 0 < int(response["Retry-After"]) <= 720
    assert len(people.sent) == sent
    assert SignInCode.objects.filter(phone=phone).count() == 5


def test_address_gets_twenty_codes_an_hour_whatever_it_claims_to_be() -> None:
    def answer(number: int) -> int:
        forwarded = {"HTTP_X_FORWARDED_FOR": f"203.0.113.{number}", "HTTP_X_REAL_IP": f"203.0.113.{number}"}
        return int(send(new_phone(), REMOTE_ADDR="192.0.2.1", **forwarded).status_code)

    assert [answer(number) for number in range(22)] == [201] * 20 + [429] * 2
    assert send(new_phone(), REMOTE_ADDR="192.0.2.2").status_code == 201


def test_invalid_number_costs_nobody_a_code() -> None:
    for _ in range(25):
        assert send("+1").status_code == 422
    assert send(new_phone()).status_code == 201


def test_without_redis_no_code_is_sent(settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nonexistent/redis.sock"
    reset_clients()
    before = len(people.sent)
    for _ in range(2):
        response = send(new_phone())
        assert (response.status_code, code_of(response)) == (503, "unavailable")
        assert response["Retry-After"] == "2"
    assert len(people.sent) == before
    assert not SignInCode.objects.exists()


@pytest.mark.parametrize("provider", ["Broken", "Crashing"])
def test_provider_that_fails_is_an_outage_to_wait_for(settings: Settings, provider: str) -> None:
    settings.SIGN_IN_CODE_PROVIDER = f"{__name__}.{provider}"
    response = send(new_phone())
    assert (response.status_code, code_of(response)) == (503, "unavailable")
    assert int(response["Retry-After"]) >= 1


def test_local_provider_shows_the_code_where_the_server_runs(settings: Settings, capsys: Any) -> None:
    settings.SIGN_IN_CODE_PROVIDER = "superapp.accounts.code_providers.Terminal"
    phone = new_phone()
    challenge = challenge_for(phone)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if phone in line]
    code = line.rpartition(" ")[2]
    assert sign_in(challenge, code).status_code == 201
