"""Lines of a statement at chosen moments, and a product that describes what it sold."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import connections, transaction

from payments.ledger import services as ledger
from payments.ledger.models import Account, Posting
from payments.registry import ReceiptLine, purposes
from superapp.core.ids import new_id
from tests.payments import money

COFFEE = "tests.coffee"


class Cafe:
    """Says of each cup what it was, counts how often it is asked, and can break."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.fails = False
        self.lines: dict[str, ReceiptLine] = {}

    def describe(self, references: Sequence[str], viewer_id: int) -> Mapping[str, ReceiptLine]:
        self.asked.append(list(references))
        if self.fails:
            raise ValueError("the machine is broken")
        return {
            reference: self.lines.get(reference, ReceiptLine(title=f"Cup {reference}", counterparty="Café"))
            for reference in references
        }


def register(cafe: Cafe, monkeypatch: Any, *, kind: str = "payment", purpose: str = COFFEE) -> None:
    """For one test."""
    monkeypatch.setattr(purposes, "_purposes", dict(purposes._purposes))
    purposes.register(purpose, describe=cafe.describe, label="Coffee", kind=kind)


def move(
    user_id: int,
    amount_minor: int,
    *,
    currency: str = "CNY",
    purpose: str = COFFEE,
    reference: str = "",
    step: str = "pay",
) -> int:
    """Money in (above zero) or out of somebody's wallet; returns the entry."""
    mine, house = money.account(user_id, currency), ledger.house_account("world", currency, "opening")
    debit, credit = (house, mine) if amount_minor > 0 else (mine, house)
    return ledger.transfer(
        debit_account_id=debit,
        credit_account_id=credit,
        amount_minor=abs(amount_minor),
        currency=currency,
        purpose=purpose,
        reference=reference or str(uuid4()),
        step=step,
    ).entry_id


def at(user_id: int, moments: Sequence[datetime], currency: str = "CNY") -> None:
    """As if somebody's lines so far had been posted then, one after the other. Only where transactions commit: the
    database's owner does it, behind the guards of the ledger."""
    account = Account.objects.get(owner=user_id, kind="wallet", currency=currency)
    assert account.seq == len(moments)
    assert list(moments) == sorted(moments)
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_posting DISABLE TRIGGER USER")
        for seq, moment in enumerate(moments, 1):
            cursor.execute(
                "UPDATE ledger_posting SET posted_at = %s WHERE account_id = %s AND seq = %s", [moment, account.id, seq]
            )
        cursor.execute("ALTER TABLE ledger_posting ENABLE TRIGGER USER")
        cursor.execute("ALTER TABLE ledger_account DISABLE TRIGGER USER")
        cursor.execute("UPDATE ledger_account SET moved_at = %s WHERE id = %s", [moments[-1], account.id])
        cursor.execute("ALTER TABLE ledger_account ENABLE TRIGGER USER")
    assert Posting.objects.filter(account_id=account.id, posted_at__in=moments).count() == len(moments)


def many(user_id: int, count: int, currency: str = "CNY") -> None:
    """Further lines of one minor unit each, by the database's owner in one statement each for entries and postings."""
    mine = Account.objects.get(owner=user_id, kind="wallet", currency=currency)
    house = ledger.house_account("world", currency, "opening")
    values = {"mine": mine.id, "house": house, "first": new_ids(count), "count": count, "currency": currency}
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO ledger_entry (id, purpose, reference, step)
            SELECT %(first)s + n, 'tests.coffee', (%(first)s + n)::text, 'pay' FROM generate_series(1, %(count)s) AS n
            """,
            values,
        )
        cursor.execute(
            """
            INSERT INTO ledger_posting
                (entry_id, leg, account_id, currency, amount_minor, seq, balance_after_minor, posted_at)
            SELECT %(first)s + n, 1, account.id, %(currency)s, 1, account.seq + n, account.balance_minor + n,
                clock_timestamp()
            FROM ledger_account AS account, generate_series(1, %(count)s) AS n WHERE account.id = %(mine)s
            UNION ALL
            SELECT %(first)s + n, 2, %(house)s, %(currency)s, -1, NULL, NULL, NULL
            FROM generate_series(1, %(count)s) AS n
            """,
            values,
        )
        cursor.execute(
            """
            UPDATE ledger_account SET seq = seq + %(count)s, balance_minor = balance_minor + %(count)s,
                moved_at = clock_timestamp()
            WHERE id = %(mine)s
            """,
            values,
        )


def new_ids(count: int) -> int:
    """The id before the first of as many in a row that nobody else is given."""
    first = new_id()
    # A process borrows from the future what a millisecond does not hold.
    for _ in range(count):
        last = new_id()
    assert last >= first + count
    return first


def analyse() -> None:
    """Let the planner know how much there is, as it would after a while."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE ledger_account, ledger_entry, ledger_posting")
