"""Money that goes back: how much, out of whose account, and how often."""

import math
from itertools import pairwise
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from payments import selectors, services
from payments.api.payment_serializers import PaymentOutput
from payments.errors import AccountFrozen, InvalidAmount, PayeeShort, RefundTooHigh, TooManyRefunds
from payments.events import PaymentRefunded
from payments.leaving.payments import copy_of_payments, under_way
from payments.ledger import selectors as ledgers
from payments.ledger import services as ledger
from payments.ledger.services import Line
from payments.legs import accounts
from payments.models import Payment, Refund
from payments.refunding import sources
from payments.services import Party
from superapp.core.errors import IdempotencyConflict, NotFound
from superapp.core.ids import new_id
from tests.messaging.api import Api
from tests.messaging.conftest import Wire, wire  # noqa: F401  (a fixture)
from tests.payments import shop
from tests.payments.money import account, house, wallet
from tests.payments.payers import payer, paying_person
from tests.payments.shop import fee, kept, refund, to_merchant, to_user
from tests.realtime.people import Device, person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_was_announced_before() -> None:
    shop.announced.clear()


def withdraw(organisation_id: int, amount_minor: int) -> None:
    """The merchant's money goes to their bank."""
    (account_id,) = accounts([Party.merchant(organisation_id)], "CNY").values()
    bank = ledger.house_account("world", "CNY", "banks")
    ledger.post(
        lines=[Line(account_id, -amount_minor), Line(bank, amount_minor)],
        purpose="payments.adjustment", reference=shop.new_reference(), step="withdraw",
    )  # fmt: skip


# --- How much ---------------------------------------------------------------------------------------------------------


def test_part_after_part_goes_back_until_nothing_is_left() -> None:
    ada, merchant = payer(100), shop.new_merchant()
    payment = shop.pay(ada, to_merchant(merchant, 100))
    assert refund(payment, 60, "1").amount_minor == 60
    with pytest.raises(RefundTooHigh) as refusal, transaction.atomic():
        refund(payment, 60, "2")
    assert refusal.value.details == {"left": {"amount": 40, "currency": "CNY"}}
    refund(payment, 40, "2")
    with pytest.raises(RefundTooHigh), transaction.atomic():
        refund(payment, 1, "3")
    assert (wallet(ada).balance_minor, shop.merchant_has(merchant)) == (100, 0)
    payment.refresh_from_db()
    assert (payment.refunded_minor, payment.refund_count) == (100, 2)


@pytest.mark.parametrize("amount", [0, -60, 1.5, "60", True, 2**63, None])
def test_what_is_no_amount_does_not_go_back(amount: Any) -> None:
    ada, merchant = payer(100), shop.new_merchant()
    payment = shop.pay(ada, to_merchant(merchant, 100))
    with pytest.raises(InvalidAmount), transaction.atomic():
        refund(payment, amount)
    assert (wallet(ada).balance_minor, shop.merchant_has(merchant)) == (0, 100)


def test_the_fifty_first_part_is_refused() -> None:
    ada, merchant = payer(100), shop.new_merchant()
    payment = shop.pay(ada, to_merchant(merchant, 100))
    for number in range(50):
        refund(payment, 1, str(number))
    with pytest.raises(TooManyRefunds), transaction.atomic():
        refund(payment, 1, "50")
    assert refund(payment, 1, "49").is_replay
    assert wallet(ada).balance_minor == 50


def test_a_refund_is_repeatable_and_two_equal_ones_are_two() -> None:
    ada, merchant = payer(100), shop.new_merchant()
    payment = shop.pay(ada, to_merchant(merchant, 100))
    first, again, second = refund(payment, 10, "1"), refund(payment, 10, "1"), refund(payment, 10, "2")
    assert (again.id, again.is_replay, second.id != first.id) == (first.id, True, True)
    for changes in ({"amount_minor": 11}, {"reason": "another"}):
        with pytest.raises(IdempotencyConflict), transaction.atomic():
            refund(payment, **{"amount_minor": 10, "step": "1"} | changes)
    assert wallet(ada).balance_minor == 20


