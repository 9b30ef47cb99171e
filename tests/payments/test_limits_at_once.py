"""Limits: what is paid at the same time cannot together be more than may be paid."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from payments import services
from payments.errors import ApprovalRequired, LimitExceeded
from payments.models import LimitCounter, PaceCounter
from tests.messaging.api import Api
from tests.messaging.threads import at_once
from tests.payments.security import approve, set_pin
from tests.realtime.people import Device, person

pytestmark = pytest.mark.usefixtures("committed_db")
KIND, PAYEE = "payments.transfer", "user:5"


@pytest.fixture(autouse=True)
def _small(settings: Settings) -> None:
    settings.WALLET_TIERS = {
        "basic": {"CNY": (400, 1_000, 2_500), "EUR": (400, 1_000, 2_500), "USD": (400, 1_000, 2_500)},
        "verified": {"CNY": (900, 2_000, 9_000), "EUR": (900, 2_000, 9_000), "USD": (900, 2_000, 9_000)},
    }
    settings.WALLET_LOWERED = dict.fromkeys(["CNY", "EUR", "USD"], (150, 300))


def payer() -> Device:
    ada = person()
    set_pin(ada.user_id)
    return ada


def paying(ada: Device, amount_minor: int, currency: str = "CNY") -> Callable[[], None]:
    """One approved payment."""
    approval = approve(ada.user_id, KIND, PAYEE, amount_minor, currency)

    def pay() -> None:
        with transaction.atomic():
            services.authorise(
                payer_id=ada.user_id,
                kind=KIND,
                payee=PAYEE,
                amount_minor=amount_minor,
                currency=currency,
                approval=approval,
            )

    return pay


def spent(ada: Device, currency: str = "CNY") -> dict[str, int]:
    rows = LimitCounter.objects.filter(user_id=ada.user_id, currency=currency)
    return {row.period.partition(":")[0]: row.spent_minor for row in rows}


def give_back(ada: Device, amount_minor: int) -> None:
    services.give_back_limit(payer_id=ada.user_id, amount_minor=amount_minor, currency="CNY", paid_at=timezone.now())


def refused(pay: Callable[[], None]) -> dict[str, object]:
    with pytest.raises(LimitExceeded) as refusal:
        pay()
    return refusal.value.details


def test_exactly_what_may_be_paid_on_a_day_passes_at_once() -> None:
    ada = payer()
    answers = at_once([paying(ada, 100) for _ in range(16)])
    assert answers.count(None) == 10
    assert [type(answer) for answer in answers if answer is not None] == [LimitExceeded] * 6
    assert spent(ada) == {"day": 1_000, "year": 1_000}


def test_refusal_says_which_limit_and_what_is_left() -> None:
    ada = payer()
    assert refused(paying(ada, 401)) == {"which": "payment", "left": {"amount": 400, "currency": "CNY"}}
    for amount_minor in (400, 400):
        paying(ada, amount_minor)()
    assert refused(paying(ada, 201)) == {"which": "day", "left": {"amount": 200, "currency": "CNY"}}
    paying(ada, 200)()
    assert refused(paying(ada, 1)) == {"which": "day", "left": {"amount": 0, "currency": "CNY"}}
    # Another currency has limits of its own.
    paying(ada, 400, "EUR")()


def test_year_is_a_limit_of_its_own() -> None:
    ada = payer()
    paying(ada, 300)()
    LimitCounter.objects.filter(user_id=ada.user_id, period__startswith="year:").update(spent_minor=2_400)
    assert refused(paying(ada, 101)) == {"which": "year", "left": {"amount": 100, "currency": "CNY"}}
    assert spent(ada) == {"day": 300, "year": 2_400}
    paying(ada, 100)()


def test_refused_payment_counts_nothing() -> None:
    ada = payer()
    paying(ada, 400)()
    for _ in range(3):
        refused(paying(ada, 401))
    with transaction.atomic():
        paying(ada, 400)()
        transaction.set_rollback(True)
    assert spent(ada) == {"day": 400, "year": 400}
    assert sum(row.payments for row in PaceCounter.objects.filter(user_id=ada.user_id)) == 1


def test_money_that_comes_back_gives_the_room_back() -> None:
    ada = payer()
    for _ in range(2):
        paying(ada, 400)()
    give_back(ada, 300)
    assert spent(ada) == {"day": 500, "year": 500}
    paying(ada, 400)()
    # Nothing becomes less than nothing.
    give_back(ada, 5_000)
    assert spent(ada) == {"day": 0, "year": 0}


def test_money_of_an_earlier_day_gives_no_room_today() -> None:
    ada = payer()
    paying(ada, 400)()
    services.give_back_limit(
        payer_id=ada.user_id, amount_minor=100, currency="CNY", paid_at=timezone.now() - timedelta(days=370)
    )
    assert spent(ada) == {"day": 400, "year": 400}


def test_giving_back_and_paying_at_once_end_even() -> None:
    ada = payer()
    for _ in range(2):
        paying(ada, 400)()
    answers = at_once([partial(give_back, ada, 50) for _ in range(8)] + [paying(ada, 25) for _ in range(8)])
    assert answers == [None] * 16
    assert spent(ada) == {"day": 800 - 400 + 200, "year": 800 - 400 + 200}


def test_tier_decides_how_much() -> None:
    ada = payer()
    refused(paying(ada, 900))
    for _ in range(2):
        services.set_tier(user_id=ada.user_id, tier="verified", actor_id=None, reason="showed a passport")
    paying(ada, 900)()
    services.set_tier(user_id=ada.user_id, tier="basic", actor_id=None, reason="it was forged")
    paying(ada, 100)()
    assert refused(paying(ada, 1))["which"] == "day"


def test_own_page_shows_what_is_left() -> None:
    ada = payer()
    paying(ada, 400)()
    shown = Api(ada).get("wallet/security/")["limits"][0]
    assert shown["per_payment"] == {"amount": 400, "currency": "CNY"}
    assert {name: value["amount"] for name, value in shown["day"].items()} == {"limit": 1_000, "used": 400, "left": 600}
    assert {name: value["amount"] for name, value in shown["year"].items()} == {
        "limit": 2_500,
        "used": 400,
        "left": 2_100,
    }


def test_payments_without_the_pin_are_counted_exactly_at_once(settings: Settings) -> None:
    settings.WALLET_TIERS["basic"]["CNY"] = (400, 100_000, 100_000)
    settings.WALLET_PIN_FREE_PER_DAY = 5
    ada = payer()
    paying(ada, 1)()

    def pay() -> None:
        with transaction.atomic():
            services.authorise(
                payer_id=ada.user_id, kind=KIND, payee=PAYEE, amount_minor=1, currency="CNY", approval=None
            )

    answers = at_once([pay] * 12)
    assert answers.count(None) == 5
    assert [answer.details["reasons"] for answer in answers if isinstance(answer, ApprovalRequired)] == [["often"]] * 7
