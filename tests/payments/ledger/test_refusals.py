"""What the database refuses, whoever asks: writing past the functions, and changing what was written."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.test import Client
from django.utils import timezone

from payments.ledger import check, errors, functions
from payments.ledger import services as ledger
from superapp.core.ids import new_id
from tests.payments.money import fund

pytestmark = pytest.mark.usefixtures("committed_db")

Books = dict[str, int]


@pytest.fixture(scope="module")
def books(committed_db: Any) -> Books:
    ada, bo = fund(new_id(), 1_000), fund(new_id(), 500)
    entry = send(ada, bo, 10).entry_id
    until = timezone.now() + timedelta(hours=1)
    key = {"purpose": "test", "reference": "held", "currency": "CNY", "expires_at": until}
    hold = ledger.hold(account_id=ada, amount_minor=20, **key)
    ledger.raise_hold(hold_id=hold, amount_minor=30, step="more")
    return {"ada": ada, "bo": bo, "entry": entry, "hold": hold}


def send(debit: int, credit: int, amount: int) -> ledger.Posted:
    key = {"purpose": "test", "reference": str(new_id()), "step": "send", "currency": "CNY"}
    return ledger.transfer(debit_account_id=debit, credit_account_id=credit, amount_minor=amount, **key)


def everything() -> list[Any]:
    """Every row of the ledger."""
    with connection.cursor() as cursor:
        rows = []
        for table in check.TABLES:
            cursor.execute(f"SELECT row_to_json(t)::text FROM {table} AS t")
            rows.append(sorted(text for (text,) in cursor.fetchall()))
    return rows


def refused(using: str, statement: str, books: Books, reason: str) -> None:
    before = everything()
    with (
        pytest.raises(DatabaseError, match=reason),
        transaction.atomic(using=using),
        connections[using].cursor() as cursor,
    ):
        cursor.execute(statement, books)
    assert everything() == before


ONE_LEG = (
    "INSERT INTO ledger_posting (entry_id, leg, account_id, currency, amount_minor)"
    " VALUES (%(entry)s, 3, %(ada)s, 'CNY', 5)"
)
TWO_LEGS = ONE_LEG + ", (%(entry)s, 4, %(bo)s, 'CNY', -5)"
#: By the role of the application: all of it is refused for want of a right.
WRITES = [
    *(f"DELETE FROM {table}" for table in check.TABLES),
    *(f"TRUNCATE {table} CASCADE" for table in check.TABLES),
    "UPDATE ledger_account SET balance_minor = balance_minor + 1",
    "UPDATE ledger_account SET held_minor = 0",
    "UPDATE ledger_account SET status = 'open'",
    "UPDATE ledger_entry SET reference = 'other'",
    "UPDATE ledger_posting SET amount_minor = amount_minor",
    "UPDATE ledger_hold SET amount_minor = 1",
    "UPDATE ledger_hold_step SET amount_minor = 1",
    ONE_LEG,
    TWO_LEGS,
    "INSERT INTO ledger_entry (id, purpose, reference, step) VALUES (5, 'test', 'mine', 'send')",
    "INSERT INTO ledger_account (id, kind, owner, name, currency, balance_minor, is_appended)"
    " VALUES (5, 'wallet', 5, '', 'CNY', 1000, false)",
    "INSERT INTO ledger_hold_step (hold_id, step, amount_minor) VALUES (%(hold)s, 'mine', 1)",
    "INSERT INTO ledger_hold"
    " (id, account_id, currency, purpose, reference, step, asked_minor, amount_minor, expires_at)"
    " VALUES (5, %(ada)s, 'CNY', 'test', 'mine', 'hold', 1, 1, now())",
    # Helpers of the functions.
    "SELECT ledger_write(%(entry)s, ARRAY[%(ada)s, %(bo)s], ARRAY[5, -5]::bigint[], true, NULL, 0)",
    "SELECT ledger_set_aside(%(ada)s, -30, 'CNY')",
    "SELECT ledger_fold_for(%(ada)s, 1)",
    "SELECT ledger_check_status(%(ada)s, 'open', 1, true)",
    "SELECT ledger_replayed('test', 'held', 'hold', ARRAY[1]::bigint[], ARRAY[1]::bigint[])",
    # The guards themselves.
    "ALTER TABLE ledger_posting DISABLE TRIGGER USER",
    "ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_floor",
    "DROP TRIGGER ledger_posting_stays ON ledger_posting",
    "DROP FUNCTION ledger_check_sum_zero CASCADE",
    "SET session_replication_role = replica",
    "CREATE OR REPLACE FUNCTION ledger_release(of_hold bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    "CREATE FUNCTION public.ledger_mine() RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    "CREATE TRIGGER mine BEFORE UPDATE ON ledger_account EXECUTE FUNCTION ledger_refuse_change()",
]


@pytest.mark.parametrize("statement", WRITES)
def test_the_application_writes_nothing_past_the_functions(books: Books, statement: str) -> None:
    refused("default", statement, books, "permission denied|must be owner")


#: By the owner of the tables.
CHANGES = [
    ("UPDATE ledger_entry SET reference = 'other' WHERE id = %(entry)s", "only ever appended to"),
    ("DELETE FROM ledger_entry WHERE id = %(entry)s", "only ever appended to"),
    ("TRUNCATE ledger_entry CASCADE", "only ever appended to"),
    ("UPDATE ledger_posting SET amount_minor = 1 WHERE entry_id = %(entry)s", "only ever appended to"),
    ("UPDATE ledger_posting SET balance_after_minor = 1 WHERE entry_id = %(entry)s", "only ever appended to"),
    (
        "UPDATE ledger_posting SET seq = NULL, balance_after_minor = NULL, posted_at = NULL WHERE entry_id = %(entry)s",
        "only ever appended to",
    ),
    ("UPDATE ledger_posting SET account_id = %(bo)s WHERE seq IS NULL", "only ever appended to"),
    ("DELETE FROM ledger_posting WHERE entry_id = %(entry)s", "only ever appended to"),
    ("TRUNCATE ledger_posting", "only ever appended to"),
    (ONE_LEG, "do not add up to zero"),
    (ONE_LEG + ", (%(entry)s, 4, %(bo)s, 'EUR', -5)", "do not add up to zero"),
    ("DELETE FROM ledger_account WHERE id = %(ada)s", "only ever appended to"),
    ("TRUNCATE ledger_account CASCADE", "only ever appended to"),
    ("UPDATE ledger_account SET currency = 'EUR' WHERE id = %(ada)s", "only ever appended to"),
    ("UPDATE ledger_account SET owner = 5 WHERE id = %(ada)s", "only ever appended to"),
    ("UPDATE ledger_account SET seq = seq - 1 WHERE id = %(ada)s", "only ever appended to"),
    ("UPDATE ledger_account SET balance_minor = 29 WHERE id = %(ada)s", "ledger_account_floor"),
    ("UPDATE ledger_account SET held_minor = -1 WHERE id = %(ada)s", "ledger_account_held"),
    ("UPDATE ledger_account SET status = 'closed' WHERE id = %(ada)s", "ledger_account_closed_empty"),
    ("UPDATE ledger_hold SET amount_minor = 25 WHERE id = %(hold)s", "only ever appended to"),
    ("UPDATE ledger_hold SET account_id = %(bo)s WHERE id = %(hold)s", "only ever appended to"),
    ("UPDATE ledger_hold SET captured_minor = 5 WHERE id = %(hold)s", "ledger_hold_captured"),
    (
        "UPDATE ledger_hold SET status = 'captured', captured_minor = 5, ended_at = now() WHERE id = %(hold)s",
        "ledger_hold_captured_by",
    ),
    ("DELETE FROM ledger_hold WHERE id = %(hold)s", "only ever appended to|foreign key"),
    ("TRUNCATE ledger_hold CASCADE", "only ever appended to"),
    ("UPDATE ledger_hold_step SET amount_minor = 5 WHERE hold_id = %(hold)s", "only ever appended to"),
    ("DELETE FROM ledger_hold_step WHERE hold_id = %(hold)s", "only ever appended to"),
]


@pytest.mark.parametrize(("statement", "reason"), CHANGES)
def test_even_the_owner_changes_nothing_that_was_written(books: Books, statement: str, reason: str) -> None:
    refused("owner", statement, books, reason)


def test_a_table_of_ones_own_with_the_same_name_fools_no_function(books: Books) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE ledger_account ON COMMIT DROP AS SELECT * FROM public.ledger_account")
        cursor.execute("UPDATE ledger_account SET balance_minor = 1000000")
        cursor.execute("SET LOCAL search_path = pg_temp, public")
        with pytest.raises(errors.InsufficientFunds), transaction.atomic():
            send(books["ada"], books["bo"], 961)


@pytest.fixture
def another_release(books: Books) -> Iterator[None]:
    """One function in the database is not that of this code, which has not looked yet."""
    name = "0006_holds"
    mine = (functions.SQL / f"{name}.sql").read_text()
    _install(mine.replace("RETURN true;", "RETURN  true;"))
    yield
    _install(mine)


def _install(statements: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(statements)
    functions._sound_databases.clear()


def test_nothing_moves_while_the_functions_are_those_of_another_release(books: Books, another_release: None) -> None:
    before = everything()
    for _attempt in range(2):
        with pytest.raises(errors.LedgerOutOfStep) as refusal:
            send(books["ada"], books["bo"], 1)
        assert (refusal.value.status, refusal.value.code) == (503, "ledger_out_of_step")
        assert refusal.value.details["functions"] == ["ledger_release"]
    with pytest.raises(errors.LedgerOutOfStep):
        ledger.release(hold_id=books["hold"])
    assert everything() == before
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert json.loads(answer.content) == {
        "status": "unavailable",
        "postgres": "ok",
        "redis": "ok",
        "ledger": "away",
    }
    _install((functions.SQL / "0006_holds.sql").read_text())
    assert Client().get("/readyz").status_code == 200
    assert not send(books["ada"], books["bo"], 1).is_replay


@pytest.mark.parametrize(
    "legs", ["NULL, NULL", "'{}', '{}'", "ARRAY[%(ada)s], ARRAY[1]", "ARRAY[%(ada)s, %(bo)s], NULL"]
)
def test_an_entry_has_legs_whatever_the_application_asks(legs: str, books: Books) -> None:
    statement = f"SELECT ledger_post(1, {legs}, 'test', 'none', 'send', false)"
    refused("default", statement, books, "2 to 1000 legs")
