"""Approvals: the PIN is worth one payment, and no other."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from payments import services
from payments.errors import ApprovalInvalid, ApprovalRequired, PinNotSet
from payments.ledger.errors import InvalidAmount
from payments.models import Approval, KnownPayee, LimitCounter
from superapp.core import tokens
from tests.messaging.api import Api
from tests.payments.security import PIN, approve, set_pin
from tests.realtime.people import person

pytestmark = pytest.mark.django_db
KIND, PAYEE, AMOUNT = "payments.transfer", "user:5", 1250
BODY = {"pin": PIN, "kind": KIND, "payee": PAYEE, "amount": {"amount": AMOUNT, "currency": "CNY"}}


def payer() -> Api:
    api = Api(person())
    set_pin(api.device.user_id)
    return api


def pay(api: Api, approval: str | None = None, **other: Any) -> None:
    asked = {"kind": KIND, "payee": PAYEE, "amount_minor": AMOUNT, "currency": "CNY", **other}
    with transaction.atomic():
        services.authorise(payer_id=api.device.user_id, approval=approval, **asked)


def test_pin_approves_one_payment() -> None:
    ada = payer()
    given = ada.ok("POST", "wallet/approvals/", BODY, status=201)
    assert set(given) == {"approval", "expires_at"}
    pay(ada, given["approval"])
    with pytest.raises(ApprovalInvalid):
        pay(ada, given["approval"])
    assert LimitCounter.objects.get(user_id=ada.device.user_id, period__startswith="day:").spent_minor == AMOUNT


@pytest.mark.parametrize(
    "other",
    [{"kind": "payments.red_packet"}, {"payee": "user:6"}, {"amount_minor": AMOUNT + 1}, {"currency": "EUR"}],
    ids=str,
)
def test_approval_is_good_for_nothing_else(other: dict[str, Any]) -> None:
    ada = payer()
    approval = approve(ada.device.user_id, KIND, PAYEE, AMOUNT)
    with pytest.raises(ApprovalInvalid):
        pay(ada, approval, **other)
    assert not LimitCounter.objects.filter(user_id=ada.device.user_id).exists()
    assert not KnownPayee.objects.filter(user_id=ada.device.user_id).exists()
    pay(ada, approval)


def test_approval_is_good_for_nobody_else() -> None:
    ada, bo = payer(), payer()
    approval = approve(ada.device.user_id, KIND, PAYEE, AMOUNT)
    with pytest.raises(ApprovalInvalid):
        pay(bo, approval)
    pay(ada, approval)


@pytest.mark.parametrize("text", ["", "approval", "approval.1.x", "access.1.x", "x" * 500])
def test_what_is_no_approval_is_none(text: str) -> None:
    with pytest.raises(ApprovalInvalid):
        pay(payer(), text)


def test_approval_ends_after_five_minutes() -> None:
    ada = payer()
    expires_at = ada.ok("POST", "wallet/approvals/", BODY, status=201)["expires_at"]
    assert timedelta(0) < datetime.fromisoformat(expires_at) - timezone.now() <= timedelta(minutes=5)
    approval = approve(ada.device.user_id, KIND, PAYEE, AMOUNT)
    Approval.objects.filter(user_id=ada.device.user_id).update(expires_at=F("expires_at") - timedelta(minutes=6))
    with pytest.raises(ApprovalInvalid):
        pay(ada, approval)


def test_payment_that_fails_gives_its_approval_back() -> None:
    ada = payer()
    approval = approve(ada.device.user_id, KIND, PAYEE, AMOUNT)
    with transaction.atomic():
        pay(ada, approval)
        transaction.set_rollback(True)
    assert not LimitCounter.objects.filter(user_id=ada.device.user_id).exists()
    pay(ada, approval)


def test_refusal_says_what_to_ask_an_approval_for() -> None:
    ada = payer()
    with pytest.raises(ApprovalRequired) as refused:
        pay(ada)
    details = dict(refused.value.details)
    assert details.pop("reasons") == ["new_payee"]
    approval = ada.ok("POST", "wallet/approvals/", {"pin": PIN, **details}, status=201)["approval"]
    pay(ada, approval)


def test_nobody_pays_without_having_a_pin() -> None:
    ada = Api(person())
    with pytest.raises(PinNotSet):
        pay(ada)
    assert ada.refused("POST", "wallet/approvals/", BODY) == (403, "pin_not_set")


@pytest.mark.parametrize("amount_minor", [0, -1])
def test_nothing_and_less_is_no_payment(amount_minor: int) -> None:
    with pytest.raises(InvalidAmount):
        pay(payer(), amount_minor=amount_minor)


@pytest.mark.parametrize(
    "body",
    [
        {**BODY, "pin": "12345"},
        {**BODY, "pin": "1234567"},
        {**BODY, "pin": 123456},
        {**BODY, "pin": "12345\u0661"},
        {**BODY, "kind": "Payments"},
        {**BODY, "payee": ""},
        {**BODY, "payee": "user 5"},
        {**BODY, "amount": {"amount": 0, "currency": "CNY"}},
        {**BODY, "amount": {"amount": 1, "currency": "JPY"}},
        {**BODY, "more": 1},
    ],
    ids=str,
)
def test_malformed_approvals_are_refused(body: dict[str, Any]) -> None:
    assert payer().refused("POST", "wallet/approvals/", body) == (400, "invalid_input")


def test_only_the_digest_is_kept() -> None:
    ada = payer()
    approval = ada.ok("POST", "wallet/approvals/", BODY, status=201)["approval"]
    row = Approval.objects.get(user_id=ada.device.user_id)
    token = tokens.parse("approval", approval)
    assert token is not None
    assert row.digest == token.digest
    assert approval not in str(vars(row))


def test_authorising_costs_two_statements() -> None:
    ada = payer()
    pay_it = partial(services.authorise, payer_id=ada.device.user_id, kind=KIND, payee=PAYEE, currency="CNY")
    for approval in (approve(ada.device.user_id, KIND, PAYEE, 5), None):
        with transaction.atomic(), CaptureQueriesContext(transaction.get_connection()) as asked:
            pay_it(amount_minor=5, approval=approval)
        assert len(asked) == 2


def test_old_approvals_and_counters_are_forgotten() -> None:
    ada = payer()
    pay(ada, approve(ada.device.user_id, KIND, PAYEE, AMOUNT))
    approve(ada.device.user_id, KIND, PAYEE, AMOUNT)
    mine = LimitCounter.objects.filter(user_id=ada.device.user_id)
    for period in ("day:2026-01-05", "year:2020"):
        LimitCounter.objects.create(user_id=ada.device.user_id, period=period, currency="CNY", spent_minor=1)
    Approval.objects.filter(user_id=ada.device.user_id, used_at__isnull=False).update(
        expires_at=timezone.now() - timedelta(days=2)
    )
    services.forget_old_security()
    assert Approval.objects.filter(user_id=ada.device.user_id).count() == 1
    assert {one.period[:4] for one in mine} == {"day:", "year"}
    assert not mine.filter(period__in=["day:2026-01-05", "year:2020"]).exists()
