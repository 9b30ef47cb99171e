"""What each primitive of the ledger moves, refuses and repeats."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from payments.ledger import errors, functions, selectors
from payments.ledger import services as ledger
from payments.ledger.models import Entry, Hold, Posting
from superapp.core import leases
from superapp.core.errors import DomainError, IdempotencyConflict, NotFound
from superapp.core.ids import new_id
from superapp.core.money import MAX_AMOUNT_MINOR
from tests.payments.money import account, fund, house, lines

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> int:
    return fund(new_id(), 1_000)


@pytest.fixture
def bo() -> int:
    return fund(new_id(), 500)


def send(debit: int, credit: int, amount: int, **given: Any) -> ledger.Posted:
    key = {"purpose": "test", "reference": str(uuid4()), "step": "send", "currency": "CNY"} | given
    return ledger.transfer(debit_account_id=debit, credit_account_id=credit, amount_minor=amount, **key)


def hold(account_id: int, amount: int, **given: Any) -> int:
    key = {"purpose": "test", "reference": str(uuid4()), "currency": "CNY", "expires_at": soon()} | given
    return ledger.hold(account_id=account_id, amount_minor=amount, **key)


def capture(hold_id: int, *legs: tuple[int, int], **given: Any) -> ledger.Posted:
    key = {"purpose": "test", "reference": str(uuid4()), "step": "capture"} | given
    return ledger.capture(hold_id=hold_id, lines=lines(*legs), **key)


def soon() -> Any:
    return timezone.now() + timedelta(hours=1)


def stands(*account_ids: int) -> list[tuple[int, int]]:
    """Balance and held of each."""
    found = selectors.balances(account_ids)
    return [(found[id].balance_minor, found[id].held_minor) for id in account_ids]


def refused(error: type[DomainError], call: Any, *arguments: Any, **given: Any) -> None:
    """It raises, and nothing of it stays."""
    before = (Entry.objects.count(), Posting.objects.count(), Hold.objects.count())
    with pytest.raises(error), transaction.atomic():
        call(*arguments, **given)
    assert (Entry.objects.count(), Posting.objects.count(), Hold.objects.count()) == before


def test_the_functions_in_the_database_are_those_of_this_release() -> None:
    assert functions.differing() == []
    assert {"ledger_transfer", "ledger_capture", "ledger_check_sum_zero"} <= functions.expected().keys()


def test_a_transfer_moves_money_and_numbers_its_postings(ada: int, bo: int) -> None:
    posted = send(ada, bo, 300)
    assert not posted.is_replay
    assert stands(ada, bo) == [(700, 0), (800, 0)]
    legs = Posting.objects.filter(entry_id=posted.entry_id).order_by("amount_minor")
    assert [(leg.account_id, leg.amount_minor, leg.seq, leg.balance_after_minor) for leg in legs] == [
        (ada, -300, 2, 700),
        (bo, 300, 2, 800),
    ]


def test_a_repeated_transfer_moves_nothing(ada: int, bo: int) -> None:
    first = send(ada, bo, 300, reference="one")
    assert send(ada, bo, 300, reference="one") == ledger.Posted(first.entry_id, is_replay=True)
    for other in ((ada, bo, 301), (bo, ada, 300)):
        refused(IdempotencyConflict, send, *other, reference="one")
    assert stands(ada, bo) == [(700, 0), (800, 0)]


def test_no_more_leaves_than_there_is(ada: int, bo: int) -> None:
    refused(errors.InsufficientFunds, send, ada, bo, 1_001)
    send(ada, bo, 1_000)
    assert stands(ada, bo) == [(0, 0), (1_500, 0)]


@pytest.mark.parametrize("amount", [0, -1, 1.5, True, "10", MAX_AMOUNT_MINOR + 1, 2**63, 2**70])
def test_what_is_no_amount_is_refused(ada: int, bo: int, amount: Any) -> None:
    refused(errors.InvalidAmount, send, ada, bo, amount)


def test_nothing_moves_to_where_it_is_or_into_another_currency(ada: int) -> None:
    refused(errors.SameAccount, send, ada, ada, 1)
    refused(errors.CurrencyMismatch, send, ada, account(new_id(), "EUR"), 1)
    refused(NotFound, send, ada, new_id(), 1)


def test_a_wallet_takes_no_more_than_its_ceiling(ada: int, settings: Any) -> None:
    settings.WALLET_CEILING_MINOR = 200
    small = account(new_id())
    send(ada, small, 200)
    refused(errors.BalanceTooHigh, send, ada, small, 1)
    two = {"purpose": "test", "reference": "two", "step": "pay"}
    refused(errors.BalanceTooHigh, ledger.post, lines=lines((ada, -1), (small, 1)), **two)


def test_what_comes_back_reaches_a_wallet_that_is_full_meanwhile(ada: int, settings: Any) -> None:
    settings.WALLET_CEILING_MINOR = 200
    small = account(new_id())
    sent = send(ada, small, 200)
    escrow = ledger.house_account("escrow", "CNY", "transfers")
    send(small, escrow, 150)
    send(ada, small, 150)
    refused(errors.BalanceTooHigh, send, escrow, small, 150)
    send(escrow, small, 150, returns=True)
    assert stands(small) == [(350, 0)]
    # Nothing new while there is more than there may be; and back the other way it goes as well.
    refused(errors.BalanceTooHigh, send, ada, small, 1)
    ledger.reverse(entry_id=sent.entry_id, purpose="test", reference="back", step="reverse")
    assert stands(small) == [(150, 0)]
    send(ada, small, 50)


def test_frozen_and_closed_accounts_take_part_in_nothing_but_returns(ada: int, bo: int) -> None:
    ledger.set_status(account_id=bo, status="frozen")
    refused(errors.AccountFrozen, send, ada, bo, 1)
    refused(errors.AccountFrozen, send, bo, ada, 1)
    refused(errors.AccountFrozen, hold, bo, 1)
    send(ada, bo, 100, returns=True)
    assert stands(bo) == [(600, 0)]
    assert selectors.balance(bo).available_minor == 0
    refused(errors.AccountNotEmpty, ledger.set_status, account_id=bo, status="closed")
    ledger.set_status(account_id=bo, status="open")
    send(bo, ada, 600)
    ledger.set_status(account_id=bo, status="closed")
    refused(errors.AccountClosed, send, ada, bo, 1, returns=True)
    refused(errors.AccountClosed, ledger.set_status, account_id=bo, status="open")


def test_many_legs_move_at_once_or_not_at_all(ada: int, bo: int) -> None:
    fee = ledger.house_account("fee", "CNY")
    key = {"purpose": "test", "reference": "many", "step": "pay"}
    first = ledger.post(lines=lines((ada, -300), (bo, 290), (fee, 10)), **key)
    again = ledger.post(lines=lines((fee, 10), (bo, 290), (ada, -300)), **key)
    assert again == ledger.Posted(first.entry_id, is_replay=True)
    refused(IdempotencyConflict, ledger.post, lines=lines((ada, -300), (bo, 300)), **key)
    key["reference"] = "others"
    refused(errors.CurrencyMismatch, ledger.post, lines=lines((ada, -300), (bo, 290)), **key)
    refused(errors.InsufficientFunds, ledger.post, lines=lines((ada, -701), (bo, 700), (fee, 1)), **key)
    refused(errors.SameAccount, ledger.post, lines=lines((ada, -2), (bo, 1), (bo, 1)), **key)
    refused(errors.InvalidAmount, ledger.post, lines=lines((ada, -1)), **key)
    assert stands(ada, bo, fee) == [(700, 0), (790, 0), (10, 0)]


def test_a_hold_counts_as_gone_until_it_is_released(ada: int, bo: int) -> None:
    held = hold(ada, 600, reference="one")
    assert hold(ada, 600, reference="one") == held
    refused(IdempotencyConflict, hold, ada, 601, reference="one")
    refused(errors.InsufficientFunds, send, ada, bo, 500)
    refused(errors.InsufficientFunds, hold, ada, 401)
    assert stands(ada) == [(1_000, 600)]
    assert ledger.release(hold_id=held)
    assert not ledger.release(hold_id=held)
    assert stands(ada) == [(1_000, 0)]


def test_a_capture_pays_part_of_a_hold_and_frees_the_rest_once(ada: int, bo: int) -> None:
    fee = ledger.house_account("fee", "CNY")
    held = hold(ada, 60)
    refused(errors.CaptureTooHigh, capture, held, (bo, 61))
    refused(errors.InvalidAmount, capture, held)
    refused(errors.InvalidAmount, capture, held, (bo, 40), (fee, -1))
    first = capture(held, (bo, 39), (fee, 1), reference="one")
    assert capture(held, (bo, 39), (fee, 1), reference="one") == ledger.Posted(first.entry_id, is_replay=True)
    refused(IdempotencyConflict, capture, held, (bo, 40), reference="one")
    refused(errors.HoldEnded, capture, held, (bo, 1))
    assert not ledger.release(hold_id=held)
    assert stands(ada, bo, fee) == [(960, 0), (539, 0), (1, 0)]


def test_everything_can_be_captured_from_an_account_that_holds_everything(ada: int, bo: int) -> None:
    first, second = hold(ada, 400), hold(ada, 600)
    capture(first, (bo, 400))
    capture(second, (bo, 1))
    assert stands(ada, bo) == [(599, 0), (901, 0)]


def test_nothing_is_captured_or_raised_once_a_hold_has_expired(ada: int, bo: int) -> None:
    refused(errors.HoldEnded, hold, ada, 1, expires_at=timezone.now())
    held = hold(ada, 10, expires_at=timezone.now() + timedelta(milliseconds=50))
    while is_running(held):
        pass
    refused(errors.HoldEnded, capture, held, (bo, 1))
    refused(errors.HoldEnded, ledger.raise_hold, hold_id=held, amount_minor=20, step="more")
    assert ledger.release(hold_id=held)


def is_running(hold_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT expires_at > clock_timestamp() FROM ledger_hold WHERE id = %s", [hold_id])
        return bool(cursor.fetchone()[0])


def test_a_hold_is_raised_once_by_each_step_and_never_lowered(ada: int) -> None:
    held = hold(ada, 100)
    for _attempt in range(2):
        ledger.raise_hold(hold_id=held, amount_minor=300, step="longer way")
    assert stands(ada) == [(1_000, 300)]
    refused(IdempotencyConflict, ledger.raise_hold, hold_id=held, amount_minor=301, step="longer way")
    refused(errors.HoldTooLow, ledger.raise_hold, hold_id=held, amount_minor=299, step="shorter way")
    refused(errors.InsufficientFunds, ledger.raise_hold, hold_id=held, amount_minor=1_001, step="too far")


def test_what_was_held_before_a_freeze_is_paid(ada: int, bo: int) -> None:
    held = hold(ada, 100)
    ledger.set_status(account_id=ada, status="frozen")
    capture(held, (bo, 80))
    assert stands(ada, bo) == [(920, 0), (580, 0)]


def test_an_entry_is_taken_back_once(ada: int, bo: int) -> None:
    sent = send(ada, bo, 300)
    key = {"purpose": "test", "reference": "back", "step": "reverse"}
    first = ledger.reverse(entry_id=sent.entry_id, **key)
    assert ledger.reverse(entry_id=sent.entry_id, **key) == ledger.Posted(first.entry_id, is_replay=True)
    refused(errors.AlreadyReversed, ledger.reverse, entry_id=sent.entry_id, **(key | {"reference": "again"}))
    refused(NotFound, ledger.reverse, entry_id=new_id(), **(key | {"reference": "nothing"}))
    assert stands(ada, bo) == [(1_000, 0), (500, 0)]


def test_a_merchants_money_counts_at_once_and_is_folded_in_before_it_leaves(ada: int, bo: int) -> None:
    shop = ledger.open_account(kind="merchant", owner_id=new_id(), currency="CNY")
    for _sale in range(3):
        send(ada, shop, 100)
    assert stands(shop) == [(300, 0)]
    refused(errors.InsufficientFunds, send, shop, bo, 301)
    send(shop, bo, 250)
    assert stands(shop) == [(50, 0)]
    shown = Posting.objects.filter(account_id=shop).order_by("seq").values_list("seq", "balance_after_minor")
    assert list(shown) == [(1, 100), (2, 200), (3, 300), (4, 50)]
    send(ada, shop, 7)
    held = hold(shop, 57)
    assert stands(shop) == [(57, 57)]
    refused(errors.InsufficientFunds, send, shop, bo, 1)
    capture(held, (bo, 57))


def test_folding_numbers_what_is_waiting_in_batches(ada: int) -> None:
    before = house("world", "opening")
    fee = ledger.house_account("fee", "CNY")
    for _turn in range(5):
        send(ada, fee, 10)
    assert fee in selectors.unfolded(at_most=100)
    assert [ledger.fold(account_id=fee, limit=3) for _turn in range(3)] == [3, 2, 0]
    assert fee not in selectors.unfolded(at_most=100)
    shown = Posting.objects.filter(account_id=fee).order_by("seq").values_list("seq", "balance_after_minor")
    assert list(shown) == [(1, 10), (2, 20), (3, 30), (4, 40), (5, 50)]
    assert (stands(fee), house("world", "opening")) == ([(50, 0)], before)


def test_the_balance_at_a_time_is_that_of_the_last_posting_before_it(ada: int, bo: int) -> None:
    moments = [timezone.now()]
    for _turn in range(5):
        send(ada, bo, 100)
        moments.append(timezone.now())
    assert [selectors.balance_at(account_id=ada, at=moment) for moment in moments] == [1_000, 900, 800, 700, 600, 500]
    assert selectors.seq_at(account_id=ada, at=moments[0] - timedelta(days=1)) == 0


def test_a_balance_that_no_number_can_say_is_refused() -> None:
    rich = ledger.open_account(kind="wallet", owner_id=new_id(), currency="CNY")
    world = ledger.open_account(kind="world", owner_id=new_id(), currency="CNY", floor_minor=None)
    # The most that a column holds is 9,223 quadrillion and some.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ledger_transfer(%s + n, %s, %s, %s, 'CNY', 'test', 'rich ' || n, 'send', false)"
            " FROM generate_series(1, 1024) AS n",
            [new_id(), world, rich, MAX_AMOUNT_MINOR],
        )
    refused(errors.BalanceTooHigh, send, world, rich, MAX_AMOUNT_MINOR)
    assert stands(rich) == [(1_024 * MAX_AMOUNT_MINOR, 0)]


def test_an_appended_account_is_frozen_and_never_closed(ada: int) -> None:
    shop = ledger.open_account(kind="merchant", owner_id=new_id(), currency="CNY")
    refused(errors.AccountNotEmpty, ledger.set_status, account_id=shop, status="closed")
    ledger.set_status(account_id=shop, status="frozen")
    refused(errors.AccountFrozen, send, ada, shop, 1)


def test_an_account_that_cannot_be_folded_keeps_no_other_waiting(ada: int, caplog: pytest.LogCaptureFixture) -> None:
    # The one with the lower id comes first, and takes no more than 10.
    full = ledger.open_account(kind="merchant", owner_id=new_id(), currency="CNY", ceiling_minor=10)
    shop = ledger.open_account(kind="merchant", owner_id=new_id(), currency="CNY")
    send(ada, full, 20)
    send(ada, shop, 20)
    lease = leases.claim(name="ledger.fold", shard="0", ttl=timedelta(minutes=1))
    assert lease is not None
    ledger.fold_waiting(lease)
    waiting = selectors.unfolded(at_most=100)
    assert (full in waiting, shop in waiting) == (True, False)
    assert "ledger.fold_failed" in caplog.text
    assert stands(full, shop) == [(20, 0), (20, 0)]


def test_one_key_captures_one_hold(ada: int, bo: int) -> None:
    first, second = hold(ada, 50), hold(ada, 50)
    capture(first, (bo, 40), reference="one")
    refused(IdempotencyConflict, capture, second, (bo, 40), reference="one")
    assert Hold.objects.get(id=first).entry_id is not None
    assert stands(ada) == [(960, 50)]
