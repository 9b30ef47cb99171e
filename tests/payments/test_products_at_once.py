"""Payments to products under real concurrency: threads, and commits."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from payments import services
from payments.errors import EscrowTooLow, HoldEnded, InsufficientFunds, PayeeShort, RefundTooHigh
from payments.events import HoldExpired
from payments.ledger import services as ledger
from payments.ledger.models import Account
from payments.legs import accounts
from payments.models import Hold, LimitCounter, Payment, Refund
from payments.services import Party
from payments.services.expiry import expire_holds
from superapp.core import leases, loops
from tests.core.waiting import until
from tests.messaging.threads import at_once, somebody_holds
from tests.payments import shop
from tests.payments.money import Wallet, house, wallet
from tests.payments.payers import payer
from tests.payments.shop import fee, kept, refund, to_merchant, to_user
from tests.sizes import sizes

pytestmark = pytest.mark.usefixtures("committed_db")


def outcomes(found: list[Any]) -> Counter[str]:
    """What they raised, or what they returned, by its class."""
    return Counter(type(one).__name__ for one in found)


def test_one_key_many_times_at_once_is_one_payment() -> None:
    ada, merchant = payer(1_000), shop.new_merchant()
    reference = shop.new_reference()
    found = at_once([lambda: shop.pay(ada, to_merchant(merchant, 95), fee(5), reference=reference)] * 20)
    assert outcomes(found) == {"Payment": 20}
    assert len({payment.id for payment in found}) == 1
    assert sum(not payment.is_replay for payment in found) == 1
    assert (wallet(ada).balance_minor, shop.merchant_has(merchant)) == (900, 95)


def test_one_key_with_two_amounts_is_one_payment() -> None:
    ada = payer(1_000)
    reference = shop.new_reference()
    found = at_once([lambda n=n: shop.pay(ada, kept(100 + n), reference=reference) for n in [0, 1] * 8])  # type: ignore[misc]
    assert outcomes(found) == {"Payment": 8, "IdempotencyConflict": 8}
    (payment,) = Payment.objects.filter(reference=reference)
    assert wallet(ada).balance_minor == 1_000 - payment.amount_minor


def test_nobody_spends_the_same_money_twice() -> None:
    ada = payer(100)
    work: list[Any] = [lambda: shop.pay(ada, kept(10))] * 12 + [lambda: shop.hold(ada, 10)] * 12
    random.shuffle(work)
    found = at_once(work)
    assert sum(isinstance(one, InsufficientFunds) for one in found) == 14
    spent = sum(isinstance(one, Payment) for one in found)
    assert wallet(ada) == Wallet(100 - spent * 10, 100 - spent * 10)


def test_a_hold_ends_once_whoever_comes_first() -> None:
    for _ in range(sizes.hold_endings):
        ada, merchant = payer(100), shop.new_merchant()
        held = shop.hold(ada, 60)
        work: list[Any] = [lambda: services.capture(hold_id=held.id, legs=[to_merchant(merchant, 40)])] * 4  # noqa: B023
        work += [lambda: services.capture(hold_id=held.id, legs=[to_merchant(merchant, 50)], step="other")] * 2  # noqa: B023
        work += [lambda: services.release(hold_id=held.id)] * 3  # noqa: B023
        random.shuffle(work)
        found = at_once(work)
        held.refresh_from_db()
        got = shop.merchant_has(merchant)
        assert {type(one) for one in found} <= {Payment, HoldEnded, type(None)}
        assert (held.state, got) in {("captured", 40), ("captured", 50), ("released", 0)}
        assert wallet(ada) == Wallet(100 - got, 0)


def test_what_expires_while_it_is_captured_is_taken_or_given_free_and_never_both() -> None:
    lease = leases.claim(name="payments.holds", shard="0", ttl=timedelta(seconds=60))
    assert lease is not None
    for _ in range(sizes.hold_endings):
        ada, merchant = payer(100), shop.new_merchant()
        held = shop.short_hold(ada)

        def capture() -> Any:
            return services.capture(hold_id=held.id, legs=[to_merchant(merchant, 60)])  # noqa: B023

        def sweep() -> Any:
            while timezone.now() < held.expires_at:  # noqa: B023
                pass
            return expire_holds(lease)

        def late() -> Any:
            while (timezone.now() - held.expires_at).total_seconds() < random.uniform(-0.01, 0.01):  # noqa: B023
                pass
            return capture()

        at_once([sweep, late, late, sweep])
        expire_holds(lease)
        held.refresh_from_db()
        got = shop.merchant_has(merchant)
        assert (held.state, got) in {("captured", 60), ("expired", 0)}
        assert wallet(ada) == Wallet(100 - got, 0)
    lease.release()


def test_the_loop_gives_free_what_nobody_takes_and_the_product_is_told() -> None:
    ada = payer(100)
    held = shop.short_hold(ada)
    shop.announced.clear()
    runner = loops.Runner(only=["payments.holds"])
    working = threading.Thread(target=runner.run)
    working.start()
    try:
        until(lambda: wallet(ada).held_minor == 0)
    finally:
        runner.stop()
        working.join()
    held.refresh_from_db()
    assert held.state == "expired"
    assert [event.hold_id for event in shop.told(HoldExpired)] == [held.id]


def test_one_that_cannot_be_given_free_keeps_no_other_waiting() -> None:
    ada, bo = payer(100), payer(100)
    busy, fine = shop.short_hold(ada), shop.short_hold(bo)
    until(lambda: timezone.now() > fine.expires_at)
    with somebody_holds(LimitCounter.objects.filter(user_id=ada)):
        assert shop.expire() == 1
    assert (wallet(ada).held_minor, wallet(bo).held_minor) == (busy.amount_minor, 0)
    assert shop.expire() == 1


def test_two_refunds_of_more_than_half_are_one() -> None:
    ada, merchant = payer(100), shop.new_merchant()
    payment = shop.pay(ada, to_merchant(merchant, 100))
    found = at_once([lambda n=n: refund(payment, 60, str(n)) for n in range(6)])  # type: ignore[misc]
    assert outcomes(found) == {"Refund": 1, "RefundTooHigh": 5}
    assert (wallet(ada).balance_minor, shop.merchant_has(merchant)) == (60, 40)


def test_one_refund_many_times_at_once_is_one() -> None:
    ada, merchant = payer(100), shop.new_merchant()
    payment = shop.pay(ada, to_merchant(merchant, 100))
    found = at_once([lambda: refund(payment, 30)] * 12)
    assert len({one.id for one in found}) == 1
    assert wallet(ada).balance_minor == 30


def test_escrow_is_settled_once_and_no_more_leaves_than_came_in() -> None:
    ada, merchant = payer(100), shop.new_merchant()
    reference = shop.pay(ada, kept(100)).reference
    found = at_once([lambda: shop.settle(reference, to_merchant(merchant, 60))] * 6)
    assert len({one.id for one in found}) == 1
    found = at_once([lambda n=n: shop.settle(reference, to_merchant(merchant, 15), step=f"{n}") for n in range(6)])  # type: ignore[misc]
    assert outcomes(found) == {"Payment": 2, "EscrowTooLow": 4}
    assert (shop.merchant_has(merchant), shop.escrow_of(reference)) == (90, (100, 90))


def test_settlements_and_refunds_of_friends_at_once_lose_nothing() -> None:
    """Everything that can touch one escrow, in no order: nobody waits for somebody who waits for them."""
    friends = [payer(100) for _ in range(4)]
    merchant, driver = shop.new_merchant(), payer(1)
    reference = shop.new_reference()
    payments = [shop.pay(friend, kept(90), fee(10), reference=reference, step=f"{friend}") for friend in friends]
    fees = house("fee")
    work: list[Any] = [
        lambda n=n: shop.settle(reference, to_merchant(merchant, 40), to_user(driver, 20), step=f"s{n}")
        for n in range(5)
    ]
    work += [lambda p=p, n=n: refund(p, 35, f"{n}") for p in payments for n in range(3)]
    random.shuffle(work)
    found = at_once(work)
    assert {type(one) for one in found} <= {Payment, Refund, EscrowTooLow, RefundTooHigh, PayeeShort}
    assert not [one for one in found if isinstance(one, RefundTooHigh) and one.details["left"]["amount"] >= 35]
    back = sum(wallet(friend).balance_minor for friend in friends)
    paid_in, paid_out = shop.escrow_of(reference)
    given_by_fee = fees - house("fee")
    paid = shop.merchant_has(merchant) + wallet(driver).balance_minor - 1
    assert back + paid + paid_in - paid_out == 360 + given_by_fee
    settled = Payment.objects.filter(reference=reference, payer_id=None)
    for one in settled:
        taken_back = at_once([lambda one=one: refund(one, one.left_minor or 1, "back")] * 2)  # type: ignore[misc]
        assert {type(answer) for answer in taken_back} <= {Refund, RefundTooHigh}


def test_one_merchant_is_paid_by_everybody_while_some_of_it_goes_back(
    soak_figure: Callable[[str, float], None],
) -> None:
    """Nobody waits for the merchant's account, and in the end it has what it should to the last cent."""
    merchant, each = shop.new_merchant(), sizes.rush_payments // 8
    payers = [payer(each * 10 + 10) for _ in range(8)]

    def rush(payer_id: int) -> int:
        given_back = 0
        for number in range(each):
            payment = shop.pay(payer_id, to_merchant(merchant, 9), fee(1))
            if number % 4 == 3:
                refund(payment, 5)
                given_back += 5
        return given_back

    began = time.monotonic()
    given_back = at_once([lambda who=who: rush(who) for who in payers])  # type: ignore[misc]
    soak_figure("payments_to_one_merchant_per_s", sizes.rush_payments / (time.monotonic() - began))
    assert sum(wallet(who).balance_minor for who in payers) == 80 + sum(given_back)
    # Nine parts in ten of five are four and a half: the whole cent goes to the first leg.
    assert shop.merchant_has(merchant) == 8 * each * 9 - sum(given_back)
    account_id = accounts([Party.merchant(merchant)], "CNY")[Party.merchant(merchant)]
    while ledger.fold(account_id=account_id):
        pass
    assert Account.objects.get(id=account_id).balance_minor == shop.merchant_has(merchant)


