"""Codes that a provider sends, and what becomes of them when it does not; and how many go to one part of the world."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from superapp.accounts import code_providers
from superapp.accounts.code_providers import calls
from superapp.accounts.code_providers.signed_http import key_of, signature
from superapp.accounts.models import CodeCount, SignInCode
from superapp.accounts.services import codes, forget_expired
from superapp.core.errors import Unavailable
from tests.accounts import people, provider_fakes
from tests.accounts.people import Caller, new_phone, person
from tests.accounts.provider_fakes import SECRET, SignedFake, TwilioFake, running
from tests.accounts.test_codes import code_of, send, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(calls, "TIMEOUT", httpx.Timeout(0.5))
    code_providers._provider.cache_clear()
    yield
    code_providers._provider.cache_clear()


@pytest.fixture
def gateway(settings: Settings) -> Iterator[SignedFake]:
    with running(SignedFake()) as fake:
        settings.SIGN_IN_CODE_PROVIDER = "superapp.accounts.code_providers.signed_http.SignedHttp"
        settings.SIGN_IN_CODE_URL, settings.SIGN_IN_CODE_SECRET = f"{fake.url}/codes", SECRET
        yield fake  # type: ignore[misc]


@pytest.fixture
def twilio(settings: Settings) -> Iterator[TwilioFake]:
    with running(TwilioFake()) as fake:
        settings.SIGN_IN_CODE_PROVIDER = "superapp.accounts.code_providers.twilio.TwilioVerify"
        settings.TWILIO_URL = fake.url
        settings.TWILIO_ACCOUNT_SID = provider_fakes.ACCOUNT
        settings.TWILIO_AUTH_TOKEN = provider_fakes.TOKEN
        settings.TWILIO_SERVICE_SID = provider_fakes.SERVICE
        yield fake  # type: ignore[misc]


def outcome(phone: str) -> str:
    return SignInCode.objects.get(phone=phone).outcome


def is_outage(response: Any) -> bool:
    return (response.status_code, code_of(response)) == (503, "unavailable") and int(response["Retry-After"]) >= 1


# --- A gateway of one's own, by signed HTTP ---------------------------------------------------------------------------


def test_code_that_the_gateway_sent_signs_in(gateway: SignedFake) -> None:
    phone = new_phone()
    challenge = send(phone).json()["challenge"]
    assert outcome(phone) == "sent"
    assert sign_in(challenge, gateway.codes[phone]).status_code == 201


def test_gateway_gets_what_the_documentation_says(gateway: SignedFake) -> None:
    phone = new_phone()
    challenge = Caller().call("POST", "/api/v1/auth/codes/", {"phone": phone, "language": "fr"}).json()["challenge"]
    (request,) = gateway.requests
    message = json.loads(request["body"])
    assert set(message) == {"type", "timestamp", "data"}
    assert message["type"] == "sign_in_code.send"
    assert message["data"] == {"phone": phone, "code": gateway.codes[phone], "language": "fr"}
    # The half that opens the account together with the code stays here.
    assert challenge not in str(request)


def test_gateway_gets_notices_as_they_are_to_be_sent(gateway: SignedFake) -> None:
    phone = new_phone()
    for _ in range(2):
        codes.tell(phone=phone, text="Gone.", language="fr", message_id="notice_1")
    first, second = gateway.requests
    assert json.loads(first["body"])["type"] == "notice.send"
    assert json.loads(first["body"])["data"] == {"phone": phone, "text": "Gone.", "language": "fr"}
    # Sent twice under one name, so that it arrives once.
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"] == "notice_1"
    gateway.answers = [500, 500]
    with pytest.raises(Unavailable):
        codes.tell(phone=phone, text="Gone.", language="fr", message_id="notice_2")


def test_provider_that_only_knows_codes_is_not_asked_for_notices(twilio: TwilioFake) -> None:
    codes.tell(phone=new_phone(), text="Gone.", language="fr", message_id="notice_1")
    assert twilio.requests == []


def test_signature_is_that_of_standard_webhooks() -> None:
    """The example of the specification."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == expected
    assert key_of("any other text") == b"any other text"