def test_what_was_never_paid_is_not_found() -> None:
    with pytest.raises(NotFound), transaction.atomic():
        services.refund(payment_id=7, amount_minor=1, step="1", reason="")


# --- Out of what ------------------------------------------------------------------------------------------------------


def test_everybody_who_got_something_gives_in_proportion() -> None:
    ada, driver, merchant = payer(1_000), person().user_id, shop.new_merchant()
    payment = shop.pay(ada, to_user(driver, 700), to_merchant(merchant, 200), fee(100))
    made = refund(payment, 501)
    assert made.parts_minor == [351, 100, 50]
    assert (wallet(driver).balance_minor, shop.merchant_has(merchant), house("fee")) == (349, 100, 50)
    assert refund(payment, 499, "2").parts_minor == [349, 100, 50]
    assert wallet(ada).balance_minor == 1_000


def test_what_is_still_in_escrow_goes_back_first() -> None:
    ada = payer(100)
    payment = shop.pay(ada, kept(90), fee(10))
    assert refund(payment, 80).parts_minor == [80, 0]
    assert shop.escrow_of(payment.reference) == (90, 80)
    assert refund(payment, 15, "2").parts_minor == [10, 5]
    assert (house("escrow", "orders"), house("fee")) == (0, 5)


def test_what_has_left_escrow_comes_from_whoever_it_was_settled_to() -> None:
    ada, merchant = payer(100), shop.new_merchant()
    payment = shop.pay(ada, kept(90), fee(10))
    settled = shop.settle(payment.reference, to_merchant(merchant, 60), fee(10))
    # 20 are still in escrow; of the other 40 the first payment's fee gives its share of what is left.
    made = refund(payment, 60)
    assert made.parts_minor == [55, 5]
    (of_settlement,) = Refund.objects.filter(payment=settled)
    assert (of_settlement.amount_minor, of_settlement.parts_minor) == (35, [30, 5])
    assert (of_settlement.through_id, of_settlement.entry_id) == (made.id, made.entry_id)
    assert (shop.merchant_has(merchant), house("fee"), house("escrow", "orders")) == (30, 10, 0)
    assert shop.escrow_of(payment.reference) == (90, 90)
    settled.refresh_from_db()
    assert (settled.refunded_minor, settled.refund_count) == (35, 0)
    refund(payment, 40, "2")
    assert (wallet(ada).balance_minor, shop.merchant_has(merchant), house("fee")) == (100, 0, 0)


def test_a_settlement_can_be_taken_back_into_escrow_and_settled_again() -> None:
    ada, wrong, right = payer(100), shop.new_merchant(), shop.new_merchant()
    payment = shop.pay(ada, kept(100))
    settled = shop.settle(payment.reference, to_merchant(wrong, 95), fee(5))
    made = refund(settled, 100, reason="The wrong shop")
    assert made.parts_minor == [95, 5]
    assert (shop.escrow_of(payment.reference), shop.merchant_has(wrong), house("fee")) == ((100, 0), 0, 0)
    shop.settle(payment.reference, to_merchant(right, 100), step="again")
    refund(payment, 100)
    assert (wallet(ada).balance_minor, shop.merchant_has(right)) == (100, 0)


def test_friends_who_paid_together_each_get_back_their_own() -> None:
    ada, bo, merchant = payer(60), payer(40), shop.new_merchant()
    of_ada = shop.pay(ada, kept(60), reference="group", step="ada")
    of_bo = shop.pay(bo, kept(40), reference="group", step="bo")
    shop.settle("group", to_merchant(merchant, 70))
    refund(of_bo, 40)
    assert (wallet(bo).balance_minor, shop.merchant_has(merchant), shop.escrow_of("group")) == (40, 60, (100, 100))
    refund(of_ada, 60)
    assert (wallet(ada).balance_minor, shop.merchant_has(merchant)) == (60, 0)