def test_somebody_pays_and_is_given_back_for_the_same_thing_at_once() -> None:
    """Both touch its escrow and the person's limits."""
    ada = payer(10_000)
    reference = shop.new_reference()
    first = shop.pay(ada, kept(1_000), reference=reference)
    work: list[Any] = [lambda n=n: shop.pay(ada, kept(10), reference=reference, step=f"{n}") for n in range(10)]
    work += [lambda n=n: refund(first, 20, f"{n}") for n in range(10)]
    random.shuffle(work)
    assert outcomes(at_once(work)) == {"Payment": 10, "Refund": 10}
    assert wallet(ada).balance_minor == 9_100
    assert shop.escrow_of(reference) == (1_100, 200)


def test_a_payment_that_was_rolled_back_is_made_by_its_retry() -> None:
    ada = payer(100)
    reference = shop.new_reference()

    def fails() -> None:
        with transaction.atomic():
            shop.pay(ada, kept(10), reference=reference)
            raise RuntimeError("no table free")

    found = at_once([fails, lambda: shop.pay(ada, kept(10), reference=reference)] * 6)
    assert outcomes(found) == {"RuntimeError": 6, "Payment": 6}
    assert wallet(ada).balance_minor == 90
    assert Hold.objects.filter(payer_id=ada).count() == 0
