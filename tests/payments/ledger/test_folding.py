"""One merchant whom everybody pays as fast as the machine can, with refunds among it, while real loops fold."""

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections

from payments.ledger import selectors
from payments.ledger import services as ledger
from payments.ledger.models import Posting
from superapp.core.ids import new_id
from superapp.localdev.stage import Addresses
from tests.core.waiting import until
from tests.payments.money import fund
from tests.processes import Loops
from tests.sizes import sizes

pytestmark = pytest.mark.usefixtures("committed_db")

PAYERS = 8


def shop_and_payers() -> tuple[int, list[int]]:
    shop = ledger.open_account(kind="merchant", owner_id=new_id(), currency="CNY")
    return shop, [fund(new_id(), 10_000_000) for _ in range(PAYERS)]


def send(debit: int, credit: int, amount: int, reference: str) -> None:
    key = {"purpose": "test", "reference": reference, "step": "send", "currency": "CNY"}
    ledger.transfer(debit_account_id=debit, credit_account_id=credit, amount_minor=amount, **key)


class Trade:
    """Payers in threads, each with a wallet of its own; every tenth payment is followed by a refund of half of it."""

    def __init__(self, shop: int, payers: list[int]) -> None:
        self.shop, self.payers = shop, payers
        self.stop = threading.Event()
        # Of each payer: how often it paid, and how often something came back.
        self.paid, self.refunded = [0] * len(payers), [0] * len(payers)

    def run(self, number: int) -> None:
        wallet = self.payers[number]
        try:
            for turn in itertools.count():
                if self.stop.is_set():
                    return
                send(wallet, self.shop, 100, f"{wallet} pays {turn}")
                self.paid[number] += 1
                if turn % 10 == 9:
                    send(self.shop, wallet, 50, f"{wallet} gets back {turn}")
                    self.refunded[number] += 1
        finally:
            connections.close_all()

    def go_on_while(self, busy: Callable[[], bool]) -> None:
        """Raises what any payer met."""
        with ThreadPoolExecutor(len(self.payers)) as pool:
            running = [pool.submit(self.run, number) for number in range(len(self.payers))]
            try:
                while busy() and not any(one.done() for one in running):
                    time.sleep(0.1)
            finally:
                self.stop.set()
            for one in running:
                one.result()

    def is_exact(self) -> None:
        """To be asked when everything is folded."""
        assert selectors.balance(self.shop).balance_minor == 100 * sum(self.paid) - 50 * sum(self.refunded)
        postings = Posting.objects.filter(account_id=self.shop)
        assert postings.count() == sum(self.paid) + sum(self.refunded)
        last = postings.order_by("-seq").values_list("seq", "balance_after_minor")[0]
        assert last == (postings.count(), selectors.balance(self.shop).balance_minor)
        for wallet, paid, refunded in zip(self.payers, self.paid, self.refunded, strict=True):
            assert selectors.balance(wallet).balance_minor == 10_000_000 - 100 * paid + 50 * refunded


def waiting(shop: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ledger_posting WHERE account_id = %s AND seq IS NULL", [shop])
        return int(cursor.fetchone()[0])


def test_everybody_pays_one_merchant(committed_db: Addresses, soak_figure: Any) -> None:
    shop, payers = shop_and_payers()
    trade, backlog = Trade(shop, payers), [0]
    with Loops(committed_db):
        began = time.monotonic()

        def busy() -> bool:
            backlog.append(waiting(shop))
            return time.monotonic() - began < sizes.hot_merchant_seconds

        trade.go_on_while(busy)
        took = time.monotonic() - began
        until(lambda: not waiting(shop))
    trade.is_exact()
    moved = sum(trade.paid) + sum(trade.refunded)
    assert sum(trade.refunded) > 0
    soak_figure("transfers_to_one_merchant_per_s", moved / took)
    soak_figure("most_postings_waiting_to_be_folded", max(backlog))


def test_a_killed_loop_is_replaced_and_nothing_is_lost_or_doubled(committed_db: Addresses) -> None:
    shop, payers = shop_and_payers()
    trade = Trade(shop, payers)
    with Loops(committed_db) as loops:
        folded = [0]

        def busy() -> bool:
            """Kill it each time that it has folded something new."""
            number = Posting.objects.filter(account_id=shop, seq__isnull=False).count()
            if number > folded[-1] and waiting(shop):
                loops.kill()
                loops.restart()
                folded.append(number)
            return len(folded) <= sizes.killed_folders

        trade.go_on_while(busy)
        until(lambda: not waiting(shop))
    assert len(folded) == 1 + sizes.killed_folders
    trade.is_exact()