def test_gateway_refuses_what_another_key_signed(gateway: SignedFake, settings: Settings) -> None:
    settings.SIGN_IN_CODE_SECRET = "whsec_" + "B" * 32
    phone = new_phone()
    assert is_outage(send(phone))
    assert (outcome(phone), gateway.codes) == ("failed", {})
    # Asking again would not make it right.
    assert len(gateway.requests) == 1


@pytest.mark.parametrize("trouble", [500, 503, "cut", "hang"])
def test_a_moment_of_trouble_is_tried_once_more_and_the_code_arrives_once(
    gateway: SignedFake, trouble: int | str
) -> None:
    gateway.answers = [trouble]
    phone = new_phone()
    assert send(phone).status_code == 201
    first, second = gateway.requests
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"]
    assert first["body"] == second["body"]
    assert outcome(phone) == "sent"


@pytest.mark.parametrize("trouble", [500, "cut", "hang", 429, 400, 302])
def test_trouble_that_lasts_is_an_outage_to_wait_for(gateway: SignedFake, trouble: int | str) -> None:
    gateway.answers = [trouble] * 2
    known, unknown = person().phone, new_phone()
    assert is_outage(send(known))
    gateway.answers = [trouble] * 2
    response = send(unknown)
    assert is_outage(response)
    assert (outcome(known), outcome(unknown)) == ("failed", "failed")
    # Neither says who has an account.
    assert set(response.json()["error"]["details"]) == {"retry_after_seconds"}


def test_gateway_that_is_gone_is_left_alone_for_a_while(gateway: SignedFake, settings: Settings) -> None:
    address, settings.SIGN_IN_CODE_URL = settings.SIGN_IN_CODE_URL, "http://127.0.0.1:9/codes"
    for _ in range(calls.FAILURES_TO_OPEN):
        assert is_outage(send(new_phone()))
    settings.SIGN_IN_CODE_URL = address
    assert is_outage(send(new_phone()))
    assert not gateway.requests
    with time_machine.travel(timezone.now(), tick=True):
        code_providers._provider(settings.SIGN_IN_CODE_PROVIDER)._calls._closed_again_at = 0.0  # type: ignore[union-attr]
        assert send(new_phone()).status_code == 201


def test_provider_is_asked_outside_any_transaction(gateway: SignedFake, monkeypatch: pytest.MonkeyPatch) -> None:
    depths = []
    post = calls.Calls.post

    def watched(self: Any, *arguments: Any, **options: Any) -> Any:
        depths.append(len([block for block in connection.atomic_blocks if not block._from_testcase]))
        return post(self, *arguments, **options)

    monkeypatch.setattr(calls.Calls, "post", watched)
    assert send(new_phone()).status_code == 201
    assert depths == [0]


def test_neither_number_nor_code_reach_the_log(gateway: SignedFake, caplog: pytest.LogCaptureFixture) -> None:
    phone = new_phone()
    gateway.answers = [500]
    send(phone)
    said = "".join(str(record.__dict__) for record in caplog.records if "provider" in str(record.msg))
    assert "sign_in_code_url" in said
    assert phone not in said
    assert gateway.codes[phone] not in said


# --- Twilio Verify, which makes and checks the code -------------------------------------------------------------------


def test_code_that_twilio_made_signs_in_once(twilio: TwilioFake) -> None:
    phone = new_phone()
    challenge = send(phone).json()["challenge"]
    row = SignInCode.objects.get(phone=phone)
    assert (row.outcome, row.code_hash, row.provider_reference[:2]) == ("sent", "", "VE")
    assert sign_in(challenge, twilio.codes[phone]).status_code == 201
    assert code_of(sign_in(challenge, twilio.codes[phone])) == "code_expired"


def test_guesses_are_counted_here_whatever_twilio_thinks(twilio: TwilioFake) -> None:
    phone = new_phone()
    challenge = send(phone).json()["challenge"]
    for _ in range(5):
        assert code_of(sign_in(challenge, "000000")) == "code_wrong"
    asked = len(twilio.requests)
    assert code_of(sign_in(challenge, twilio.codes[phone])) == "too_many_requests"
    assert len(twilio.requests) == asked