@given(data=st.data())
def test_nobody_gives_more_than_they_have_left_and_all_of_it_is_given(data: st.DataObject) -> None:
    """Of pure sums: whatever was paid in, settled and given back before."""
    legs = data.draw(st.lists(st.tuples(st.booleans(), st.integers(0, 500)), min_size=1, max_size=5))
    others_in_escrow = data.draw(st.integers(0, 300))
    in_all = others_in_escrow + sum(left for into_escrow, left in legs if into_escrow)
    settled = data.draw(st.integers(0, in_all))
    cuts = sorted(data.draw(st.lists(st.integers(0, settled), max_size=4)))
    parts = [high - low for low, high in pairwise([0, *cuts, settled])]
    settlements = {number: parts[number::3] for number in range(3) if parts[number::3]}
    left = sum(left for _, left in legs)
    amount = data.draw(st.integers(min(1, left), left))
    if not amount:
        return
    found = sources(amount, legs=legs, in_escrow=in_all - settled, settlements=settlements)
    assert sum(found.legs) == amount
    assert all(0 <= part <= leg for part, (_, leg) in zip(found.legs, legs, strict=True))
    into_escrow = sum(part for part, (is_escrow, _) in zip(found.legs, legs, strict=True) if is_escrow)
    given_back = sum(map(sum, found.settlements.values()))
    assert into_escrow == found.out_of_escrow + given_back
    assert 0 <= found.out_of_escrow <= in_all - settled
    for number, share in found.settlements.items():
        assert all(0 <= part <= leg for part, leg in zip(share, settlements[number], strict=True))
    # Nobody else is asked while there is something in escrow of what was paid into it.
    if amount <= min(in_all - settled, sum(left for is_escrow, left in legs if is_escrow)):
        assert found.out_of_escrow == amount
    assert math.fsum(found.legs) == amount


# --- Who is short, frozen or gone -------------------------------------------------------------------------------------


def test_a_merchant_who_has_spent_it_does_not_go_below_zero() -> None:
    ada, merchant = payer(100), shop.new_merchant()
    payment = shop.pay(ada, to_merchant(merchant, 90), fee(10))
    withdraw(merchant, 60)
    with pytest.raises(PayeeShort), transaction.atomic():
        refund(payment, 50)
    payment.refresh_from_db()
    assert (payment.refunded_minor, payment.refund_count, shop.merchant_has(merchant)) == (0, 0, 30)
    assert (wallet(ada).balance_minor, house("fee")) == (0, 10)
    # The next sale makes the refund possible.
    shop.pay(payer(30), to_merchant(merchant, 30))
    refund(payment, 50)
    assert (wallet(ada).balance_minor, shop.merchant_has(merchant)) == (50, 15)


def test_a_person_who_has_spent_it_does_not_go_below_zero() -> None:
    ada, driver = payer(100), payer(1)
    payment = shop.pay(ada, to_user(driver, 100))
    shop.pay(driver, kept(50))
    with pytest.raises(PayeeShort), transaction.atomic():
        refund(payment, 60)
    assert (wallet(ada).balance_minor, wallet(driver).balance_minor) == (0, 51)


def test_a_refund_reaches_a_frozen_wallet_where_nothing_of_it_can_be_spent() -> None:
    ada, merchant = payer(100), shop.new_merchant()
    payment = shop.pay(ada, to_merchant(merchant, 100))
    ledger.set_status(account_id=account(ada), status="frozen")
    refund(payment, 60)
    found = ledgers.balance(account(ada))
    assert (found.balance_minor, found.available_minor) == (60, 0)


def test_nothing_is_taken_out_of_a_frozen_wallet() -> None:
    ada, driver = payer(100), person().user_id
    payment = shop.pay(ada, to_user(driver, 100))
    ledger.set_status(account_id=account(driver), status="frozen")
    with pytest.raises(AccountFrozen), transaction.atomic():
        refund(payment, 60)
    assert wallet(driver).balance_minor == 100


