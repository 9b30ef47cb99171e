"""Everything that a shop can do with people's money, in any order, beside a model in plain Python."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from payments import services
from payments.ledger.selectors import balances
from payments.legs import accounts
from payments.models import Escrow, Hold, Payment
from payments.refunding import sources
from payments.services import ESCROW, FEE, Leg, Party
from payments.soundness import problems
from superapp.core.errors import DomainError
from tests.payments import shop
from tests.payments.money import account
from tests.payments.payers import payer
from tests.sizes import sizes

pytestmark = pytest.mark.django_db

AMOUNTS = st.integers(1, 120)
#: What each leg is of a payment, out of a hundred.
SHARES = st.sampled_from([(100,), (90, 10), (50, 30, 20), (1, 98, 1)])
WHO = st.integers(0, 2)
WHAT = st.integers(0, 3)


@dataclass
class Paid:
    id: int
    payer: int | None
    reference: str
    legs: list[tuple[Party, int]]
    given: list[int]
    refunds: int = 0

    @property
    def left(self) -> int:
        return sum(amount for _, amount in self.legs) - sum(self.given)


@dataclass
class Held:
    id: int
    payer: int
    reference: str
    amount: int
    is_open: bool = True


@dataclass
class Model:
    """What everybody has, and what is in escrow for each thing."""

    has: dict[Party, int]
    held: dict[int, int] = field(default_factory=dict)
    escrow: dict[str, int] = field(default_factory=dict)
    payments: list[Paid] = field(default_factory=list)
    holds: list[Held] = field(default_factory=list)

    def free(self, user_id: int) -> int:
        return self.has[Party.user(user_id)] - self.held.get(user_id, 0)

    def move(self, source: Party, reference: str, legs: list[tuple[Party, int]]) -> None:
        for to, amount in legs:
            for party, change in ((source, -amount), (to, amount)):
                self.has[party] += change
                if party == ESCROW:
                    self.escrow[reference] = self.escrow.get(reference, 0) + change


class Shop(RuleBasedStateMachine):
    """One outcome for each request: what the model says, down to the code of a refusal that leaves all as it was."""

    @initialize()
    def open(self) -> None:
        self.mark = transaction.savepoint()
        self.people = [payer(300) for _ in range(3)]
        self.merchants = [shop.new_merchant() for _ in range(2)]
        self.references = [shop.new_reference() for _ in range(4)]
        self.steps = 0
        parties = [*map(Party.user, self.people), *map(Party.merchant, self.merchants), ESCROW, FEE]
        self.accounts = accounts(parties, "CNY")
        before = self._balances()
        self.model = Model(has=before)
        self.in_all = sum(before.values())
        self.escrow_before = before[ESCROW]

    def teardown(self) -> None:
        if hasattr(self, "mark"):
            transaction.savepoint_rollback(self.mark)

    # --- What can be asked for ----------------------------------------------------------------------------------------

    @rule(who=WHO, what=WHAT, amount=AMOUNTS, shares=SHARES, first=st.integers(0, 5))
    def pay(self, who: int, what: int, amount: int, shares: tuple[int, ...], first: int) -> None:
        payer, reference = self.people[who], self.references[what]
        legs = self._legs(amount, shares, first, but=payer)
        asked = {"reference": reference, "step": self._step()}
        refused = "insufficient_funds" if self.model.free(payer) < amount else None
        made = self._ask(lambda: shop.pay(payer, *map(as_leg, legs), **asked), refused)
        if made is not None:
            self.model.move(Party.user(payer), reference, legs)
            self.model.payments.append(Paid(made.id, payer, reference, legs, [0] * len(legs)))
            assert shop.pay(payer, *map(as_leg, legs), **asked).is_replay

    @rule(who=WHO, amount=AMOUNTS)
    def hold(self, who: int, amount: int) -> None:
        payer, reference = self.people[who], shop.new_reference()
        refused = "insufficient_funds" if self.model.free(payer) < amount else None
        made = self._ask(lambda: shop.hold(payer, amount, reference=reference), refused)
        if made is not None:
            self.model.holds.append(Held(made.id, payer, reference, amount))
            self._set_aside(payer, amount)

    @precondition(lambda self: self.model.holds)
    @rule(data=st.data(), amount=AMOUNTS)
    def raise_hold(self, data: st.DataObject, amount: int) -> None:
        held = data.draw(st.sampled_from(self.model.holds))
        refused = None
        if not held.is_open:
            refused = "hold_ended"
        elif amount < held.amount:
            refused = "hold_too_low"
        elif self.model.free(held.payer) < amount - held.amount:
            refused = "insufficient_funds"
        step = self._step()
        made = self._ask(lambda: shop.raise_hold(Hold.objects.get(id=held.id), amount, step), refused)
        if made is not None:
            self._set_aside(held.payer, amount - held.amount)
            held.amount = amount

    @precondition(lambda self: self.model.holds)
    @rule(data=st.data(), amount=AMOUNTS, shares=SHARES, first=st.integers(0, 5))
    def capture(self, data: st.DataObject, amount: int, shares: tuple[int, ...], first: int) -> None:
        held = data.draw(st.sampled_from(self.model.holds))
        legs = self._legs(amount, shares, first, but=held.payer)
        refused = "capture_too_high" if amount > held.amount else None
        if not held.is_open:
            refused = "hold_ended"
        step = self._step()
        made = self._ask(
            lambda: services.capture(hold_id=held.id, legs=[as_leg(leg) for leg in legs], step=step), refused
        )
        if made is not None:
            self._end(held)
            self.model.move(Party.user(held.payer), held.reference, legs)
            self.model.payments.append(Paid(made.id, held.payer, held.reference, legs, [0] * len(legs)))

    @precondition(lambda self: self.model.holds)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        held = data.draw(st.sampled_from(self.model.holds))
        services.release(hold_id=held.id)
        self._end(held)

    @precondition(lambda self: self.model.holds)
    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        """Its time has come; the ledger, which has a clock of its own, gives free whatever it is told to."""
        held = data.draw(st.sampled_from(self.model.holds))
        Hold.objects.filter(id=held.id).update(expires_at=shop.soon(seconds=-1))
        assert shop.expire() == int(held.is_open)
        self._end(held)

    @rule(what=st.data(), amount=AMOUNTS, shares=SHARES, first=st.integers(0, 5))
    def settle(self, what: st.DataObject, amount: int, shares: tuple[int, ...], first: int) -> None:
        reference = what.draw(st.sampled_from([*self.references, *self.model.escrow]))
        legs = [leg for leg in self._legs(amount, shares, first, but=0) if leg[0] != ESCROW]
        if not legs:
            return
        refused = "escrow_too_low" if self.model.escrow.get(reference, 0) < total(legs) else None
        if reference not in self.model.escrow:
            refused = "not_found"
        step = self._step()
        made = self._ask(lambda: shop.settle(reference, *map(as_leg, legs), step=step), refused)
        if made is not None:
            self.model.move(ESCROW, reference, legs)
            self.model.payments.append(Paid(made.id, None, reference, legs, [0] * len(legs)))

    @precondition(lambda self: self.model.payments)
    @rule(data=st.data(), amount=AMOUNTS)
    def refund(self, data: st.DataObject, amount: int) -> None:
        paid = data.draw(st.sampled_from(self.model.payments))
        if amount > paid.left:
            self._refund(paid, amount, "refund_too_high")
            return
        others = [one for one in self.model.payments if one.reference == paid.reference and one.payer is None]
        into_escrow = any(to == ESCROW for to, _ in paid.legs)
        found = sources(
            amount,
            legs=[(to == ESCROW, had - given) for (to, had), given in zip(paid.legs, paid.given, strict=True)],
            in_escrow=self.model.escrow.get(paid.reference, 0),
            settlements={
                one.id: [had - given for (_, had), given in zip(one.legs, one.given, strict=True)]
                for one in others
                if into_escrow and one.left
            },
        )
        touched = [(paid, found.legs), *((one, found.settlements.get(one.id, ())) for one in others)]
        debits = [
            (to, part)
            for one, parts in touched
            for (to, _), part in zip(one.legs, parts or [0] * len(one.legs), strict=True)
            if to != ESCROW and part
        ]
        self._refund(paid, amount, "payee_short" if self._is_short(debits, paid, amount) else None)
        if not self._was_refused:
            for one, parts in touched:
                one.given = [given + part for given, part in zip(one.given, parts or [0] * len(one.given), strict=True)]
            back_to = ESCROW if paid.payer is None else Party.user(paid.payer)
            for party, part in debits:
                self.model.has[party] -= part
            self.model.has[ESCROW] -= found.out_of_escrow
            self.model.has[back_to] += amount
            change = (amount if back_to == ESCROW else 0) - found.out_of_escrow
            if change:
                self.model.escrow[paid.reference] += change

    # --- What always holds --------------------------------------------------------------------------------------------

    @invariant()
    def everybody_has_what_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        assert self._balances() == self.model.has
        assert sum(self.model.has.values()) == self.in_all
        held = {user_id: balances([account(user_id)])[account(user_id)].held_minor for user_id in self.people}
        assert held == {user_id: self.model.held.get(user_id, 0) for user_id in self.people}

    @invariant()
    def rows_say_what_the_ledger_says(self) -> None:
        if not hasattr(self, "model"):
            return
        assert problems() == []
        rows = {row.reference: row.left_minor for row in Escrow.objects.filter(reference__in=self.model.escrow)}
        assert rows == self.model.escrow
        assert self.model.has[ESCROW] - self.escrow_before == sum(rows.values())
        given = {one.id: sum(one.given) for one in self.model.payments}
        assert dict(Payment.objects.filter(id__in=given).values_list("id", "refunded_minor")) == given

    # --- Helpers ------------------------------------------------------------------------------------------------------

    def _ask(self, ask: Any, refused: str | None) -> Any:
        self._was_refused = refused is not None
        if refused is None:
            return ask()
        with pytest.raises(DomainError) as refusal, transaction.atomic():
            ask()
        assert refusal.value.code == refused
        return None

    def _refund(self, paid: Paid, amount: int, refused: str | None) -> None:
        step = self._step()
        self._ask(lambda: services.refund(payment_id=paid.id, amount_minor=amount, step=step, reason=""), refused)

    def _is_short(self, debits: list[tuple[Party, int]], paid: Paid, amount: int) -> bool:
        """Whoever has a floor gives no more than is free, after what the same entry brings them."""
        changes: dict[Party, int] = {}
        for party, part in debits:
            changes[party] = changes.get(party, 0) - part
        if paid.payer is not None:
            back = Party.user(paid.payer)
            changes[back] = changes.get(back, 0) + amount
        return any(
            change < 0 and self._free(party) + change < 0 for party, change in changes.items() if party.kind != "fee"
        )

    def _free(self, party: Party) -> int:
        return self.model.has[party] - (self.model.held.get(party.id, 0) if party.kind == "user" else 0)

    def _set_aside(self, user_id: int, amount: int) -> None:
        self.model.held[user_id] = self.model.held.get(user_id, 0) + amount

    def _end(self, held: Held) -> None:
        if held.is_open:
            held.is_open = False
            self._set_aside(held.payer, -held.amount)

    def _step(self) -> str:
        self.steps += 1
        return f"step {self.steps}"

    def _legs(self, amount: int, shares: tuple[int, ...], first: int, *, but: int) -> list[tuple[Party, int]]:
        parties = [ESCROW, *map(Party.merchant, self.merchants), FEE, *map(Party.user, self.people)]
        parties = [party for party in parties if party != Party.user(but)]
        parts = [share for share in shop.allocate(amount, shares) if share]
        return [(parties[(first + number) % len(parties)], part) for number, part in enumerate(parts)]

    def _balances(self) -> dict[Party, int]:
        found = balances(self.accounts.values())
        return {party: found[account_id].balance_minor for party, account_id in self.accounts.items()}


def as_leg(leg: tuple[Party, int]) -> Leg:
    return Leg(*leg)


def total(legs: list[tuple[Party, int]]) -> int:
    return sum(amount for _, amount in legs)


def test_a_shop_does_with_money_what_the_model_says() -> None:
    run_state_machine_as_test(
        Shop,
        settings=settings(
            max_examples=sizes.shop_models,
            stateful_step_count=sizes.shop_model_steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
