"""PINs guessed at from several devices at the same time, in threads that really commit."""

from functools import partial

import pytest
from django.db import transaction
from pytest_django import Settings

from payments import services
from payments.errors import ApprovalInvalid, PinAlreadySet, PinLocked, PinWrong
from payments.models import Approval, Wallet
from superapp.core.errors import Conflict, NotFound
from superapp.core.models import AuditEntry
from superapp.core.money import Money
from tests.accounts import people as phones
from tests.messaging.api import Api
from tests.messaging.threads import at_once
from tests.payments.security import PIN, approve, set_pin
from tests.payments.test_pins import proof, with_phone
from tests.realtime.people import another_device, person

pytestmark = pytest.mark.usefixtures("committed_db")
WRONG = "394026"
PAYMENT = {"kind": "payments.transfer", "payee": "user:5", "amount": Money(1250, "CNY")}


@pytest.fixture(autouse=True)
def _stage(settings: Settings) -> None:
    phones.use_postbox(settings)
    settings.PASSWORD_HASHERS = [f"{phones.__name__}.QuickArgon2"]


def guess(user_id: int, pin: str) -> partial[services.IssuedApproval]:
    return partial(services.issue_approval, user_id=user_id, pin=pin, **PAYMENT)


def locks(user_id: int) -> int:
    return AuditEntry.objects.filter(subject_id=str(user_id), action="payments.pin_locked").count()


def test_five_wrong_ones_at_once_from_two_devices_count_as_five() -> None:
    ada = person()
    devices = [Api(ada), Api(another_device(ada))]
    set_pin(ada.user_id)
    body = {**PAYMENT, "pin": WRONG, "amount": PAYMENT["amount"].as_json()}
    answers = at_once([partial(devices[number % 2].refused, "POST", "wallet/approvals/", body) for number in range(5)])
    assert sorted(answers) == [(403, "pin_wrong")] * 4 + [(429, "pin_locked")]
    row = Wallet.objects.get(user_id=ada.user_id)
    assert (row.pin_failures, row.pin_locks) == (5, 1)
    assert locks(ada.user_id) == 1
    # Now the right one is refused, from either.
    for api in devices:
        assert api.refused("POST", "wallet/approvals/", {**body, "pin": PIN}) == (429, "pin_locked")
    assert not Approval.objects.filter(user_id=ada.user_id).exists()


def test_many_at_once_are_not_answered_after_the_fifth() -> None:
    user_id = person().user_id
    set_pin(user_id)
    answers = at_once([guess(user_id, f"{number:03}907") for number in range(16)])
    assert sorted(type(answer).__name__ for answer in answers) == ["PinLocked"] * 12 + ["PinWrong"] * 4
    row = Wallet.objects.get(user_id=user_id)
    assert (row.pin_failures, row.pin_locks, locks(user_id)) == (5, 1, 1)


def test_right_one_among_many_wrong_ones_comes_before_the_lock_or_is_refused() -> None:
    for _ in range(5):
        user_id = person().user_id
        set_pin(user_id)
        answers = at_once([guess(user_id, WRONG)] * 3 + [guess(user_id, PIN)] + [guess(user_id, WRONG)] * 6)
        right = answers[3]
        assert isinstance(right, services.IssuedApproval | PinLocked)
        assert Approval.objects.filter(user_id=user_id).exists() == isinstance(right, services.IssuedApproval)
        wrong = answers[:3] + answers[4:]
        assert {type(answer) for answer in wrong} <= {PinWrong, PinLocked}
        # It began the count anew once, so at most twice as many were answered.
        assert sum(isinstance(answer, PinWrong) for answer in wrong) <= 8
        assert Wallet.objects.get(user_id=user_id).pin_failures in range(1, 6)


def test_one_first_pin_of_several() -> None:
    ada = person()
    pins = ["284913", "394026", "746205", "530917"]
    answers = at_once(
        [partial(services.set_pin, user_id=ada.user_id, pin=pin, device_id=ada.device_id) for pin in pins]
    )
    assert [type(answer) for answer in answers if answer is not None] == [PinAlreadySet] * 3
    chosen = pins[answers.index(None)]
    assert isinstance(guess(ada.user_id, chosen)(), services.IssuedApproval)


def test_two_changes_at_once_leave_one_pin() -> None:
    user_id = person().user_id
    set_pin(user_id)
    pins = ["394026", "746205", "530917"]
    answers = at_once([partial(services.change_pin, user_id=user_id, current_pin=PIN, new_pin=pin) for pin in pins])
    assert answers.count(None) == 1
    # Compared with the old one, and counted when it was no longer there; or it came too late even for that.
    assert {type(answer) for answer in answers if answer is not None} <= {Conflict, PinWrong}
    assert isinstance(guess(user_id, pins[answers.index(None)])(), services.IssuedApproval)


def test_reset_is_either_stopped_or_completed() -> None:
    for _ in range(4):
        ada, phone = with_phone()
        user_id = ada.device.user_id
        services.begin_pin_reset(user_id=user_id, **proof(ada, phone))
        Wallet.objects.filter(user_id=user_id).update(reset_ready_at="2026-01-01T00:00Z")
        complete = partial(services.complete_pin_reset, user_id=user_id, pin=WRONG, **proof(ada, phone))
        completed, _stopped = at_once([complete, partial(services.cancel_pin_reset, user_id=user_id)])
        assert completed is None or isinstance(completed, NotFound)
        valid = WRONG if completed is None else PIN
        assert isinstance(guess(user_id, valid)(), services.IssuedApproval)
        actions = AuditEntry.objects.filter(subject_kind="wallet", subject_id=str(user_id)).values_list(
            "action", flat=True
        )
        assert sorted(actions) == sorted(
            ["payments.pin_reset_begun", "payments.pin_reset" if completed is None else "payments.pin_reset_cancelled"]
        )


def test_one_approval_pays_once() -> None:
    user_id = person().user_id
    set_pin(user_id)
    approval = approve(user_id, "payments.transfer", "user:5", 1250)

    def pay() -> None:
        with transaction.atomic():
            services.authorise(
                payer_id=user_id,
                kind="payments.transfer",
                payee="user:5",
                amount_minor=1250,
                currency="CNY",
                approval=approval,
            )

    answers = at_once([pay] * 6)
    assert answers.count(None) == 1
    assert [type(answer) for answer in answers if answer is not None] == [ApprovalInvalid] * 5
