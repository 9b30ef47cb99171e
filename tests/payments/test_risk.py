"""Risk rules: when a payment asks for the PIN."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from payments import services
from payments.errors import ApprovalRequired, LimitExceeded
from payments.models import KnownPayee, PaceCounter, Wallet
from payments.services import risk
from superapp.accounts.events import PhoneChanged
from superapp.core.api.fields import rfc3339
from superapp.core.events import publish
from superapp.localdev import places
from tests.accounts.outbox import deliver
from tests.payments.security import approve, set_pin
from tests.realtime.people import person

pytestmark = pytest.mark.django_db
KIND, PAYEE = "payments.transfer", "user:5"


@pytest.fixture
def ada() -> int:
    """Somebody who has paid ``PAYEE`` before."""
    user_id = person().user_id
    set_pin(user_id)
    KnownPayee.objects.create(user_id=user_id, payee=PAYEE)
    return user_id


def reasons(user_id: int, *, payee: str = PAYEE, amount_minor: int = 1, **other: Any) -> list[str]:
    """Why the PIN is asked for; with none, the payment has passed."""
    asked = {"kind": KIND, "payee": payee, "amount_minor": amount_minor, "currency": "CNY", **other}
    try:
        with transaction.atomic():
            services.authorise(payer_id=user_id, approval=None, **asked)
    except ApprovalRequired as refusal:
        return list(refusal.details["reasons"])
    return []


def test_every_rule_is_in_the_table() -> None:
    assert risk.__doc__ is not None
    assert [line.split("``")[1] for line in risk.__doc__.splitlines() if line.startswith("| ``")] == list(risk.RULES)


@pytest.mark.parametrize(("currency", "most"), [("CNY", 20_000), ("EUR", 3_000), ("USD", 3_000)])
def test_large_amounts(ada: int, currency: str, most: int) -> None:
    assert reasons(ada, amount_minor=most, currency=currency) == []
    assert reasons(ada, amount_minor=most + 1, currency=currency) == ["amount"]


@pytest.mark.parametrize("payee", ["user:6", "conversation:6"])
def test_who_was_never_paid_before(ada: int, payee: str) -> None:
    assert reasons(ada, payee=payee) == ["new_payee"]
    # Refused, so still unknown.
    assert reasons(ada, payee=payee) == ["new_payee"]
    with transaction.atomic():
        services.authorise(
            payer_id=ada,
            kind=KIND,
            payee=payee,
            amount_minor=1,
            currency="CNY",
            approval=approve(ada, KIND, payee, 1),
        )
    assert reasons(ada, payee=payee) == []


def test_products_have_a_payee_for_each_thing_bought(ada: int) -> None:
    assert reasons(ada, kind="taxi.fare", payee="taxi.fare/77") == []
    assert not KnownPayee.objects.filter(user_id=ada, payee="taxi.fare/77").exists()


def test_new_device(ada: int, settings: Settings) -> None:
    device_id = person().device_id
    assert reasons(ada, device_id=device_id) == ["new_device"]
    settings.WALLET_NEW_DEVICE_FOR = timedelta(0)
    assert reasons(ada, device_id=device_id) == []


def test_sixth_payment_of_a_day_without_the_pin(ada: int) -> None:
    for _ in range(5):
        assert reasons(ada) == []
    assert reasons(ada) == ["often"]
    # With it, payments do not count as such.
    with transaction.atomic():
        services.authorise(
            payer_id=ada,
            kind=KIND,
            payee=PAYEE,
            amount_minor=1,
            currency="CNY",
            approval=approve(ada, KIND, PAYEE, 1),
        )
    row = PaceCounter.objects.get(user_id=ada)
    assert (row.payments, row.pin_free) == (6, 5)
    # Those of another day count no more.
    PaceCounter.objects.filter(user_id=ada).update(hour=row.hour - timedelta(days=1))
    assert reasons(ada) == []


def test_many_payments_within_two_hours(ada: int, settings: Settings) -> None:
    settings.WALLET_PIN_FREE_PER_DAY = 1_000
    settings.WALLET_PACE = 6
    for _ in range(3):
        assert reasons(ada) == []
    row = PaceCounter.objects.get(user_id=ada)
    PaceCounter.objects.filter(user_id=ada).update(hour=row.hour - timedelta(hours=1))
    for _ in range(3):
        assert reasons(ada) == []
    assert reasons(ada) == ["pace"]
    PaceCounter.objects.filter(user_id=ada, hour__lt=row.hour).update(hour=row.hour - timedelta(hours=2))
    assert reasons(ada) == []


def test_reasons_come_together(ada: int) -> None:
    assert reasons(ada, payee="user:6", amount_minor=20_001) == ["amount", "new_payee"]


def test_changed_number_lowers_limits_for_a_day(ada: int) -> None:
    with transaction.atomic():
        publish(PhoneChanged(user_id=ada, old_phone="+33612000000", changed_at=rfc3339(timezone.now())))
    deliver()
    assert reasons(ada) == ["phone_changed"]
    with pytest.raises(LimitExceeded) as refusal, transaction.atomic():
        services.authorise(payer_id=ada, kind=KIND, payee=PAYEE, amount_minor=50_001, currency="CNY", approval=None)
    assert refusal.value.details == {"which": "payment", "left": {"amount": 50_000, "currency": "CNY"}}
    Wallet.objects.filter(user_id=ada).update(lowered_until=timezone.now() - timedelta(seconds=1))
    assert reasons(ada) == []


def test_changed_number_stops_a_reset_that_was_begun_before(ada: int) -> None:
    now = timezone.now()
    Wallet.objects.filter(user_id=ada).update(
        reset_begun_at=now - timedelta(hours=1), reset_ready_at=now, reset_ends_at=now + timedelta(days=1)
    )
    for _ in range(2):
        services.lower_limits(user_id=ada, changed_at=now)
    row = Wallet.objects.get(user_id=ada)
    assert (row.reset_begun_at, row.lowered_until) == (None, now + timedelta(hours=24))


def test_changed_number_of_somebody_without_a_wallet_counts_when_they_have_one() -> None:
    user_id = person().user_id
    services.lower_limits(user_id=user_id, changed_at=timezone.now())
    set_pin(user_id)
    KnownPayee.objects.create(user_id=user_id, payee=PAYEE)
    assert reasons(user_id) == ["phone_changed"]


def test_documentation_says_what_the_settings_say() -> None:
    """The tiers, and every rule, as docs/wallet-security.md shows them."""
    text = (places.CLONE / "docs" / "wallet-security.md").read_text()
    for tier, by_currency in settings.WALLET_TIERS.items():
        assert list(by_currency) == settings.WALLET_CURRENCIES
        cells = [" · ".join(f"{minor // 100:,}" for minor in by_currency[currency]) for currency in ("CNY", "EUR")]
        assert f"| {tier} | {cells[0]} | {cells[1]} |" in text
        assert by_currency["EUR"] == by_currency["USD"]
    for rule in risk.RULES:
        assert f"| `{rule}` |" in text
    for figures in (settings.WALLET_LOWERED, settings.WALLET_PIN_FREE_UP_TO):
        assert list(figures) == settings.WALLET_CURRENCIES
