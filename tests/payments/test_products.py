"""Holds, captures, payments and settlements, as products ask for them."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from payments import selectors, services
from payments.errors import (
    AccountClosed,
    AccountFrozen,
    ApprovalInvalid,
    ApprovalRequired,
    CaptureTooHigh,
    CurrencyMismatch,
    EscrowTooLow,
    HoldEnded,
    HoldTooLow,
    InsufficientFunds,
    InvalidAmount,
    LimitExceeded,
    PinNotSet,
    SameAccount,
)
from payments.events import HoldExpired, HoldReleased, PaymentMade
from payments.ledger import services as ledger
from payments.ledger.models import Account
from payments.legs import accounts
from payments.models import Escrow, Hold, LimitCounter, Payment, PaymentLeg
from payments.services import ESCROW, Leg, Party
from payments.services.expiry import expire_holds
from payments.soundness import problems
from superapp.core import leases, loops
from superapp.core.errors import IdempotencyConflict, NotFound
from superapp.core.ids import new_id
from tests.core.waiting import until
from tests.payments import shop
from tests.payments.money import Wallet, account, fund, house, wallet
from tests.payments.payers import payer
from tests.payments.shop import fee, kept, to_merchant, to_user
from tests.realtime.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_was_announced_before() -> None:
    shop.announced.clear()


def overdue(hold: Hold) -> None:
    """Wait for its time: the ledger lets nobody move that."""
    until(lambda: Hold.objects.filter(id=hold.id, expires_at__lte=shop.timezone.now()).exists())


# --- Holds ------------------------------------------------------------------------------------------------------------


def test_what_is_held_cannot_be_paid_and_is_still_there() -> None:
    ada = payer(100)
    shop.hold(ada, 60)
    assert wallet(ada) == Wallet(100, 60)
    with pytest.raises(InsufficientFunds), transaction.atomic():
        shop.pay(ada, kept(50))
    assert wallet(ada) == Wallet(100, 60)
    assert Payment.objects.count() == 0


def test_part_of_a_hold_is_captured_and_the_rest_is_free() -> None:
    ada, merchant = payer(100), shop.new_merchant()
    held = shop.hold(ada, 60)
    payment = services.capture(hold_id=held.id, legs=[to_merchant(merchant, 38), fee(2)])
    assert (payment.amount_minor, payment.payer_id, payment.hold_id) == (40, ada, held.id)
    assert wallet(ada) == Wallet(60, 0)
    assert shop.merchant_has(merchant) == 38
    assert house("fee") == 2
    held.refresh_from_db()
    assert (held.state, held.ended_at is not None) == ("captured", True)


def test_a_hold_is_captured_once() -> None:
    ada, merchant = payer(100), shop.new_merchant()
    held = shop.hold(ada, 60)
    legs = [to_merchant(merchant, 40)]
    first = services.capture(hold_id=held.id, legs=legs)
    again = services.capture(hold_id=held.id, legs=legs)
    assert (again.id, first.is_replay, again.is_replay) == (first.id, False, True)
    with pytest.raises(IdempotencyConflict), transaction.atomic():
        services.capture(hold_id=held.id, legs=[to_merchant(merchant, 41)])
    with pytest.raises(HoldEnded), transaction.atomic():
        services.capture(hold_id=held.id, legs=legs, step="again")
    assert wallet(ada) == Wallet(60, 0)
    assert shop.merchant_has(merchant) == 40


def test_no_more_is_captured_than_was_held() -> None:
    ada = payer(100)
    held = shop.hold(ada, 60)
    with pytest.raises(CaptureTooHigh), transaction.atomic():
        services.capture(hold_id=held.id, legs=[kept(61)])
    assert wallet(ada) == Wallet(100, 60)
    assert not Payment.objects.exists()
    assert not Escrow.objects.exists()
    assert services.capture(hold_id=held.id, legs=[kept(60)]).amount_minor == 60


def test_a_hold_is_raised_step_by_step_and_not_lowered() -> None:
    ada = payer(100)
    held = shop.hold(ada, 30)
    raised = shop.raise_hold(held, 45, "stop")
    again = shop.raise_hold(held, 45, "stop")
    assert (raised.amount_minor, raised.is_replay, again.amount_minor, again.is_replay) == (45, False, 45, True)
    with pytest.raises(IdempotencyConflict), transaction.atomic():
        shop.raise_hold(held, 46, "stop")
    with pytest.raises(HoldTooLow), transaction.atomic():
        shop.raise_hold(held, 44, "less")
    with pytest.raises(InsufficientFunds), transaction.atomic():
        shop.raise_hold(held, 101, "more")
    # The price was asked again, and is the same.
    assert shop.raise_hold(held, 45, "asked again").amount_minor == 45
    assert wallet(ada) == Wallet(100, 45)
    services.capture(hold_id=held.id, legs=[kept(45)])
    # A retry that comes late gets what it got.
    assert shop.raise_hold(held, 45, "stop").is_replay
    with pytest.raises(HoldEnded), transaction.atomic():
        shop.raise_hold(held, 50, "late")


def test_a_release_gives_free_and_may_be_repeated() -> None:
    ada = payer(100)
    held = shop.hold(ada, 60)
    for _ in range(2):
        services.release(hold_id=held.id)
    assert wallet(ada) == Wallet(100, 0)
    with pytest.raises(HoldEnded), transaction.atomic():
        services.capture(hold_id=held.id, legs=[kept(10)])
    assert [event.hold_id for event in shop.told(HoldReleased)] == [held.id]


def test_a_release_after_the_capture_changes_nothing() -> None:
    ada = payer(100)
    held = shop.hold(ada, 60)
    services.capture(hold_id=held.id, legs=[kept(10)])
    services.release(hold_id=held.id)
    assert wallet(ada) == Wallet(90, 0)
    held.refresh_from_db()
    assert held.state == "captured"


def test_an_expired_hold_is_not_captured_and_is_given_free() -> None:
    ada = payer(100)
    held = shop.short_hold(ada)
    other = shop.hold(ada, 10)
    overdue(held)
    with pytest.raises(HoldEnded), transaction.atomic():
        services.capture(hold_id=held.id, legs=[kept(60)])
    with pytest.raises(HoldEnded), transaction.atomic():
        shop.raise_hold(held, 70, "late")
    assert wallet(ada) == Wallet(100, 70)
    assert (shop.expire(), shop.expire()) == (1, 0)
    assert wallet(ada) == Wallet(100, 10)
    (event,) = shop.told(HoldExpired)
    assert (event.hold_id, event.purpose, event.reference, event.payer_id) == (held.id, shop.ORDER, held.reference, ada)
    assert set(Hold.objects.values_list("id", "state")) == {(held.id, "expired"), (other.id, "open")}


def test_who_lost_the_lease_gives_nothing_free() -> None:
    ada = payer(100)
    held = shop.short_hold(ada)
    overdue(held)
    name = {"name": "payments.holds", "shard": "0"}
    lost = leases.claim(**name, ttl=timedelta(seconds=0), owner="one that slept")
    assert lost is not None
    assert leases.claim(**name, ttl=timedelta(seconds=30), owner="another") is not None
    with pytest.raises(leases.LeaseLost), transaction.atomic():
        expire_holds(lost)
    assert wallet(ada) == Wallet(100, 60)
    assert loops.registered()["payments.holds"].every <= timedelta(seconds=1)


def test_a_hold_of_one_thing_is_there_once() -> None:
    ada, bo = payer(100), payer(100)
    first = shop.hold(ada, 60, reference="ride-1")
    again = shop.hold(ada, 60, reference="ride-1", expires_at=shop.soon(hours=5))
    assert (again.id, again.is_replay, again.expires_at) == (first.id, True, first.expires_at)
    for changes in ({"amount_minor": 61}, {"currency": "EUR"}, {"payer_id": bo}):
        with pytest.raises(IdempotencyConflict), transaction.atomic():
            shop.hold(**{"payer_id": ada, "amount_minor": 60, "reference": "ride-1"} | changes)
    assert wallet(ada) == Wallet(100, 60)


def test_a_hold_that_was_refused_leaves_nothing() -> None:
    ada = payer(100)
    with pytest.raises(InsufficientFunds), transaction.atomic():
        shop.hold(ada, 101)
    with pytest.raises(HoldEnded), transaction.atomic():
        shop.hold(ada, 10, expires_at=shop.soon(seconds=-1))
    assert not Hold.objects.exists()
    assert wallet(ada) == Wallet(100, 0)


def test_holds_that_nobody_made_are_not_found() -> None:
    for ask in (
        lambda: services.release(hold_id=7),
        lambda: services.capture(hold_id=7, legs=[kept(1)]),
        lambda: services.raise_hold(hold_id=7, amount_minor=1, step="x"),
    ):
        with pytest.raises(NotFound), transaction.atomic():
            ask()


# --- Payments ---------------------------------------------------------------------------------------------------------


def test_one_payment_reaches_people_merchants_escrow_and_us() -> None:
    ada, driver, merchant = payer(1_000), person().user_id, shop.new_merchant()
    payment = shop.pay(ada, to_user(driver, 300), to_merchant(merchant, 250), kept(400), fee(50))
    assert wallet(ada) == Wallet(0, 0)
    assert (wallet(driver).balance_minor, shop.merchant_has(merchant)) == (300, 250)
    assert (house("escrow", "orders"), house("fee")) == (400, 50)
    assert shop.escrow_of(payment.reference) == (400, 0)
    legs = PaymentLeg.objects.filter(payment=payment).order_by("number").values_list("party_kind", "party_id")
    assert list(legs) == [("user", driver), ("merchant", merchant), ("escrow", 0), ("fee", 0)]


def test_two_legs_to_the_same_party_stay_two() -> None:
    ada, merchant = payer(100), shop.new_merchant()
    payment = shop.pay(ada, to_merchant(merchant, 30), to_merchant(merchant, 20))
    assert shop.merchant_has(merchant) == 50
    assert PaymentLeg.objects.filter(payment=payment).count() == 2


def test_the_same_again_is_the_first_and_anything_else_is_refused() -> None:
    ada, merchant = payer(100), shop.new_merchant()
    legs = (to_merchant(merchant, 30), fee(5))
    first = shop.pay(ada, *legs, reference="o1")
    again = shop.pay(ada, *legs, reference="o1")
    assert (again.id, again.is_replay, again.entry_id) == (first.id, True, first.entry_id)
    more, other_way_round = (to_merchant(merchant, 31), fee(5)), (fee(5), to_merchant(merchant, 30))
    for other in (more, (to_merchant(merchant, 35),), other_way_round):
        with pytest.raises(IdempotencyConflict), transaction.atomic():
            shop.pay(ada, *other, reference="o1")
    assert wallet(ada).balance_minor == 65
    second = shop.pay(ada, *legs, reference="o1", step="tip")
    assert second.id != first.id
    assert wallet(ada).balance_minor == 30


@pytest.mark.parametrize("amount", [0, -1, 1.5, "10", True, 2**63, 9_000_000_000_000_001, None])
def test_what_is_no_amount_is_refused_and_nothing_is_written(amount: Any) -> None:
    ada = payer(100)
    for ask in (
        lambda: shop.pay(ada, Leg(ESCROW, amount), approval=None),
        lambda: shop.pay(ada, kept(50), Leg(ESCROW, amount), approval=None),
        lambda: shop.hold(ada, amount, approval=None),
    ):
        with pytest.raises(InvalidAmount), transaction.atomic():
            ask()
    assert wallet(ada) == Wallet(100, 0)
    assert not Payment.objects.exists()
    assert not Hold.objects.exists()


def test_a_refused_payment_takes_the_callers_work_with_it() -> None:
    ada, bo = payer(10), payer(10)

    @transaction.atomic
    def both() -> None:
        shop.pay(bo, kept(5), reference="mine")
        shop.pay(ada, kept(11))

    with pytest.raises(InsufficientFunds):
        both()
    assert (wallet(ada).balance_minor, wallet(bo).balance_minor) == (10, 10)
    assert not Payment.objects.exists()
    assert not Escrow.objects.exists()


def test_nobody_pays_themselves() -> None:
    ada = payer(100)
    with pytest.raises(SameAccount), transaction.atomic():
        shop.pay(ada, to_user(ada, 10))
    with pytest.raises(SameAccount), transaction.atomic():
        shop.pay(ada, to_user(ada, 10), fee(5))
    assert wallet(ada) == Wallet(100, 0)


def test_frozen_people_neither_pay_nor_are_paid() -> None:
    ada, bo = payer(100), payer(100)
    ledger.set_status(account_id=account(bo), status="frozen")
    for ask in (lambda: shop.pay(ada, to_user(bo, 10)), lambda: shop.pay(bo, kept(10)), lambda: shop.hold(bo, 10)):
        with pytest.raises(AccountFrozen), transaction.atomic():
            ask()
    assert (wallet(ada).balance_minor, wallet(bo).balance_minor) == (100, 100)


def test_nobody_is_paid_into_a_closed_wallet() -> None:
    ada, gone = payer(100), person().user_id
    ledger.set_status(account_id=account(gone), status="closed")
    held = shop.hold(ada, 10)
    for ask in (
        lambda: shop.pay(ada, to_user(gone, 10)),
        lambda: services.capture(hold_id=held.id, legs=[to_user(gone, 10)]),
    ):
        with pytest.raises(AccountClosed), transaction.atomic():
            ask()
    assert wallet(ada) == Wallet(100, 10)


def test_what_was_held_before_a_freeze_is_taken_all_the_same() -> None:
    ada, merchant = payer(100), shop.new_merchant()
    held = shop.hold(ada, 60)
    ledger.set_status(account_id=account(ada), status="frozen")
    services.capture(hold_id=held.id, legs=[to_merchant(merchant, 50)])
    assert wallet(ada).balance_minor == 50


def test_payments_are_in_one_currency() -> None:
    ada = payer(100)
    fund(ada, 100, "EUR")
    shop.pay(ada, kept(10), reference="o1")
    with pytest.raises(CurrencyMismatch), transaction.atomic():
        shop.pay(ada, kept(10), reference="o1", step="more", currency="EUR")
    assert wallet(ada, "EUR").balance_minor == 100
    shop.pay(ada, kept(10), reference="o2", currency="EUR")
    assert wallet(ada, "EUR").balance_minor == 90


def test_a_purpose_that_no_app_owns_is_a_mistake_in_the_code() -> None:
    ada = payer(100)
    with pytest.raises(AssertionError, match="no app registered the purpose"), transaction.atomic():
        shop.pay(ada, kept(10), purpose="test.nobodys")
    with pytest.raises(AssertionError, match="money came back"), transaction.atomic():
        shop.pay(ada, kept(10), step="refund of something")


def test_a_payment_takes_few_statements_however_many_legs(django_assert_num_queries: Any) -> None:
    ada, merchant = payer(1_000), shop.new_merchant()
    shop.pay(ada, to_merchant(merchant, 10), approval=None)
    # The row, all accounts, legs, escrow, two of ``authorise``, the ledger, its entry.
    with transaction.atomic(), django_assert_num_queries(8):
        shop.pay(ada, to_merchant(merchant, 10), kept(5), fee(1), fee(2), kept(3), approval=None)


def test_what_was_paid_is_announced() -> None:
    ada = payer(100)
    payment = shop.pay(ada, kept(10))
    shop.pay(ada, kept(10), reference=payment.reference)
    (event,) = shop.told(PaymentMade)
    assert (event.payment_id, event.payer_id, event.amount_minor, event.reference) == (
        payment.id, ada, 10, payment.reference,
    )  # fmt: skip


# --- The payer's say --------------------------------------------------------------------------------------------------


def spent(user_id: int) -> int:
    """What counts for the day's limit."""
    return LimitCounter.objects.get(user_id=user_id, period__startswith="day", currency="CNY").spent_minor


