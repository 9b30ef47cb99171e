"""``manage.py ledger check`` is content with sound books, and says what is wrong with others, rule by rule.

Damage is done by the owner of the tables, past all guards, in a transaction that is thrown away; the check runs inside
of it.
"""

import io
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction
from django.utils import timezone

from payments.ledger import check, registry
from payments.ledger import services as ledger
from payments.ledger.errors import InsufficientFunds
from payments.ledger.models import Check
from superapp.core.ids import new_id
from superapp.localdev import places
from superapp.localdev.stage import Addresses
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
def as_owner(books: Books, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Run a statement as the owner, and forget it at the end."""
    # Other rooms' rules ask on the application's role, which would wait for this transaction.
    monkeypatch.setattr(registry.checks, "rules", {})
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        yield lambda statement: cursor.execute(statement, books)
        transaction.set_rollback(True, using="owner")


@pytest.fixture
def past_all_guards(as_owner: Any) -> Any:
    """The same with triggers off and without the constraints of the tables."""
    with connections["owner"].cursor() as cursor:
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
    return as_owner


def found() -> dict[str, list[str]]:
    """What the check says, by rule; it ends as unsound."""
    out = io.StringIO()
    with pytest.raises(CommandError, match="The ledger is not sound"):
        call_command("ledger", "check", stdout=out)
    said: dict[str, list[str]] = {}
    rule = ""
    for line in out.getvalue().splitlines():
        if line.startswith("UNSOUND "):
            rule = line.split()[1]
            said[rule] = []
        elif line.startswith("         - "):
            said[rule].append(line.removeprefix("         - "))
    return said


def test_sound_books_are_called_sound(books: Books) -> None:
    out = io.StringIO()
    call_command("ledger", "check", stdout=out)
    *rules, verdict = out.getvalue().splitlines()
    assert verdict == "The ledger is sound."
    assert {line.split()[0] for line in rules} == {"ok"}
    assert set(check.RULES) <= {line.split()[1] for line in rules}
    assert "ok       sums                    8 looked at: an entry has two legs or more" in out.getvalue()
    kept = Check.objects.get()
    assert (kept.at, kept.problem_count, kept.ended_at is not None) == ("end", 0, True)


#: A statement, and what the check says of it: how its sentences begin, rule by rule.
DAMAGE: dict[str, tuple[str, dict[str, list[str]]]] = {
    "another balance": (
        "UPDATE ledger_account SET balance_minor = 651 WHERE id = %(ada)s",
        {
            "totals": ["CNY adds up to 1"],
            "balances": ["account {ada} has 651, its last posting left 650"],
        },
    ),
    "more postings counted": (
        "UPDATE ledger_account SET seq = seq + 1 WHERE id = %(shop)s",
        {"balances": ["account {shop} counts 2 postings, its last one is number 1"]},
    ),
    "moved earlier": (
        "UPDATE ledger_account SET moved_at = '2020-01-01' WHERE id = %(ada)s",
        {"balances": ["account {ada} moved at 2020-01-01"]},
    ),
    "more held": (
        "UPDATE ledger_account SET held_minor = 31 WHERE id = %(ada)s",
        {"held": ["account {ada} holds 31, its open holds add up to 30"]},
    ),
    "a lost hold": (
        "DELETE FROM ledger_hold WHERE id = %(open_hold)s",
        {"held": ["account {ada} holds 30, its open holds add up to 0"]},
    ),
    "a higher hold": (
        "UPDATE ledger_hold SET amount_minor = 31 WHERE id = %(open_hold)s",
        {
            "held": ["account {ada} holds 30, its open holds add up to 31"],
            "holds": ["hold {open_hold} of account {ada} is of 31, and was raised to 30"],
        },
    ),
    "a hold of nobody": (
        "UPDATE ledger_hold SET account_id = 1 WHERE id = %(captured)s",
        {
            "holds": ["hold {captured} of account 1 has no such account"],
            "captures": ["hold {captured} of account 1 says that 35 are captured, entry {taken} takes 0"],
        },
    ),
    "a hold of another currency": (
        "UPDATE ledger_hold SET currency = 'EUR' WHERE id = %(captured)s",
        {"holds": ["hold {captured} of account {ada} is in EUR, the account in CNY"]},
    ),
    "more captured": (
        "UPDATE ledger_hold SET captured_minor = 41 WHERE id = %(captured)s",
        {
            "captures": [
                "hold {captured} of account {ada} is of 40, of which 41 are captured",
                "hold {captured} of account {ada} says that 41 are captured, entry {taken} takes 35",
            ]
        },
    ),
    "captured while open": (
        "UPDATE ledger_hold SET captured_minor = 5 WHERE id = %(open_hold)s",
        {"captures": ["hold {open_hold} of account {ada} is open, and 5 of it captured"]},
    ),
    "captured by nothing": (
        "UPDATE ledger_hold SET entry_id = NULL WHERE id = %(captured)s",
        {"captures": ["hold {captured} of account {ada} says that 35 are captured, entry none takes 0"]},
    ),
    "below the floor": (
        "UPDATE ledger_account SET floor_minor = 621 WHERE id = %(ada)s",
        {"limits": ["account {ada} has 650, 30 held, below its floor of 621"]},
    ),
    "closed with money": (
        "UPDATE ledger_account SET status = 'closed' WHERE id = %(bo)s",
        {"limits": ["account {bo} is closed with 835 in it"]},
    ),
    "a wallet without a floor": (
        "UPDATE ledger_account SET floor_minor = NULL, held_minor = 0 WHERE id = %(bo)s",
        {"kinds": ["account {bo} is a wallet that may have less than nothing"]},
    ),
    "no state": (
        "UPDATE ledger_account SET status = 'free' WHERE id = %(bo)s",
        {"kinds": ["account {bo} is free, which is no state of an account"]},
    ),
    "a shop that everybody locks": (
        "UPDATE ledger_account SET is_appended = false WHERE id = %(shop)s",
        {
            "kinds": ["account {shop} is a merchant, and not appended"],
            "places": ["account {shop} has no place for its part of entry {waiting}"],
        },
    ),
    "out of its place": (
        "UPDATE ledger_posting SET seq = NULL, balance_after_minor = NULL, posted_at = NULL"
        " WHERE account_id = %(ada)s AND entry_id = %(first)s",
        {
            "totals": ["CNY adds up to -300"],
            "places": ["account {ada} has no place for its part of entry {first}"],
            "chain": ["account {ada} has number 3 and no number 2"],
        },
    ),
    "another amount": (
        "UPDATE ledger_posting SET amount_minor = -301 WHERE account_id = %(ada)s AND entry_id = %(first)s",
        {
            "sums": ["entry {first} adds up to -1 CNY"],
            "chain": ["account {ada} had 1000 before its posting 2, which moves -301 and leaves 700"],
        },
    ),
    "a lost leg": (
        "DELETE FROM ledger_posting WHERE account_id = %(bo)s AND entry_id = %(first)s",
        {
            "sums": ["entry {first} adds up to -300 CNY", "entry {first} has 1 legs"],
            "chain": ["account {bo} has number 3 and no number 2"],
        },
    ),
    "a leg too many": (
        "INSERT INTO ledger_posting (entry_id, leg, account_id, currency, amount_minor)"
        " VALUES (%(sale)s, 3, %(shop)s, 'CNY', 7)",
        {"totals": ["CNY adds up to 7"], "sums": ["entry {sale} adds up to 7 CNY"]},
    ),
    "a lost last posting": (
        "DELETE FROM ledger_posting WHERE entry_id = %(taken)s AND account_id = %(bo)s",
        {
            "balances": [
                "account {bo} has 835, its last posting left 800",
                "account {bo} counts 5 postings, its last one is number 4",
            ],
            "sums": ["entry {taken} adds up to -35 CNY", "entry {taken} has 1 legs"],
        },
    ),
    "an entry without legs": (
        "INSERT INTO ledger_entry (id, purpose, reference, step) VALUES (5, 'test', 'empty', 'send')",
        {"sums": ["entry 5 has 0 legs"]},
    ),
    "legs without an entry": (
        "DELETE FROM ledger_entry WHERE id = %(sale)s",
        {"parties": ["entry {sale} is not there, account"] * 2},
    ),
    "a lost account": (
        "DELETE FROM ledger_account WHERE id = %(shop)s",
        {
            "totals": ["CNY adds up to -10"],
            "parties": [
                "account {shop} of entry {sale} is not there",
                "account {shop} of entry {waiting} is not there",
            ],
        },
    ),
    "another currency": (
        "UPDATE ledger_posting SET currency = 'EUR' WHERE account_id = %(bo)s AND entry_id = %(first)s",
        {
            "sums": ["entry {first} adds up to -300 CNY", "entry {first} adds up to 300 EUR"],
            "parties": ["account {bo} of entry {first} is in CNY, not in EUR"],
        },
    ),
    "another balance after": (
        "UPDATE ledger_posting SET balance_after_minor = 701 WHERE account_id = %(ada)s AND entry_id = %(first)s",
        {
            "chain": [
                "account {ada} had 1000 before its posting 2, which moves -300 and leaves 701",
                "account {ada} had 701 before its posting 3, which moves -100 and leaves 600",
            ]
        },
    ),
    "back in time": (
        "UPDATE ledger_posting SET posted_at = '2020-01-01' WHERE account_id = %(ada)s AND entry_id = %(first)s",
        {"moments": ["account {ada} has posting 2 from before its posting 1"]},
    ),
    "a number twice": (
        "UPDATE ledger_posting SET seq = 3 WHERE account_id = %(ada)s AND entry_id = %(first)s",
        {"chain": ["account {ada} has number 3 and no number 2"] * 2},
    ),
    "another entry taken back": (
        "UPDATE ledger_entry SET reverses_id = %(first)s WHERE id = %(back)s",
        {"reversals": ["entry {back} is not entry {first} the other way round"]},
    ),
    "nothing taken back": (
        "UPDATE ledger_entry SET reverses_id = 5 WHERE id = %(back)s",
        {"reversals": ["entry {back} is not entry 5 the other way round"]},
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found_and_named(books: Books, past_all_guards: Any, name: str) -> None:
    statement, wrong = DAMAGE[name]
    past_all_guards(statement)
    said = found()
    said.pop("guards")
    assert said.keys() == wrong.keys()
    for rule, sentences in said.items():
        begin = sorted(sentence.format(**books) for sentence in wrong[rule])
        assert [sentence[: len(expected)] for sentence, expected in zip(sorted(sentences), begin, strict=True)] == begin


GUARDS = {
    "a trigger that is off": (
        "ALTER TABLE ledger_posting DISABLE TRIGGER ledger_posting_sum_zero",
        {"guards": ["ledger_posting_sum_zero is missing or switched off"]},
    ),
    "a lost constraint": (
        "ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_floor",
        {"guards": ["ledger_account_floor is missing or switched off"]},
    ),
    "a lost unique index": (
        "DROP INDEX ledger_posting_place",
        {"guards": ["ledger_posting_place is missing or switched off"]},
    ),
    "another function": (
        "CREATE OR REPLACE FUNCTION ledger_release(of_hold bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        {"functions": ["ledger_release is not the function of this release"]},
    ),
    "a strange function": (
        "CREATE FUNCTION ledger_print_money() RETURNS boolean LANGUAGE sql AS 'SELECT true';"
        " REVOKE ALL ON FUNCTION ledger_print_money FROM PUBLIC",
        {"functions": ["ledger_print_money is not the function of this release"]},
    ),
    "a right to write": (
        "GRANT UPDATE (balance_minor) ON ledger_account TO {application}",
        {"privileges": ["{application} may update ledger_account"]},
    ),
    "a right to empty": (
        "GRANT TRUNCATE ON ledger_hold TO {application}",
        {"privileges": ["{application} may truncate ledger_hold"]},
    ),
    "a helper for all": (
        "GRANT EXECUTE ON FUNCTION ledger_write TO {application}",
        {"privileges": ["{application} may call ledger_write"]},
    ),
}


@pytest.mark.parametrize("name", GUARDS)
def test_what_guards_the_books_is_looked_at(as_owner: Any, name: str) -> None:
    statement, wrong = GUARDS[name]
    application = connections["default"].settings_dict["USER"]
    as_owner(statement.format(application=application))
    assert found() == {rule: [line.format(application=application) for line in lines] for rule, lines in wrong.items()}


def test_rules_of_other_rooms_are_said_in_words() -> None:
    assert registry.checks.rules.keys() == registry.checks.says.keys() >= {"transfers", "products", "red_packets"}
    # A name fits into its column.
    assert all(" " in check.say(rule) and len(rule) <= 12 for rule in registry.checks.rules)


def test_other_rooms_add_rules(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as during:
        during.setattr(registry.checks, "rules", {"orders": lambda: ["order 5 gave away more than came in"]})
        assert found() == {"orders": ["order 5 gave away more than came in"]}


def test_of_many_problems_the_first_are_said(as_owner: Any, books: Books) -> None:
    as_owner(
        "ALTER TABLE ledger_account DISABLE TRIGGER USER;"
        " INSERT INTO ledger_account (id, kind, owner, name, currency, seq, is_appended)"
        " SELECT n, 'wallet', n, '', 'CNY', 7, false FROM generate_series(1, 25) AS n"
    )
    assert found()["balances"][18:] == [
        "account 19 counts 7 postings, its last one is number 0",
        "account 20 counts 7 postings, its last one is number 0",
        "and 5 more",
    ]


def test_what_came_before_a_moment_is_left_out(past_all_guards: Any, books: Books) -> None:
    past_all_guards("UPDATE ledger_posting SET amount_minor = -301 WHERE account_id = %(ada)s AND entry_id = %(first)s")
    now = timezone.now()
    assert check.check(using="owner", since=now - timedelta(hours=1)).findings["sums"].count == 1
    found = check.check(using="owner", since=now + timedelta(hours=1))
    assert (found.findings["sums"].looked_at, found.findings["sums"].count) == (0, 0)
    assert found.findings["holds"].looked_at == 2
    for nonsense in ("yesterday", "2026-01-31T00:00:00", "2026-13-31T00:00:00Z"):
        with pytest.raises(CommandError, match="a moment with its time zone"):
            call_command("ledger", "check", since=nonsense)


@pytest.mark.parametrize("rows", [1, 2, 3, 1_000])
def test_stretches_of_any_length_see_the_same(past_all_guards: Any, books: Books, rows: int) -> None:
    past_all_guards("DELETE FROM ledger_posting WHERE account_id = %(bo)s AND entry_id = %(first)s")
    progress = check.Progress()
    while not progress.is_done:
        check.step(progress, using="owner", rows=rows)
    whole = check.check(using="owner")
    assert progress.findings == whole.findings
    assert whole.problem_count > 0


def test_it_is_right_while_money_moves(books: Books) -> None:
    """Small stretches, so that much happens between two of them."""

    def move(seed: int) -> None:
        chance = random.Random(seed)
        soon = timezone.now() + timedelta(hours=1)
        try:
            for turn in range(60):
                debit, credit = chance.sample([books["ada"], books["bo"], books["shop"]], 2)
                key = {"purpose": "test", "reference": f"load {seed} {turn}"}
                send = {"debit_account_id": debit, "credit_account_id": credit, "amount_minor": 5}
                with suppress(InsufficientFunds):
                    ledger.transfer(currency="CNY", step="send", **send, **key)
                    held = ledger.hold(account_id=debit, amount_minor=3, currency="CNY", expires_at=soon, **key)
                    if chance.random() < 0.5:
                        ledger.capture(hold_id=held, lines=lines((credit, 2)), step="capture", **key)
                    else:
                        ledger.release(hold_id=held)
                ledger.fold(account_id=books["shop"])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as pool:
        movers = [pool.submit(move, seed) for seed in range(3)]
        checked = 0
        while not all(mover.done() for mover in movers):
            progress = check.Progress()
            while not progress.is_done:
                check.step(progress, using=("owner", "default")[checked % 2], rows=40)
            assert list(progress.problems()) == []
            checked += 1
        for mover in movers:
            mover.result()
    assert checked > 2


def test_the_command_ends_with_one_when_the_books_are_wrong(books: Books, committed_db: Addresses) -> None:
    def run() -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "manage.py", "ledger", "check"],
            cwd=places.CLONE, env=os.environ | committed_db.environment(), text=True, capture_output=True, check=False,
        )  # fmt: skip

    def add(amount: int) -> None:
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "UPDATE ledger_account SET balance_minor = balance_minor + %s WHERE id = %s", [amount, books["bo"]]
            )

    add(1)
    try:
        wrong = run()
    finally:
        add(-1)
    assert wrong.returncode == 1
    assert f"account {books['bo']} has " in wrong.stdout
    assert "The ledger is not sound: 2 problems." in wrong.stderr
    sound = run()
    assert (sound.returncode, sound.stdout.splitlines()[-1]) == (0, "The ledger is sound.")
