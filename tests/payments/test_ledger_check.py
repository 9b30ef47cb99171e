"""``manage.py ledger check`` is content with sound books, and says what is wrong with others, rule by rule.

Damage is done by the owner of the tables, past all guards, in a transaction that is thrown away; the check runs inside
of it.
"""

import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction
from django.utils import timezone

from payments.ledger import check, registry
from payments.ledger import services as ledger
from superapp.core.ids import new_id
from tests.payments.money import fund, lines

pytestmark = pytest.mark.usefixtures("committed_db")

Books = dict[str, Any]


@pytest.fixture(scope="module")
def books(committed_db: Any) -> Books:
    """A little of everything: ids by name. ``shop`` is an appended account."""
    ada, bo = fund(new_id(), 1_000), fund(new_id(), 500)
    shop = ledger.open_account(kind="merchant", owner_id=new_id(), currency="CNY")
    soon = {"currency": "CNY", "expires_at": timezone.now() + timedelta(hours=1), "purpose": "test"}

    def send(debit: int, credit: int, amount: int, reference: str) -> int:
        key = {"purpose": "test", "reference": reference, "step": "send", "currency": "CNY"}
        return ledger.transfer(debit_account_id=debit, credit_account_id=credit, amount_minor=amount, **key).entry_id

    first, second = send(ada, bo, 300, "first"), send(ada, bo, 100, "second")
    back = ledger.reverse(entry_id=second, purpose="test", reference="second", step="back").entry_id
    sale = send(ada, shop, 10, "sale")
    open_hold = ledger.hold(account_id=ada, amount_minor=20, reference="open", **soon)
    ledger.raise_hold(hold_id=open_hold, amount_minor=30, step="more")
    captured = ledger.hold(account_id=ada, amount_minor=40, reference="captured", **soon)
    key = {"purpose": "test", "reference": "captured", "step": "capture"}
    taken = ledger.capture(hold_id=captured, lines=lines((bo, 35)), **key).entry_id
    for account_id in (shop, ledger.house_account("world", "CNY", "opening")):
        ledger.fold(account_id=account_id)
    waiting = send(ada, shop, 5, "waiting")
    accounts = {"ada": ada, "bo": bo, "shop": shop}
    entries = {"first": first, "second": second, "back": back, "sale": sale, "taken": taken, "waiting": waiting}
    return accounts | entries | {"open_hold": open_hold, "captured": captured}


@pytest.fixture
def past_all_guards(books: Books, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Run a statement as the owner, with triggers off and without the constraints of the tables."""
    # Other rooms' rules ask on the application's role, which would wait for this transaction.
    monkeypatch.setattr(registry.checks, "rules", {})
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        for table in check.TABLES:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint"
            " WHERE conrelid = ANY (%s::regclass[]) AND contype IN ('c', 'f')",
            [list(check.TABLES)],
        )
        for table, constraint in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
        cursor.execute("DROP INDEX ledger_posting_place, ledger_entry_reversed_once")
        yield lambda statement: cursor.execute(statement, books)
        transaction.set_rollback(True, using="owner")


def found(*rules: str) -> list[str]:
    """What the check says to these rules; it ends as unsound."""
    out = io.StringIO()
    with pytest.raises(CommandError, match="The ledger is not sound"):
        call_command("ledger", "check", stdout=out)
    said: dict[str, list[str]] = {}
    rule = ""
    for line in out.getvalue().splitlines():
        if line.startswith("         - "):
            said[rule].append(line.removeprefix("         - "))
        else:
            rule = line.split()[1]
            said[rule] = []
            assert line.startswith("UNSOUND ") == (rule in {*rules, "guards"}), line
    return [sentence for rule in rules for sentence in said[rule]]


def test_sound_books_are_called_sound(books: Books) -> None:
    out = io.StringIO()
    call_command("ledger", "check", stdout=out)
    *rules, verdict = out.getvalue().splitlines()
    assert verdict == "The ledger is sound."
    assert [line.split()[:2] for line in rules][: len(check.RULES)] == [["ok", rule] for rule in check.RULES]


DAMAGE: list[tuple[str, dict[str, str]]] = [
    (
        "UPDATE ledger_account SET balance_minor = balance_minor + 1 WHERE id = %(ada)s",
        {"totals": "CNY adds up to 1", "balances": "account {ada} has 651, its last posting left 650"},
    ),
    (
        "UPDATE ledger_account SET seq = seq + 1 WHERE id = %(shop)s",
        {"balances": "account {shop} counts 2 postings, its last one is number 1"},
    ),
]


@pytest.mark.parametrize(("statement", "wrong"), DAMAGE)
def test_damage_is_found_and_named(books: Books, past_all_guards: Any, statement: str, wrong: dict[str, str]) -> None:
    past_all_guards(statement)
    assert found(*wrong) == [sentence.format(**books) for sentence in wrong.values()]