def test_codes_of_two_challenges_are_told_apart(twilio: TwilioFake) -> None:
    mine, theirs = new_phone(), new_phone()
    challenge, _ = send(mine).json()["challenge"], send(theirs)
    assert code_of(sign_in(challenge, twilio.codes[theirs])) == "code_wrong"


def test_code_that_twilio_forgot_has_expired(twilio: TwilioFake) -> None:
    phone = new_phone()
    challenge = send(phone).json()["challenge"]
    twilio.finished.update(twilio.references)
    assert code_of(sign_in(challenge, twilio.codes[phone])) == "code_expired"


@pytest.mark.parametrize("trouble", [500, 429, 401, 403, "hang", "cut", 200])
def test_twilio_that_cannot_send_is_an_outage(twilio: TwilioFake, trouble: int | str) -> None:
    twilio.answers = [trouble] * 2
    phone = new_phone()
    assert is_outage(send(phone))
    assert outcome(phone) == "failed"
    # It may have sent one already: it is not asked for a second one by itself.
    assert len(twilio.requests) == 1


@pytest.mark.parametrize("trouble", [500, 429, 401, "hang"])
def test_twilio_that_cannot_check_lets_nobody_in(twilio: TwilioFake, trouble: int | str) -> None:
    phone = new_phone()
    challenge = send(phone).json()["challenge"]
    twilio.answers = [trouble] * 2
    assert is_outage(sign_in(challenge, twilio.codes[phone]))
    twilio.answers = []
    assert sign_in(challenge, twilio.codes[phone]).status_code == 201


def test_no_code_opens_a_challenge_whose_provider_failed(twilio: TwilioFake) -> None:
    twilio.answers = [500]
    phone = new_phone()
    send(phone)
    challenge = SignInCode.objects.get(phone=phone).challenge
    for code in ("", "000000"):
        assert sign_in(challenge, code).status_code in {400, 422}


# --- The share of each part of the world (operations 20) --------------------------------------------------------------


def test_a_country_gets_its_share_of_a_day_and_no_more(settings: Settings) -> None:
    settings.SIGN_IN_CODE_DAILY_CAPS = {"*": 3}
    sent = len(people.sent)
    answers = [send(new_phone(), REMOTE_ADDR=f"192.0.2.{number}") for number in range(6)]
    assert [answer.status_code for answer in answers] == [201] * 3 + [429] * 3
    assert code_of(answers[-1]) == "too_many_requests"
    assert int(answers[-1]["Retry-After"]) <= 86_400
    assert len(people.sent) == sent + 3
    # Others go on, and so does everybody tomorrow.
    assert send("+447700900123", REMOTE_ADDR="192.0.2.90").status_code == 201
    with time_machine.travel(timezone.now() + timedelta(days=1), tick=True):
        assert send(new_phone(), REMOTE_ADDR="192.0.2.91").status_code == 201


def test_longer_prefix_has_a_share_of_its_own(settings: Settings) -> None:
    settings.SIGN_IN_CODE_DAILY_CAPS = {"*": 5, "+336": 2, "+447700": 0}
    assert [send(new_phone()).status_code for _ in range(3)] == [201, 201, 429]
    assert send("+33780000001").status_code == 201
    assert send("+447700900123").status_code == 429
    counts = dict(CodeCount.objects.values_list("prefix", "sent"))
    assert counts == {"+336": 2, "+33": 1}


def test_refused_numbers_and_addresses_use_up_nobodys_share(settings: Settings) -> None:
    send("+1")
    phone = new_phone()
    for _ in range(8):
        send(phone)
    assert CodeCount.objects.get().sent == 5


def test_counts_are_kept_for_a_month(settings: Settings) -> None:
    send(new_phone())
    with time_machine.travel(timezone.now() + timedelta(days=33), tick=True):
        forget_expired()
    assert not CodeCount.objects.exists()