def test_nobody_pays_without_a_pin() -> None:
    ada = person().user_id
    fund(ada, 100)
    for ask in (lambda: shop.pay(ada, kept(10), approval=None), lambda: shop.hold(ada, 10, approval=None)):
        with pytest.raises(PinNotSet), transaction.atomic():
            ask()
    assert wallet(ada) == Wallet(100, 0)


def test_much_money_asks_for_an_approval_of_just_this_thing() -> None:
    ada = payer(100_000)
    for ask in (shop.hold, lambda payer_id, amount, **how: shop.pay(payer_id, kept(amount), **how)):
        with pytest.raises(ApprovalRequired) as refusal, transaction.atomic():
            ask(ada, 30_000, reference="o1", approval=None)
        assert refusal.value.details == {
            "kind": "test.order",
            "payee": "test.order/o1",
            "amount": {"amount": 30_000, "currency": "CNY"},
            "reasons": ["amount"],
        }
        with pytest.raises(ApprovalInvalid), transaction.atomic():
            ask(ada, 30_000, reference="o1", approval=shop.approved(ada, "o2", 30_000))
        approval = shop.approved(ada, "o1", 30_000)
        ask(ada, 30_000, reference="o1", approval=approval)
        # A retry has used it up already, and gets what the first attempt got.
        assert ask(ada, 30_000, reference="o1", approval=approval).is_replay