# --- What people see --------------------------------------------------------------------------------------------------


def test_the_payer_sees_the_payment_and_what_came_back() -> None:
    ada, driver = paying_person(100), person()
    payment = shop.pay(ada.user_id, to_user(driver.user_id, 90), fee(10), reference="abcdef")
    made = refund(payment, 30, reason="A long way round")
    seen = Api(ada).get(f"payments/{payment.id}/")
    created_at, refunded_at = seen.pop("created_at"), seen["refunds"][0].pop("created_at")
    assert created_at.endswith("Z")
    assert refunded_at >= created_at
    assert seen == {
        "id": str(payment.id),
        "purpose": "test.order",
        "reference": "abcdef",
        "role": "payer",
        "amount": {"amount": 100, "currency": "CNY"},
        "refunded": {"amount": 30, "currency": "CNY"},
        "title": "Order abcd",
        "counterparty": "Test shop",
        "note": "",
        "data": {"viewer": ada.id},
        "refunds": [{"id": str(made.id), "amount": {"amount": 30, "currency": "CNY"}, "reason": "A long way round"}],
    }


def test_a_person_who_was_paid_sees_their_part_and_others_nothing() -> None:
    ada, driver, stranger = paying_person(100), person(), person()
    payment = shop.pay(ada.user_id, to_user(driver.user_id, 90), fee(10))
    refund(payment, 30, reason="A long way round")
    seen = Api(driver).get(f"payments/{payment.id}/")
    assert (seen["role"], seen["amount"]["amount"], seen["refunded"]["amount"]) == ("payee", 90, 27)
    assert [(one["amount"]["amount"], one["reason"]) for one in seen["refunds"]] == [(27, "")]
    assert Api(stranger).refused("GET", f"payments/{payment.id}/") == (404, "not_found")
    assert Api(ada).refused("GET", "payments/7/") == (404, "not_found")


def test_a_settlement_is_seen_by_the_person_it_was_paid_to() -> None:
    ada, driver = paying_person(100), person()
    shop.pay(ada.user_id, kept(100), reference="o1")
    settled = shop.settle("o1", to_user(driver.user_id, 80), fee(20))
    assert Api(driver).get(f"payments/{settled.id}/")["amount"]["amount"] == 80
    assert Api(ada).refused("GET", f"payments/{settled.id}/") == (404, "not_found")


def test_pushes_to_the_payer_say_what_a_fetch_would_show(wire: Wire) -> None:  # noqa: F811  (a fixture)
    ada, driver = paying_person(100), person()
    payment = shop.pay(ada.user_id, to_user(driver.user_id, 90), fee(10))
    assert updates(wire) == [([f"user:{ada.id}"], Api(ada).get(f"payments/{payment.id}/"))]
    refund(payment, 30)
    assert updates(wire) == [([f"user:{ada.id}"], Api(ada).get(f"payments/{payment.id}/"))]
    (event,) = shop.told(PaymentRefunded)
    assert (event.payment_id, event.payer_id, event.amount_minor) == (payment.id, ada.user_id, 30)


def updates(wire: Wire) -> list[Any]:  # noqa: F811  (a fixture)
    return [(topics, frame["payload"]) for topics, frame in wire.pushes() if frame["type"] == "payment.updated"]


def test_what_is_shown_is_what_the_schema_says() -> None:
    ada, driver = payer(100), person().user_id
    payment = shop.pay(ada, to_user(driver, 90), fee(10))
    refund(payment, 30, reason="A long way round")
    for viewer_id in (ada, driver):
        frame = selectors.payment_frame(viewer_id=viewer_id, payment_id=payment.id)
        fields = PaymentOutput().fields
        assert list(frame) == list(fields)
        assert list(frame["refunds"][0]) == list(fields["refunds"].child.fields)


