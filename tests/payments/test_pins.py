"""The payment PIN: chosen, changed, guessed at, forgotten."""

from datetime import date, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from messaging.models import Notice
from payments import services
from payments.models import Approval, Wallet
from payments.services.pins import is_simple
from superapp.accounts import services as accounts
from superapp.accounts.models import User
from superapp.core import ids
from superapp.core.models import AuditEntry
from tests.accounts import people as phones
from tests.messaging.api import Api
from tests.payments.security import PIN, approve, set_pin
from tests.realtime.people import person, sign_in

pytestmark = pytest.mark.django_db
OTHER = "394026"
PIN_PATH, RESET_PATH, SECURITY_PATH = "wallet/pin/", "wallet/pin/reset/", "wallet/security/"


@pytest.fixture(autouse=True)
def _stage(settings: Settings) -> None:
    phones.use_postbox(settings)
    settings.PASSWORD_HASHERS = [f"{phones.__name__}.QuickArgon2"]


def with_pin() -> Api:
    ada = Api(person())
    set_pin(ada.device.user_id)
    return ada


def with_phone() -> tuple[Api, str]:
    """Somebody with a number and a PIN."""
    phone = phones.new_phone()
    user = accounts.create_user(phone=phone, display_name="Ada")
    set_pin(user.id)
    return Api(sign_in(user.id, "")), phone


def proof(ada: Api, phone: str) -> dict[str, str]:
    challenge = ada.ok("POST", "me/phone/codes/", status=201)["challenge"]
    return {"challenge": challenge, "code": phones.code_for(phone)}


def wallet(ada: Api) -> Wallet:
    return Wallet.objects.get(user_id=ada.device.user_id)