def test_what_is_added_to_a_hold_is_approved_by_itself() -> None:
    ada = payer(100_000)
    held = shop.hold(ada, 10_000)
    with pytest.raises(ApprovalRequired) as refusal, transaction.atomic():
        services.raise_hold(hold_id=held.id, amount_minor=40_000, step="more")
    assert refusal.value.details["amount"] == {"amount": 30_000, "currency": "CNY"}
    shop.raise_hold(held, 40_000, "more")
    assert wallet(ada) == Wallet(100_000, 40_000)


def test_only_what_was_paid_in_the_end_counts_for_the_limits() -> None:
    ada = payer(1_000)
    held = shop.hold(ada, 300)
    shop.raise_hold(held, 400, "more")
    assert spent(ada) == 400
    payment = services.capture(hold_id=held.id, legs=[kept(250)])
    assert spent(ada) == 250
    released = shop.hold(ada, 100)
    services.release(hold_id=released.id)
    assert spent(ada) == 250
    services.refund(payment_id=payment.id, amount_minor=50, step="1", reason="")
    assert spent(ada) == 200
    shop.settle(payment.reference, fee(100))
    assert spent(ada) == 200


def test_what_was_held_yesterday_gives_no_room_today() -> None:
    ada = payer(1_000)
    held = shop.hold(ada, 300)
    Hold.objects.filter(id=held.id).update(created_at=held.created_at - timedelta(days=1))
    payment = services.capture(hold_id=held.id, legs=[kept(250)])
    shop.refund(payment, 100)
    assert spent(ada) == 300