def test_people_take_a_copy_of_what_they_paid_and_earned() -> None:
    ada, driver = payer(100), person().user_id
    payment = shop.pay(ada, to_user(driver, 40), fee(10), reference="ride")
    refund(payment, 25, reason="A long way round")
    held = shop.hold(ada, 20, reference="meal")
    (_, holds), (_, paid), (_, earned) = copy_of_payments(ada)
    assert [(row["reference"], row["amount"]["amount"], row["state"]) for row in holds.rows] == [("meal", 20, "open")]
    ((of_ada,), own) = list(paid.rows), list(earned.rows)
    assert (of_ada["id"], of_ada["amount"]["amount"], own) == (str(payment.id), 50, [])
    assert [(one["amount"]["amount"], one["reason"]) for one in of_ada["refunds"]] == [(25, "A long way round")]
    (_, _), (_, _), (_, earned) = copy_of_payments(driver)
    assert [(row["amount"]["amount"], row["refunded"]["amount"]) for row in earned.rows] == [(40, 20)]
    assert [blocker.code for blocker in under_way(ada)] == ["money_held"]
    services.release(hold_id=held.id)
    assert under_way(ada) == []


def test_nobody_leaves_while_what_they_paid_waits_in_escrow() -> None:
    """Their wallet would be closed, so that what is given back later would find nobody."""
    ada, shop_keeper = payer(100), shop.new_merchant()
    payment = shop.pay(ada, kept(60), to_merchant(shop_keeper, 40), reference="order")
    assert [blocker.code for blocker in under_way(ada)] == ["money_held"]
    shop.settle("order", to_merchant(shop_keeper, 20))
    assert [blocker.code for blocker in under_way(ada)] == ["money_held"]
    refund(payment, 40)
    assert under_way(ada) == []
    # Of another one nothing is there any more.
    shop.pay(ada, kept(10), reference="meal")
    shop.settle("meal", to_merchant(shop_keeper, 10))
    assert under_way(ada) == []


def test_receipts_name_the_payment_that_their_reader_may_see() -> None:
    ada, driver = paying_person(100), person()
    payment = shop.pay(ada.user_id, kept(100), reference="ride")
    settled = shop.settle("ride", to_user(driver.user_id, 80), fee(20))
    made = refund(payment, 10)

    def named(who: Device, entry_id: int | None) -> str | None:
        found: str | None = Api(who).get(f"wallet/statement/{entry_id}/")["payment_id"]
        return found

    assert named(ada, payment.entry_id) == str(payment.id)
    assert named(driver, settled.entry_id) == str(settled.id)
    # One entry, of which the payer sees their payment and the driver what was paid to them.
    assert (named(ada, made.entry_id), named(driver, made.entry_id)) == (str(payment.id), str(settled.id))
    opening = Api(ada).get("wallet/statement/?currency=CNY")["results"][-1]
    assert (opening["purpose"], named(ada, opening["id"])) == ("payments.opening", None)


def test_a_product_that_is_broken_keeps_nobody_from_what_they_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    ada = payer(100)
    payment = shop.pay(ada, kept(100))
    monkeypatch.setattr(shop, "is_broken", True)
    assert selectors.payment_frame(viewer_id=ada, payment_id=payment.id)["title"] == "Order"


def test_what_was_settled_to_very_many_is_given_back_by_all_of_them() -> None:
    ada, reference = payer(300), shop.new_reference()
    payment = shop.pay(ada, kept(300), reference=reference)
    people = [new_id() for _ in range(150)]
    for number in range(3):
        fifty = people[number * 50 : number * 50 + 50]
        shop.settle(reference, *(to_user(user_id, 2) for user_id in fifty), step=f"settle {number}")
    refund(payment, 150, "half")
    assert {wallet(user_id).balance_minor for user_id in people} == {1}
    refund(payment, 150, "rest")
    assert (wallet(ada).balance_minor, Payment.objects.get(id=payment.id).left_minor) == (300, 0)