def later(ada: Api, by: timedelta) -> None:
    """As if that much time had passed for the PIN: the database's clock counts, and nobody turns that."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE payments_wallet SET pin_locked_until = pin_locked_until - %(by)s,"
            " reset_begun_at = reset_begun_at - %(by)s, reset_ready_at = reset_ready_at - %(by)s,"
            " reset_ends_at = reset_ends_at - %(by)s, lowered_until = lowered_until - %(by)s WHERE user_id = %(user)s",
            {"by": by, "user": ada.device.user_id},
        )


def is_right(ada: Api, pin: str) -> bool:
    payment = {"kind": "payments.transfer", "payee": "user:1", "amount": {"amount": 1, "currency": "CNY"}}
    response = ada.call("POST", "wallet/approvals/", {"pin": pin, **payment})
    assert response.status_code in {201, 403, 429}, response.content
    return bool(response.status_code == 201)


def guess(ada: Api, pin: str) -> tuple[int, str]:
    payment = {"kind": "payments.transfer", "payee": "user:1", "amount": {"amount": 1, "currency": "CNY"}}
    return ada.refused("POST", "wallet/approvals/", {"pin": pin, **payment})


def told(ada: Api) -> list[str]:
    rows = Notice.objects.filter(user_id=ada.device.user_id, kind__startswith="payments.").order_by("id")
    return [kind.removeprefix("payments.") for kind in rows.values_list("kind", flat=True)]


def logged(ada: Api) -> list[str]:
    rows = AuditEntry.objects.filter(subject_kind="wallet", subject_id=ada.device.id).order_by("id")
    return [action.removeprefix("payments.") for action in rows.values_list("action", flat=True)]


# --- Choosing ---------------------------------------------------------------------------------------------------------


def test_first_pin_on_a_device_that_has_just_signed_in() -> None:
    ada = Api(person())
    shown = ada.ok("POST", PIN_PATH, {"pin": PIN}, status=201)
    assert (shown["has_pin"], shown["locked_until"]) == (True, None)
    assert is_right(ada, PIN)
    assert not is_right(ada, OTHER)
    assert (told(ada), logged(ada)) == (["pin_set"], ["pin_set"])


def test_there_is_one_first_pin() -> None:
    ada = Api(person())
    ada.ok("POST", PIN_PATH, {"pin": PIN}, status=201)
    assert ada.refused("POST", PIN_PATH, {"pin": OTHER}) == (409, "pin_already_set")
    assert is_right(ada, PIN)


def test_first_pin_on_an_older_device_needs_a_proof(settings: Settings) -> None:
    settings.FIRST_PASSWORD_WITHIN = timedelta(0)
    phone = phones.new_phone()
    user = accounts.create_user(phone=phone, display_name="Ada")
    ada = Api(sign_in(user.id, ""))
    assert ada.refused("POST", PIN_PATH, {"pin": PIN}) == (403, "proof_required")
    sent = proof(ada, phone)
    assert ada.refused("POST", PIN_PATH, {"pin": PIN, **sent, "code": "00000x"}) == (422, "code_wrong")
    assert not ada.get(SECURITY_PATH)["has_pin"]
    ada.ok("POST", PIN_PATH, {"pin": PIN, **sent}, status=201)


def test_first_pin_needs_the_terms(settings: Settings) -> None:
    ada = Api(person())
    settings.TERMS_VERSION = 2
    assert ada.refused("POST", PIN_PATH, {"pin": PIN}) == (403, "terms_required")


@pytest.mark.parametrize("pin", ["111111", "123456", "987654", "890123", "121212", "123123", "012345", "210987"])
def test_simple_pins_are_refused(pin: str) -> None:
    ada = Api(person())
    assert is_simple(pin)
    assert ada.refused("POST", PIN_PATH, {"pin": pin}) == (422, "pin_too_simple")
    assert not Wallet.objects.filter(user_id=ada.device.user_id).exists()


@pytest.mark.parametrize("pin", ["284913", "112233", "135790", "100001"])
def test_other_pins_are_taken(pin: str) -> None:
    assert not is_simple(pin)


@pytest.mark.parametrize("pin", ["070488", "040788", "880407", "198804", "041988"])
def test_own_birthday_is_refused(pin: str) -> None:
    ada = Api(person())
    User.objects.filter(id=ada.device.user_id).update(birth_date=date(1988, 4, 7))
    assert ada.refused("POST", PIN_PATH, {"pin": pin}) == (422, "pin_too_simple")


def test_end_of_the_own_number_is_refused() -> None:
    ada, phone = with_phone()
    body = {"current_pin": PIN, "new_pin": phone[-6:]}
    assert ada.refused("PUT", PIN_PATH, body) == (422, "pin_too_simple")


def test_neither_the_pin_nor_a_hash_without_the_pepper_is_kept(settings: Settings) -> None:
    ada = Api(person())
    ada.ok("POST", PIN_PATH, {"pin": PIN}, status=201)
    kept = wallet(ada).pin_hash
    assert kept.startswith("argon2$")
    assert PIN not in kept
    settings.PAYMENT_PIN_PEPPER = "another one"
    assert not is_right(ada, PIN)


def test_two_people_with_one_pin_have_different_hashes() -> None:
    hashes = set()
    for _ in range(2):
        ada = Api(person())
        ada.ok("POST", PIN_PATH, {"pin": PIN}, status=201)
        hashes.add(wallet(ada).pin_hash)
    assert len(hashes) == 2


# --- Changing ---------------------------------------------------------------------------------------------------------


def test_change_with_the_old_one() -> None:
    ada = with_pin()
    approve(ada.device.user_id, "payments.transfer", "user:5", 5)
    assert ada.refused("PUT", PIN_PATH, {"current_pin": OTHER, "new_pin": OTHER}) == (403, "pin_wrong")
    ada.ok("PUT", PIN_PATH, {"current_pin": PIN, "new_pin": OTHER})
    # What the old one approved is void.
    assert not Approval.objects.filter(user_id=ada.device.user_id).exists()
    assert is_right(ada, OTHER)
    assert not is_right(ada, PIN)
    assert (told(ada), logged(ada)) == (["pin_changed"], ["pin_changed"])


# --- Guessing ---------------------------------------------------------------------------------------------------------


def test_five_wrong_ones_lock_it_to_the_right_one_too() -> None:
    ada = with_pin()
    left = []
    for _ in range(4):
        response = ada.call("PUT", PIN_PATH, {"current_pin": OTHER, "new_pin": "746205"})
        left.append(response.json()["error"]["details"]["attempts_left"])
    assert left == [4, 3, 2, 1]
    assert guess(ada, OTHER) == (429, "pin_locked")
    response = ada.call("PUT", PIN_PATH, {"current_pin": PIN, "new_pin": OTHER})
    assert (response.status_code, response.json()["error"]["code"]) == (429, "pin_locked")
    assert 850 < int(response["Retry-After"]) <= 900
    assert response.json()["error"]["details"]["locked_until"] == ada.get(SECURITY_PATH)["locked_until"]
    assert wallet(ada).pin_failures == 5
    assert (told(ada), logged(ada)) == (["pin_locked"], ["pin_locked"])
    assert AuditEntry.objects.get(subject_id=ada.device.id, action="payments.pin_locked").actor_id is None


def test_right_one_counts_anew() -> None:
    ada = with_pin()
    for _ in range(4):
        assert guess(ada, OTHER) == (403, "pin_wrong")
    assert is_right(ada, PIN)
    assert wallet(ada).pin_failures == 0
    assert guess(ada, OTHER) == (403, "pin_wrong")


def test_each_lock_takes_longer(settings: Settings) -> None:
    ada = with_pin()
    for hours in (0.25, 1, 24, 24):
        for _ in range(4):
            assert guess(ada, OTHER) == (403, "pin_wrong")
        response = ada.call("PUT", PIN_PATH, {"current_pin": OTHER, "new_pin": "746205"})
        assert abs(int(response["Retry-After"]) - hours * 3600) < 60
        later(ada, timedelta(hours=hours))
    # The right one ends the ladder.
    assert is_right(ada, PIN)
    assert wallet(ada).pin_locks == 0
    assert logged(ada) == ["pin_locked"] * 4


# --- Forgetting -------------------------------------------------------------------------------------------------------


def test_reset_takes_a_code_a_day_and_one_more_code() -> None:
    ada, phone = with_phone()
    shown = ada.ok("POST", RESET_PATH, proof(ada, phone), status=201)["pin_reset"]
    assert set(shown) == {"begun_at", "ready_at", "ends_at"}
    # Until then the old one counts, and it alone.
    assert is_right(ada, PIN)
    fresh = proof(ada, phone)
    assert ada.refused("PUT", RESET_PATH, {"pin": OTHER, **fresh}) == (409, "pin_reset_not_ready")
    later(ada, timedelta(hours=23, minutes=59))
    assert ada.refused("PUT", RESET_PATH, {"pin": OTHER, **fresh}) == (409, "pin_reset_not_ready")
    later(ada, timedelta(minutes=1))
    assert ada.refused("PUT", RESET_PATH, {"pin": OTHER, **fresh, "code": "00000x"}) == (422, "code_wrong")
    assert ada.ok("PUT", RESET_PATH, {"pin": OTHER, **fresh})["pin_reset"] is None
    assert is_right(ada, OTHER)
    assert (told(ada), logged(ada)) == (["pin_reset_begun", "pin_reset"], ["pin_reset_begun", "pin_reset"])
    assert ada.refused("PUT", RESET_PATH, {"pin": PIN, **proof(ada, phone)}) == (404, "not_found")


def test_reset_ends_a_lock() -> None:
    ada, phone = with_phone()
    for _ in range(5):
        guess(ada, OTHER)
    ada.ok("POST", RESET_PATH, proof(ada, phone), status=201)
    Wallet.objects.filter(user_id=ada.device.user_id).update(pin_locked_until="2100-01-01T00:00Z")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE payments_wallet SET reset_ready_at = now() - interval '1 second'")
    ada.ok("PUT", RESET_PATH, {"pin": OTHER, **proof(ada, phone)})
    assert is_right(ada, OTHER)


def test_asking_twice_does_not_begin_the_wait_anew() -> None:
    ada, phone = with_phone()
    first = ada.ok("POST", RESET_PATH, proof(ada, phone), status=201)["pin_reset"]
    assert ada.ok("POST", RESET_PATH, proof(ada, phone), status=201)["pin_reset"] == first
    assert told(ada) == ["pin_reset_begun"]


def test_wait_is_longer_after_a_change_of_the_number() -> None:
    ada, phone = with_phone()
    changed_at = timezone.now() - timedelta(hours=1)
    services.lower_limits(user_id=ada.device.user_id, changed_at=changed_at)
    ready_at = ada.ok("POST", RESET_PATH, proof(ada, phone), status=201)["pin_reset"]["ready_at"]
    assert datetime.fromisoformat(ready_at) == changed_at + timedelta(hours=48)


def test_any_device_stops_a_reset() -> None:
    ada, phone = with_phone()
    ada.ok("POST", RESET_PATH, proof(ada, phone), status=201)
    other = Api(sign_in(ada.device.user_id, ""))
    for _ in range(2):
        other.ok("DELETE", RESET_PATH, status=204)
    later(ada, timedelta(days=2))
    assert ada.refused("PUT", RESET_PATH, {"pin": OTHER, **proof(ada, phone)}) == (404, "not_found")
    assert is_right(ada, PIN)
    assert told(ada) == ["pin_reset_begun", "pin_reset_cancelled"]


def test_changing_it_ends_a_reset() -> None:
    ada, phone = with_phone()
    ada.ok("POST", RESET_PATH, proof(ada, phone), status=201)
    assert ada.ok("PUT", PIN_PATH, {"current_pin": PIN, "new_pin": OTHER})["pin_reset"] is None


def test_reset_that_nobody_completes_ends() -> None:
    ada, phone = with_phone()
    ada.ok("POST", RESET_PATH, proof(ada, phone), status=201)
    later(ada, timedelta(days=8, minutes=1))
    assert ada.get(SECURITY_PATH)["pin_reset"] is None
    assert ada.refused("PUT", RESET_PATH, {"pin": OTHER, **proof(ada, phone)}) == (404, "not_found")
    # And another may begin.
    assert ada.ok("POST", RESET_PATH, proof(ada, phone), status=201)["pin_reset"] is not None


def test_whoever_has_the_phone_of_a_frozen_wallet_does_not_reset_its_way_out() -> None:
    ada, phone = with_phone()
    ada.ok("POST", "wallet/freeze/")
    assert ada.refused("POST", RESET_PATH, proof(ada, phone)) == (403, "wallet_frozen")
    assert ada.get(SECURITY_PATH)["pin_reset"] is None
    # Staff have lifted it, for somebody who forgot their PIN as well.
    services.unfreeze_wallet(user_id=ada.device.user_id, actor_id=None, reason="They came with their passport.")
    assert ada.ok("POST", RESET_PATH, proof(ada, phone), status=201)["pin_reset"] is not None


def test_without_a_pin_there_is_nothing_to_reset() -> None:
    ada, phone = with_phone()
    Wallet.objects.all().delete()
    assert ada.refused("POST", RESET_PATH, proof(ada, phone)) == (403, "pin_not_set")


def test_notices_are_said_in_words() -> None:
    ada, phone = with_phone()
    ada.ok("POST", RESET_PATH, proof(ada, phone), status=201)
    shown = ada.get("notices/")["results"]
    assert [one["kind"] for one in shown] == ["payments.pin_reset_begun"]
    assert "reset your payment PIN" in shown[0]["text"]


def test_age_of_a_device_stands_in_its_id() -> None:
    before = ids.made_at(ids.new_id())
    assert abs((before - ids.made_at(person().device_id)).total_seconds()) < 60
