"""Everybody pays the same one: a merchant, whom a loop tells of it later, or a person, whose wallet all wait for."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from django.db import connection

from payments.ledger import selectors
from payments.ledger import services as ledger
from superapp.bench.caller import CURRENCY
from superapp.bench.frame import Report, Run, Scale, interleave
from superapp.bench.stand import Stand
from superapp.bench.wallet import accounts
from superapp.bench.wallet.callers import Callers
from superapp.bench.wallet.transferring import SECONDS, WALLETS, WARM_UP_SECONDS
from superapp.core.ids import new_id
from superapp.localdev import programs
from superapp.localdev.processes import Child, wait_until
from superapp.localdev.progress import step

POSTINGS = 20_000
PATIENCE_SECONDS = 120.0


def run(stand: Stand, report: Report, scale: Scale, ours: Callers) -> None:
    with step("wallets", "of those who pay one, and of those who pay different ones"):
        everybody = accounts.wallets(scale.of(WALLETS, least=64))
        merchant = ledger.open_account(kind="merchant", owner_id=new_id(), currency=CURRENCY)
    _fold(stand, report, scale, payers=everybody)
    distinct = accounts.pairs(everybody)
    payees = {
        "distinct": distinct,
        "hot": [(payer, merchant) for payer, _payee in distinct],
        "hot_wallet": [(payer, distinct[0][1]) for payer, _payee in distinct],
    }
    seconds = max(0.2, SECONDS * scale.factor)
    with step("hot", "as fast as it goes: different payees, one merchant, one person"), _loops(stand) as loops:

        def pay(side: str, seconds: float) -> Run:
            return ours.run(stand, "transfer", seconds=seconds, pairs=payees[side], loops=[loops.pid])

        for side in payees:
            pay(side, min(seconds, WARM_UP_SECONDS))
        accounts.look_after_tables(stand)
        runs = interleave({side: partial(pay, side, seconds) for side in payees}, rounds=scale.rounds)
        if not wait_until(lambda: not selectors.unfolded(at_most=1), seconds=PATIENCE_SECONDS):
            report.void.append("the loop did not fold in what was paid")
    report.runs("payees", runs, unit="transfer")
    report.rate_ratio("hot_vs_distinct", runs, of="hot", to="distinct")
    report.rate_ratio("hot_wallet_vs_distinct", runs, of="hot_wallet", to="distinct")


def _fold(stand: Stand, report: Report, scale: Scale, *, payers: list[int]) -> None:
    """How many postings a second find their place, when nothing else is going on."""
    count = scale.of(POSTINGS, least=200)
    merchant = ledger.open_account(kind="merchant", owner_id=new_id(), currency=CURRENCY)
    with step("fold", f"{count} postings of one account"):
        _pay_at_once(payers, merchant, count)
        folded, rounds = 0, 0
        with stand.measured() as spent:
            while found := ledger.fold(account_id=merchant):
                folded, rounds = folded + found, rounds + 1
    fold = Run(units=folded, seconds=spent.seconds, cpu_seconds=spent.cpu_seconds, paced=False, drops=count - folded)
    report.runs("fold", {"alone": [fold]}, unit="posting")
    report.figure("fold_rows_per_s", report.figures["fold_alone_per_s"])


def _pay_at_once(payers: list[int], merchant: int, count: int) -> None:
    first = new_id()
    with connection.cursor() as cursor:
        # The server's limit is for requests of people.
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(
            """
            SELECT count(ledger_transfer(
                %(first)s - number, payers[1 + number %% cardinality(payers)], %(merchant)s, 1, %(currency)s,
                'payments.transfer', 'fold ' || number, 'send', false))
            FROM generate_series(1, %(count)s) AS number, (SELECT %(payers)s::bigint[] AS payers) AS those
            """,
            {"first": first, "payers": payers, "merchant": merchant, "currency": CURRENCY, "count": count},
        )
        cursor.execute("RESET statement_timeout")


@contextmanager
def _loops(stand: Stand) -> Iterator[Child]:
    with stand.process("loops", programs.loops(), ready=lambda child: _folds()) as child:
        yield child


def _folds() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM core_lease WHERE name = 'ledger.fold' AND lease_until > clock_timestamp())"
        )
        return bool(cursor.fetchone()[0])
