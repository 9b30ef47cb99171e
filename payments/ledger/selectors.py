"""Reads of the ledger."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import QuerySet

from payments.ledger.models import Account, Entry, Posting
from superapp.core.ids import first_id_of, made_at


@dataclass(frozen=True)
class Balance:
    """``balance_minor`` with what is not folded in yet; ``held_minor`` of it is promised."""

    account_id: int
    owner_id: int
    kind: str
    currency: str
    status: str
    balance_minor: int
    held_minor: int

    @property
    def available_minor(self) -> int:
        """Nothing may leave a frozen account."""
        return self.balance_minor - self.held_minor if self.status == Account.Status.OPEN else 0


def balances(account_ids: Iterable[int]) -> dict[int, Balance]:
    """One statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, owner, kind, currency, status, balance_minor + coalesce((
                SELECT sum(amount_minor) FROM ledger_posting AS posting
                WHERE posting.account_id = account.id AND posting.seq IS NULL AND account.is_appended
            ), 0)::bigint, held_minor
            FROM ledger_account AS account WHERE id = ANY(%s)
            """,
            [list(account_ids)],
        )
        return {row[0]: Balance(*row) for row in cursor.fetchall()}


def balance(account_id: int) -> Balance:
    return balances([account_id])[account_id]


def accounts_of(*, owner_ids: Iterable[int], kind: str) -> QuerySet[Account]:
    """By owner and currency."""
    return Account.objects.filter(owner__in=list(owner_ids), kind=kind).order_by("owner", "name", "currency")


def seq_at(*, account_id: int, at: datetime) -> int:
    """The number of the account's last posting from before ``at``; 0 when there is none. Numbers and moments rise
    together, so ranges of time are ranges of numbers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT ledger_seq_at(%s, %s)", [account_id, at])
        return int(cursor.fetchone()[0])


def balance_at(*, account_id: int, at: datetime) -> int:
    """What was in the account just before ``at``, held or not. Of an appended account: what had been folded in."""
    seq = seq_at(account_id=account_id, at=at)
    if seq == 0:
        return 0
    found = Posting.objects.values_list("balance_after_minor", flat=True).get(account_id=account_id, seq=seq)
    assert found is not None
    return found


@dataclass(frozen=True)
class Moved:
    """What postings to accounts of one kind came to, for entries of one purpose. ``is_refund``: by their step."""

    purpose: str
    is_refund: bool
    account_kind: str
    currency: str
    in_minor: int
    out_minor: int
    postings: int


def moved(*, since: datetime, until: datetime, refund_step: str) -> list[Moved]:
    """Of entries whose ids were made from ``since`` on and before ``until``. One statement, which reads those entries
    and nothing else: keep the time short. ``refund_step``: how the steps of refunds begin."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT entry.purpose, starts_with(entry.step, %s), account.kind, posting.currency,
                coalesce(sum(posting.amount_minor) FILTER (WHERE posting.amount_minor > 0), 0),
                -coalesce(sum(posting.amount_minor) FILTER (WHERE posting.amount_minor < 0), 0), count(*)
            FROM ledger_entry AS entry
            JOIN ledger_posting AS posting ON posting.entry_id = entry.id
            JOIN ledger_account AS account ON account.id = posting.account_id
            WHERE entry.id >= %s AND entry.id < %s GROUP BY 1, 2, 3, 4
            """,
            [refund_step, first_id_of(since), first_id_of(until)],
        )
        rows = cursor.fetchall()
    return [Moved(*row[:4], *map(int, row[4:])) for row in rows]


def first_entry_since(moment: datetime) -> datetime | None:
    """When the id of the first entry from then on was made; None: there is none."""
    found = Entry.objects.filter(id__gte=first_id_of(moment)).order_by("id").values_list("id", flat=True).first()
    return None if found is None else made_at(found)


def complete_until() -> datetime:
    """Before this moment no entry appears any more: all transactions have ended that could write one.

    An id is made within the transaction that uses it or just before; clocks of several machines agree within a minute.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT least(statement_timestamp(), min(xact_start)) - interval '1 minute' FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        found: datetime = cursor.fetchone()[0]
    return found


def unfolded(*, at_most: int) -> list[int]:
    """Accounts with postings that have no number yet. One look into the index for each account, not for each row."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE waiting AS (
                (SELECT account_id FROM ledger_posting WHERE seq IS NULL ORDER BY account_id LIMIT 1)
                UNION ALL
                SELECT (SELECT account_id FROM ledger_posting
                        WHERE seq IS NULL AND account_id > waiting.account_id ORDER BY account_id LIMIT 1)
                FROM waiting WHERE waiting.account_id IS NOT NULL)
            SELECT account_id FROM waiting WHERE account_id IS NOT NULL LIMIT %s
            """,
            [at_most],
        )
        return [account_id for (account_id,) in cursor.fetchall()]
