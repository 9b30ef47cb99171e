"""Money that many want at the same moment, in threads that really commit: each answer is exact, and nobody waits for
ever. Every test ends with the check of the books."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from payments.ledger import errors, selectors
from payments.ledger import services as ledger
from payments.ledger.models import Entry, Hold, Posting
from superapp.core.errors import IdempotencyConflict
from superapp.core.ids import new_id
from tests.core.waiting import patient_sessions
from tests.messaging.threads import at_once
from tests.payments.money import fund, lines

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture(autouse=True)
def _patience() -> Any:
    with patient_sessions():
        yield


def sending(debit: int, credit: int, amount: int, **given: Any) -> Callable[[], ledger.Posted]:
    key = {"purpose": "test", "reference": str(new_id()), "step": "send", "currency": "CNY"} | given
    return partial(ledger.transfer, debit_account_id=debit, credit_account_id=credit, amount_minor=amount, **key)


def held(account_id: int, amount: int) -> int:
    until = timezone.now() + timedelta(hours=1)
    key = {"purpose": "test", "reference": str(new_id()), "currency": "CNY", "expires_at": until}
    return ledger.hold(account_id=account_id, amount_minor=amount, **key)


def capturing(hold_id: int, credit: int, amount: int) -> Callable[[], ledger.Posted]:
    key = {"purpose": "test", "reference": str(new_id()), "step": "capture"}
    return partial(ledger.capture, hold_id=hold_id, lines=lines((credit, amount)), **key)


def kinds(answers: list[Any]) -> Counter[type]:
    return Counter(map(type, answers))


def balance(account_id: int) -> int:
    return selectors.balance(account_id).balance_minor


def test_no_more_is_spent_than_there_is() -> None:
    ada, bo = fund(new_id(), 100), fund(new_id(), 1)
    answers = at_once([sending(ada, bo, 10) for _ in range(50)])
    assert kinds(answers) == {ledger.Posted: 10, errors.InsufficientFunds: 40}
    assert (balance(ada), balance(bo)) == (0, 101)


def test_two_hundred_in_each_direction_never_wait_in_a_circle() -> None:
    ada, bo = fund(new_id(), 1_000), fund(new_id(), 1_000)
    threads = 16

    def run(debit: int, credit: int) -> list[ledger.Posted]:
        return [sending(debit, credit, 1)() for _ in range(400 // threads)]

    answers = at_once([partial(run, *((ada, bo) if n % 2 else (bo, ada))) for n in range(threads)])
    assert kinds(answers) == {list: threads}
    assert (balance(ada), balance(bo)) == (1_000, 1_000)
    assert Posting.objects.filter(account_id=ada).count() == 401


def test_several_legs_in_any_order_never_wait_in_a_circle() -> None:
    accounts = [fund(new_id(), 1_000) for _ in range(4)]

    def run(turn: int) -> list[ledger.Posted]:
        turned = accounts[turn % 4 :] + accounts[: turn % 4]
        legs = lines(*zip(turned if turn % 2 else reversed(turned), (-3, 1, 1, 1), strict=True))
        return [ledger.post(lines=legs, purpose="test", reference=str(new_id()), step="x") for _ in range(12)]

    assert kinds(at_once([partial(run, turn) for turn in range(16)])) == {list: 16}
    assert sum(map(balance, accounts)) == 4_000


def test_one_key_moves_money_once() -> None:
    ada, bo = fund(new_id(), 100), fund(new_id(), 1)
    answers = at_once([sending(ada, bo, 10, reference="once") for _ in range(60)])
    assert kinds(answers) == {ledger.Posted: 60}
    assert Counter(answer.is_replay for answer in answers) == {False: 1, True: 59}
    assert len({answer.entry_id for answer in answers}) == 1
    assert balance(ada) == 90


def test_one_key_with_two_amounts_moves_one_of_them() -> None:
    ada, bo = fund(new_id(), 100), fund(new_id(), 1)
    answers = at_once([sending(ada, bo, 10 + n % 2, reference="either") for n in range(30)])
    assert kinds(answers) == {ledger.Posted: 15, IdempotencyConflict: 15}
    assert Entry.objects.filter(reference="either").count() == 1
    assert balance(ada) in {90, 89}


def test_one_hold_is_captured_or_released_once_whatever_else_is_asked() -> None:
    for _turn in range(5):
        ada, bo = fund(new_id(), 100), fund(new_id(), 1)
        hold_id = held(ada, 40)
        works: list[Callable[[], Any]] = [capturing(hold_id, bo, 30) for _ in range(6)]
        works += [partial(ledger.release, hold_id=hold_id) for _ in range(6)]
        works += [partial(ledger.raise_hold, hold_id=hold_id, amount_minor=50 + n, step=f"to {n}") for n in range(6)]
        answers = at_once(works)
        captured = sum(isinstance(answer, ledger.Posted) for answer in answers[:6])
        released = answers[6:12].count(True)
        assert captured + released == 1
        assert set(map(type, answers)) <= {
            ledger.Posted, bool, type(None), errors.HoldEnded, errors.HoldTooLow
        }  # fmt: skip
        now = selectors.balance(ada)
        assert (now.balance_minor, now.held_minor) == (100 - 30 * captured, 0)
        hold = Hold.objects.get(id=hold_id)
        assert (hold.status, hold.captured_minor) == (("captured", 30) if captured else ("released", 0))


def test_holds_and_payments_share_what_there_is() -> None:
    ada, bo = fund(new_id(), 100), fund(new_id(), 1)
    answers = at_once([partial(held, ada, 10) for _ in range(20)] + [sending(ada, bo, 10) for _ in range(20)])
    refused = sum(isinstance(answer, errors.InsufficientFunds) for answer in answers)
    now = selectors.balance(ada)
    assert (refused, now.available_minor) == (30, 0)
    assert now.held_minor == 10 * sum(isinstance(answer, int) for answer in answers)


def test_folding_and_paying_out_of_a_shop_agree() -> None:
    ada = fund(new_id(), 1_000)
    shop = ledger.open_account(kind="merchant", owner_id=new_id(), currency="CNY")
    for _ in range(30):
        sending(ada, shop, 10)()
    works: list[Callable[[], Any]] = [partial(ledger.fold, account_id=shop, limit=7) for _ in range(8)]
    works += [sending(shop, ada, 50) for _ in range(8)] + [sending(ada, shop, 10) for _ in range(8)]
    answers = at_once(works)
    paid = sum(isinstance(answer, ledger.Posted) for answer in answers[8:16])
    assert set(map(type, answers[8:16])) <= {ledger.Posted, errors.InsufficientFunds}
    # 300 were there, and 80 came meanwhile.
    assert 6 <= paid <= 7
    assert balance(shop) == 380 - 50 * paid
    ledger.fold(account_id=shop)
    assert Posting.objects.filter(account_id=shop, seq=None).count() == 0


def test_after_a_freeze_nothing_leaves() -> None:
    ada, bo = fund(new_id(), 1_000), fund(new_id(), 1)
    freeze = partial(ledger.set_status, account_id=ada, status="frozen")
    answers = at_once([*(sending(ada, bo, 1) for _ in range(20)), freeze, *(sending(ada, bo, 1) for _ in range(20))])
    found = kinds(answers)
    assert set(found) <= {ledger.Posted, errors.AccountFrozen, type(None)}
    assert balance(ada) == 1_000 - found[ledger.Posted]
    with pytest.raises(errors.AccountFrozen):
        sending(ada, bo, 1)()


def test_an_entry_is_taken_back_by_one_of_many() -> None:
    ada, bo = fund(new_id(), 100), fund(new_id(), 1)
    sent = sending(ada, bo, 40)().entry_id
    back = [
        partial(ledger.reverse, entry_id=sent, purpose="test", reference=str(new_id()), step="b") for _ in range(20)
    ]
    assert kinds(at_once(back)) == {ledger.Posted: 1, errors.AlreadyReversed: 19}
    assert (balance(ada), balance(bo)) == (100, 1)


def test_one_account_is_opened_by_many() -> None:
    key = {"kind": "wallet", "owner_id": new_id(), "currency": "CNY"}
    assert len(set(at_once([partial(ledger.open_account, **key) for _ in range(20)]))) == 1