def test_nobody_pays_more_on_a_day_than_they_may() -> None:
    ada = payer(2_000_000)
    for _ in range(2):
        shop.pay(ada, kept(500_000))
    with pytest.raises(LimitExceeded) as refusal, transaction.atomic():
        shop.hold(ada, 1)
    assert refusal.value.details["which"] == "day"
    assert wallet(ada) == Wallet(1_000_000, 0)


# --- Settlements ------------------------------------------------------------------------------------------------------


def test_escrow_is_settled_to_anybody_and_no_more_than_came_in() -> None:
    ada, bo, driver, merchant = payer(100), payer(100), person().user_id, shop.new_merchant()
    shop.pay(ada, kept(60), reference="group", step="ada")
    shop.pay(bo, kept(40), reference="group", step="bo")
    settled = shop.settle("group", to_merchant(merchant, 70), to_user(driver, 10), fee(5))
    assert (settled.payer_id, settled.amount_minor) == (None, 85)
    assert shop.escrow_of("group") == (100, 85)
    assert (shop.merchant_has(merchant), wallet(driver).balance_minor, house("fee")) == (70, 10, 5)
    with pytest.raises(EscrowTooLow) as refusal, transaction.atomic():
        shop.settle("group", to_merchant(merchant, 16), step="rest")
    assert refusal.value.details == {"left": {"amount": 15, "currency": "CNY"}}
    assert shop.settle("group", to_merchant(merchant, 15), step="rest").amount_minor == 15
    assert house("escrow", "orders") == 0


