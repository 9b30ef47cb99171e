"""Whatever is asked of the ledger in whatever order, it does and refuses what a model in plain Python says."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from payments.ledger import errors, selectors
from payments.ledger import services as ledger
from superapp.core.errors import DomainError, IdempotencyConflict, NotFound
from superapp.core.ids import new_id
from superapp.core.money import MAX_AMOUNT_MINOR
from tests.payments.money import lines
from tests.sizes import sizes

pytestmark = pytest.mark.django_db

Refusals = set[type[DomainError]]
Legs = list[tuple[str, int]]


# --- the model --------------------------------------------------------------------------------------------------------


@dataclass
class Purse:
    """An account. ``placed``: entry and amount of its postings, in order; ``waiting``: of those to be folded in."""

    id: int
    currency: str
    floor: int | None
    ceiling: int | None = None
    is_appended: bool = False
    status: str = "open"
    held: int = 0
    placed: list[tuple[int, int]] = field(default_factory=list)
    waiting: list[tuple[int, int]] = field(default_factory=list)

    @property
    def balance(self) -> int:
        return sum(amount for _entry, amount in self.placed)

    @property
    def total(self) -> int:
        return self.balance + sum(amount for _entry, amount in self.waiting)

    def is_checked(self, amount: int) -> bool:
        return not self.is_appended or (amount < 0 and self.floor is not None)

    def fold(self, most: int = 5_000) -> int:
        due, self.waiting = self.waiting[:most], self.waiting[most:]
        self.placed += due
        return len(due)

    def fold_for(self, amount: int) -> None:
        if self.is_appended and self.floor is not None and self.balance - self.held - self.floor < amount:
            self.fold()

    def refuses(self, amount: int, *, returns: bool, frees: int | None = None) -> Refusals:
        """``frees``: it is paid out of a hold of so much."""
        found: Refusals = set()
        if self.status == "closed":
            found.add(errors.AccountClosed)
        elif self.status == "frozen" and frees is None and not (returns and amount > 0):
            found.add(errors.AccountFrozen)
        if self.is_checked(amount):
            after = (self.total if self.is_appended else self.balance) + amount
            if self.floor is not None and after - self.held + (frees or 0) < self.floor:
                found.add(errors.InsufficientFunds)
            if self.ceiling is not None and amount > 0 and after > self.ceiling and not returns:
                found.add(errors.BalanceTooHigh)
        return found

    def take(self, entry: int, amount: int, *, frees: int = 0) -> None:
        if self.is_checked(amount):
            self.fold_for(-amount - frees)
            self.held -= frees
            self.placed.append((entry, amount))
        else:
            self.waiting.append((entry, amount))

    def set_aside_refuses(self, amount: int, currency: str) -> Refusals:
        found: Refusals = set()
        if self.status != "open":
            found.add(errors.AccountClosed if self.status == "closed" else errors.AccountFrozen)
        elif self.currency != currency:
            found.add(errors.CurrencyMismatch)
        # Where nothing has to be there, nothing can be held.
        is_there = self.floor is not None and self.total - self.held - self.floor >= amount
        return found if is_there else found | {errors.InsufficientFunds}

    def set_aside(self, amount: int) -> None:
        self.fold_for(amount)
        self.held += amount


@dataclass
class Made:
    """An entry."""

    id: int
    legs: Legs
    reverses: int | None = None


@dataclass
class Promise:
    """A hold."""

    id: int
    account: str
    currency: str
    asked: int
    amount: int
    captured: int = 0
    status: str = "open"
    entry: int | None = None
    steps: dict[str, int] = field(default_factory=dict)


# --- what is asked ----------------------------------------------------------------------------------------------------

#: Mostly what can be done, so that much happens.
PARTIES = [*["ada", "bo", "shop", "fee", "world"] * 4, "cy", "abroad"]
SMALL = [1, 2, 3, 5, 7, 10, 15, 20, 25, 30, 40, 50, 60, 75, 100, 120] * 2
who = st.sampled_from(PARTIES)
anything = st.sampled_from([*SMALL, 400, 999, 2_000, MAX_AMOUNT_MINOR, 0, -5, MAX_AMOUNT_MINOR + 1, 2**63])
keys = st.sampled_from([None] * 6 + [1, 2, 3])
currencies = st.sampled_from(["CNY"] * 12 + ["EUR"])
#: How far back: mostly what was just made.
which = st.sampled_from([0, 0, 0, 1, 3])
returns = st.booleans()
ASKED: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "transfer": st.fixed_dictionaries(
        {"debit": who, "credit": who, "amount": anything, "currency": currencies, "key": keys, "returns": returns}
    ),
    "post": st.fixed_dictionaries(
        {
            "legs": st.lists(st.tuples(who, anything), min_size=1, max_size=3, unique_by=lambda leg: leg[0]),
            "last": who,
            "off": st.sampled_from([0] * 9 + [1]),
            "key": keys,
            "returns": returns,
        }
    ),
    "reverse": st.fixed_dictionaries({"at": which, "key": keys}),
    "hold": st.fixed_dictionaries(
        {
            "name": st.sampled_from([*["ada", "bo", "shop"] * 5, *sorted(set(PARTIES))]),
            "amount": anything,
            "currency": currencies,
            "key": keys,
            "is_late": st.sampled_from([False] * 9 + [True]),
        }
    ),
    "raise_hold": st.fixed_dictionaries(
        {
            "at": which,
            "more": st.sampled_from([-5, 0, 5, 10, 20, 30, 60]),
            "step": st.sampled_from(["one", "two", "three"]),
        }
    ),
    "capture": st.fixed_dictionaries(
        {
            "at": which,
            "shares": st.lists(st.tuples(who, st.sampled_from([*SMALL[:12] * 2, 0])), min_size=1, max_size=2),
            "key": keys,
        }
    ),
    "release": st.fixed_dictionaries({"at": which}),
    "set_status": st.fixed_dictionaries(
        {"name": who, "status": st.sampled_from(["open", "open", "frozen", "frozen", "closed"])}
    ),
    "fold": st.fixed_dictionaries({"name": who, "most": st.integers(1, 4)}),
    "look_at_the_clock": st.just({}),
    "look_back": st.fixed_dictionaries({"name": who, "at": which}),
}
# One rule that chooses: rules of their own are left out of most examples, and then nothing is ever captured.
OFTEN = {"transfer": 4, "post": 3, "hold": 4, "raise_hold": 4, "capture": 5, "reverse": 2, "fold": 2, "set_status": 3}
WHAT = [what for what in ASKED for _ in range(OFTEN.get(what, 1))]


class Books(RuleBasedStateMachine):
    """Two wallets and a shop in CNY, a wallet in EUR, a fee account, and the world in both."""

    def __init__(self) -> None:
        super().__init__()
        # What an example did is thrown away with it.
        self.example = transaction.atomic()
        self.example.__enter__()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.example.__exit__(None, None, None)

    @initialize()
    def begin(self) -> None:
        self.made: dict[str, Made] = {}
        self.promises: dict[str, Promise] = {}
        self.seen: list[tuple[datetime, dict[str, int]]] = []
        self.purses = {
            "ada": self.open("wallet", "CNY", ceiling=2_000),
            "bo": self.open("wallet", "CNY"),
            "cy": self.open("wallet", "EUR"),
            "shop": self.open("merchant", "CNY"),
            "fee": self.open("fee", "CNY", floor=None),
            "world": self.open("world", "CNY", floor=None),
            "abroad": self.open("world", "EUR", floor=None),
        }
        for debit, credit in (("world", "ada"), ("world", "bo"), ("abroad", "cy"), ("world", "shop")):
            self.moves({debit: -1_000, credit: 1_000}, f"first {credit}")
        for name in ("shop", "ada", "bo"):
            self.hold(name, 100, "CNY", None, is_late=False)

    def open(self, kind: str, currency: str, *, floor: int | None = 0, ceiling: int | None = None) -> Purse:
        given: dict[str, Any] = {"kind": kind, "owner_id": new_id(), "currency": currency}
        opened = ledger.open_account(**given, floor_minor=floor, ceiling_minor=ceiling)
        # Once more, with other limits: it stays as it is.
        assert ledger.open_account(**given, floor_minor=-5, ceiling_minor=6) == opened
        return Purse(opened, currency, floor, ceiling, is_appended=kind in ledger.APPENDED)

    def moves(self, legs: dict[str, int], reference: str) -> None:
        asked = lines(*((self.purses[name].id, amount) for name, amount in legs.items()))
        posted = ledger.post(lines=asked, purpose="model", reference=reference, step="first")
        self.write(reference, posted.entry_id, list(legs.items()))

    # How it is compared ---------------------------------------------------------------------------------------------

    def asks(self, refusals: Refusals, work: Callable[[], Any]) -> Any:
        """What it returns; ``None`` when it was refused, for one of the reasons that the model has."""
        if not refusals:
            return work()
        with pytest.raises(tuple(refusals)), transaction.atomic():
            work()
        return None

    def new(self, key: int | None) -> str:
        return f"key {key}" if key else str(new_id())

    def write(
        self, key: str, entry: int, legs: Legs, *, frees: tuple[str, int] = ("", 0), reverses: Any = None
    ) -> None:
        for name, amount in sorted(legs, key=lambda leg: self.purses[leg[0]].id):
            self.purses[name].take(entry, amount, frees=frees[1] if name == frees[0] else 0)
        self.made[key] = Made(entry, legs, reverses)

    def cannot_write(self, legs: Legs, *, returns: bool, frees: tuple[str, int] | None = None) -> Refusals:
        if not 2 <= len(legs) <= 100:
            return {errors.InvalidAmount}
        if max(Counter(name for name, _amount in legs).values()) > 1:
            return {errors.SameAccount}
        found: Refusals = set()
        sums: Counter[str] = Counter()
        for name, amount in legs:
            freed = frees[1] if frees and frees[0] == name else None
            found |= self.purses[name].refuses(amount, returns=returns, frees=freed)
            sums[self.purses[name].currency] += amount
        if any(sums.values()):
            found.add(errors.CurrencyMismatch)
        return found

    def posts(self, key: str, legs: Legs, refusals: Refusals, work: Callable[[], Any], **written: Any) -> None:
        """Through ``work``, once: a known key is a replay or a conflict."""
        if earlier := self.made.get(key):
            same = sorted(earlier.legs) == sorted(legs)
            posted = self.asks(set() if same else {IdempotencyConflict}, work)
            assert not same or posted == ledger.Posted(earlier.id, is_replay=True)
        elif posted := self.asks(refusals, work):
            assert not posted.is_replay
            self.write(key, posted.entry_id, legs, **written)

    # What can be asked ----------------------------------------------------------------------------------------------

    @rule(data=st.data(), what=st.sampled_from(WHAT))
    def ask(self, data: st.DataObject, what: str) -> None:
        getattr(self, what)(**data.draw(ASKED[what]))

    def transfer(self, debit: str, credit: str, amount: int, currency: str, key: int | None, returns: bool) -> None:
        reference, legs = self.new(key), [(debit, -amount), (credit, amount)]
        given = {"purpose": "model", "reference": reference, "step": "first", "currency": currency, "returns": returns}
        parties = {"debit_account_id": self.purses[debit].id, "credit_account_id": self.purses[credit].id}
        work = lambda: ledger.transfer(amount_minor=amount, **parties, **given)  # noqa: E731
        if not 1 <= amount <= MAX_AMOUNT_MINOR:
            self.asks({errors.InvalidAmount}, work)
        elif debit == credit:
            self.asks({errors.SameAccount}, work)
        else:
            refusals = self.cannot_write(legs, returns=returns)
            if {self.purses[debit].currency, self.purses[credit].currency} != {currency}:
                refusals.add(errors.CurrencyMismatch)
            self.posts(reference, legs, refusals, work)

    def post(self, legs: Legs, last: str, off: int, key: int | None, returns: bool) -> None:
        reference = self.new(key)
        legs = [*legs, (last, off - sum(amount for _name, amount in legs))]
        asked = lines(*((self.purses[name].id, amount) for name, amount in legs))
        given = {"purpose": "model", "reference": reference, "step": "first", "returns": returns}
        work = lambda: ledger.post(lines=asked, **given)  # noqa: E731
        if any(not 1 <= abs(amount) <= MAX_AMOUNT_MINOR for _name, amount in legs):
            self.asks({errors.InvalidAmount}, work)
        else:
            self.posts(reference, legs, self.cannot_write(legs, returns=returns), work)

    def reverse(self, at: int, key: int | None) -> None:
        reference, made = self.new(key), list(self.made.values())
        of = made[-1 - at % len(made)]
        given = {"purpose": "model", "reference": reference, "step": "first"}
        work = lambda: ledger.reverse(entry_id=of.id, **given)  # noqa: E731
        legs = [(name, -amount) for name, amount in of.legs]
        if earlier := self.made.get(reference):
            is_same = earlier.reverses == of.id
            posted = self.asks(set() if is_same else {IdempotencyConflict}, work)
            assert not is_same or posted == ledger.Posted(earlier.id, is_replay=True)
        elif of.id in {one.reverses for one in made}:
            self.asks({errors.AlreadyReversed}, work)
        else:
            self.posts(reference, legs, self.cannot_write(legs, returns=True), work, reverses=of.id)

    def hold(self, name: str, amount: int, currency: str, key: int | None, is_late: bool) -> None:
        reference, purse = self.new(key), self.purses[name]
        until = timezone.now() + timedelta(hours=-1 if is_late else 1)
        given: dict[str, Any] = {"purpose": "model", "reference": reference, "currency": currency, "expires_at": until}
        work = lambda: ledger.hold(account_id=purse.id, amount_minor=amount, **given)  # noqa: E731
        if not 1 <= amount <= MAX_AMOUNT_MINOR:
            self.asks({errors.InvalidAmount}, work)
        elif earlier := self.promises.get(reference):
            same = (earlier.account, earlier.currency, earlier.asked) == (name, currency, amount)
            found = self.asks(set() if same else {IdempotencyConflict}, work)
            assert found == (earlier.id if same else None)
        else:
            refusals = {errors.HoldEnded} if is_late else purse.set_aside_refuses(amount, currency)
            if found := self.asks(refusals, work):
                purse.set_aside(amount)
                self.promises[reference] = Promise(found, name, currency, amount, amount)

    def promise(self, at: int) -> Promise | None:
        made = list(self.promises.values())
        return made[-1 - at % len(made)] if made else None

    def raise_hold(self, at: int, more: int, step: str) -> None:
        hold = self.promise(at)
        amount = hold.amount + more if hold else 10
        work = lambda: ledger.raise_hold(hold_id=hold.id if hold else 1, amount_minor=amount, step=step)  # noqa: E731
        if amount < 1:
            self.asks({errors.InvalidAmount}, work)
        elif hold is None:
            self.asks({NotFound}, work)
        elif step in hold.steps:
            self.asks(set() if hold.steps[step] == amount else {IdempotencyConflict}, work)
        elif hold.status != "open":
            self.asks({errors.HoldEnded}, work)
        elif more < 0:
            self.asks({errors.HoldTooLow}, work)
        else:
            refusals = self.purses[hold.account].set_aside_refuses(more, hold.currency)
            self.asks(refusals, work)
            if not refusals:
                self.purses[hold.account].set_aside(more)
                hold.amount, hold.steps[step] = amount, amount

    def capture(self, at: int, shares: Legs, key: int | None) -> None:
        hold, reference, total = self.promise(at), self.new(key), sum(amount for _name, amount in shares)
        asked = lines(*((self.purses[name].id, amount) for name, amount in shares))
        given = {"purpose": "model", "reference": reference, "step": "first"}
        work = lambda: ledger.capture(hold_id=hold.id if hold else 1, lines=asked, **given)  # noqa: E731
        if not shares or any(amount < 1 for _name, amount in shares):
            self.asks({errors.InvalidAmount}, work)
        elif hold is None:
            self.asks({NotFound}, work)
        elif (earlier := self.made.get(reference)) and hold.entry != earlier.id:
            self.asks({IdempotencyConflict}, work)
        else:
            legs = [*shares, (hold.account, -total)]
            if hold.status != "open":
                refusals: Refusals = {errors.HoldEnded}
            elif total > hold.amount:
                refusals = {errors.CaptureTooHigh}
            else:
                refusals = self.cannot_write(legs, returns=False, frees=(hold.account, hold.amount))
            is_known = reference in self.made
            self.posts(reference, legs, refusals, work, frees=(hold.account, hold.amount))
            if reference in self.made and not is_known:
                hold.status, hold.captured, hold.entry = "captured", total, self.made[reference].id

    def release(self, at: int) -> None:
        hold = self.promise(at)
        if hold is None:
            self.asks({NotFound}, lambda: ledger.release(hold_id=1))
            return
        assert self.asks(set(), lambda: ledger.release(hold_id=hold.id)) == (hold.status == "open")
        if hold.status == "open":
            self.purses[hold.account].held -= hold.amount
            hold.status = "released"

    def set_status(self, name: str, status: str) -> None:
        purse = self.purses[name]
        refusals: Refusals = set()
        if purse.status == "closed" and status != "closed":
            refusals = {errors.AccountClosed}
        elif status == "closed" and (purse.is_appended or purse.balance or purse.held):
            refusals = {errors.AccountNotEmpty}
        self.asks(refusals, lambda: ledger.set_status(account_id=purse.id, status=status))
        if not refusals:
            purse.status = status

    def fold(self, name: str, most: int) -> None:
        purse = self.purses[name]
        assert self.asks(set(), lambda: ledger.fold(account_id=purse.id, limit=most)) == purse.fold(most)

    def look_at_the_clock(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            (now,) = cursor.fetchone()
        self.seen.append((now, {name: len(purse.placed) for name, purse in self.purses.items()}))

    def look_back(self, name: str, at: int) -> None:
        if self.seen:
            moment, counts = self.seen[-1 - at % len(self.seen)]
            then = sum(amount for _entry, amount in self.purses[name].placed[: counts[name]])
            assert selectors.balance_at(account_id=self.purses[name].id, at=moment) == then

    # What has to be so ----------------------------------------------------------------------------------------------

    @invariant()
    def the_books_say_what_the_model_says(self) -> None:
        if hasattr(self, "purses"):
            assert self.books() == Counter(self.model())

    def books(self) -> Counter[tuple[Any, ...]]:
        """One trip: this is asked after every step."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT 'account', status, id, balance_minor, held_minor, seq, NULL FROM ledger_account
                WHERE id = ANY (%(accounts)s)
                UNION ALL
                SELECT 'leg', NULL, account_id, entry_id, amount_minor, seq, balance_after_minor FROM ledger_posting
                WHERE account_id = ANY (%(accounts)s) AND seq IS NOT NULL
                UNION ALL
                SELECT 'leg', NULL, account_id, entry_id, amount_minor, NULL, NULL FROM ledger_posting
                WHERE account_id = ANY (%(accounts)s) AND seq IS NULL
                UNION ALL
                SELECT 'hold', status, id, account_id, amount_minor, captured_minor, entry_id FROM ledger_hold
                WHERE id = ANY (%(holds)s)
                UNION ALL
                SELECT 'entry', NULL, id, reverses_id, NULL, NULL, NULL FROM ledger_entry WHERE id = ANY (%(entries)s)
                """,
                {
                    "accounts": [purse.id for purse in self.purses.values()],
                    "holds": [hold.id for hold in self.promises.values()],
                    "entries": [made.id for made in self.made.values()],
                },
            )
            return Counter(cursor.fetchall())

    def model(self) -> Iterator[tuple[Any, ...]]:
        for purse in self.purses.values():
            yield "account", purse.status, purse.id, purse.balance, purse.held, len(purse.placed), None
            after = 0
            for seq, (entry, amount) in enumerate(purse.placed, start=1):
                after += amount
                yield "leg", None, purse.id, entry, amount, seq, after
            for entry, amount in purse.waiting:
                yield "leg", None, purse.id, entry, amount, None, None
        for hold in self.promises.values():
            account = self.purses[hold.account].id
            yield "hold", hold.status, hold.id, account, hold.amount, hold.captured, hold.entry
        for made in self.made.values():
            yield "entry", None, made.id, made.reverses, None, None, None


def test_what_the_ledger_does_and_refuses() -> None:
    run_state_machine_as_test(Books, settings=SIZE)


SIZE = settings(
    max_examples=sizes.ledger_models,
    stateful_step_count=sizes.ledger_model_steps,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