def test_a_settlement_is_repeatable_even_when_nothing_is_left() -> None:
    ada, merchant = payer(100), shop.new_merchant()
    shop.pay(ada, kept(60), reference="o1")
    first = shop.settle("o1", to_merchant(merchant, 60))
    again = shop.settle("o1", to_merchant(merchant, 60))
    assert (again.id, again.is_replay) == (first.id, True)
    with pytest.raises(IdempotencyConflict), transaction.atomic():
        shop.settle("o1", to_merchant(merchant, 59))
    assert shop.merchant_has(merchant) == 60


def test_nothing_leaves_the_escrow_of_another_thing() -> None:
    ada, merchant = payer(100), shop.new_merchant()
    shop.pay(ada, kept(60), reference="o1")
    with pytest.raises(NotFound), transaction.atomic():
        shop.settle("o2", to_merchant(merchant, 1))
    assert shop.merchant_has(merchant) == 0


def test_the_database_lets_no_more_leave_than_came_in() -> None:
    ada = payer(100)
    shop.pay(ada, kept(60), reference="o1")
    with pytest.raises(IntegrityError, match="payments_escrow_no_more_than_came_in"), transaction.atomic():
        Escrow.objects.filter(reference="o1").update(paid_out_minor=61)


# --- The check --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE payments_hold SET amount_minor = 31 WHERE state = 'open'", "hold {hold} is open 31 here and open 30"),
        ("UPDATE payments_hold SET state = 'captured', ended_at = now()", "hold {hold} is captured"),
        ("UPDATE payments_payment SET amount_minor = 99 WHERE step = 'pay'", "payment {payment} is 99"),
        ("UPDATE payments_payment_leg SET amount_minor = 41 WHERE amount_minor = 40", "payment {payment} paid 41"),
        ("UPDATE payments_payment SET refunded_minor = 7 WHERE step = 'pay'", "payment {payment} has 7 refunded"),
        ("UPDATE payments_refund SET parts_minor = '[5, 5]'", "leg 0 of payment {payment} gave 10, and the parts"),
        ("UPDATE payments_escrow SET paid_out_minor = 0", "has 60 in and 0 out, and its payments say 60 and 30"),
        ("UPDATE payments_escrow SET paid_in_minor = 61", "in escrow for orders are 30 CNY in the ledger, and 31 by"),
    ],
)
def test_the_check_finds_what_is_wrong(statement: str, says: str) -> None:
    ada, merchant = payer(1_000), shop.new_merchant()
    held = shop.hold(ada, 30)
    payment = shop.pay(ada, kept(60), to_merchant(merchant, 40))
    shop.refund(payment, 10)
    shop.settle(payment.reference, to_merchant(merchant, 20))
    with undone(), connection.cursor() as cursor:
        cursor.execute(statement)
        found = problems()
        assert any(says.format(hold=held.id, payment=payment.id) in problem for problem in found), found


@contextmanager
def undone() -> Iterator[None]:
    mark = transaction.savepoint()
    yield
    transaction.savepoint_rollback(mark)


def test_accounts_are_opened_in_one_order_by_everybody() -> None:
    """Two who pay the same new ones at once would wait for each other else, each in the order of its process."""
    parties = [Party.user(new_id()) for _ in range(6)] + [Party.merchant(new_id()) for _ in range(6)]
    found = accounts(random.sample(parties, 12), "CNY")
    opened = list(Account.objects.filter(id__in=found.values()).order_by("id").values_list("kind", "owner"))
    assert opened == sorted([("merchant", party.id) for party in parties[6:]]) + sorted(
        [("wallet", party.id) for party in parties[:6]]
    )


def test_what_should_have_been_given_free_is_noticed() -> None:
    held = shop.hold(payer(100), 60)
    assert selectors.overdue_holds(timedelta(minutes=1)) == 0
    Hold.objects.filter(id=held.id).update(expires_at=Now() - timedelta(minutes=2))
    assert selectors.overdue_holds(timedelta(minutes=1)) == 1
