"""Who gets a part of a payment, and in which account of the ledger that part is theirs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from payments.accounts import merchant_account, wallet_accounts
from payments.ledger import services as ledger
from payments.ledger.errors import InvalidAmount, SameAccount
from payments.ledger.services import Line
from superapp.core.money import MAX_AMOUNT_MINOR

#: The account of all that is in escrow for products. It has no floor: ``Escrow`` rows say what may leave.
ORDERS = "orders"
MOST_LEGS = 50


@dataclass(frozen=True)
class Party:
    """A person's wallet, an organisation's takings, what waits in escrow under the same reference, or our fee."""

    kind: Literal["user", "merchant", "escrow", "fee"]
    id: int = 0

    @staticmethod
    def user(user_id: int) -> "Party":
        return Party("user", user_id)

    @staticmethod
    def merchant(organisation_id: int) -> "Party":
        return Party("merchant", organisation_id)


ESCROW = Party("escrow")
FEE = Party("fee")


@dataclass(frozen=True)
class Leg:
    """``amount_minor`` is above zero."""

    to: Party
    amount_minor: int


def amount(amount_minor: int) -> int:
    """Raises ``InvalidAmount`` for what can be no row's amount: a true number from 1 to ``MAX_AMOUNT_MINOR``."""
    if type(amount_minor) is not int or not 1 <= amount_minor <= MAX_AMOUNT_MINOR:
        raise InvalidAmount
    return amount_minor


def total_minor(legs: Sequence[Leg]) -> int:
    """What the legs add up to. Raises ``InvalidAmount`` for a leg of nothing, or less, or too much in all."""
    assert 1 <= len(legs) <= MOST_LEGS, f"a payment has 1 to {MOST_LEGS} legs"
    return amount(sum(amount(leg.amount_minor) for leg in legs))


def escrow_minor(legs: Sequence[Leg]) -> int:
    return sum(leg.amount_minor for leg in legs if leg.to == ESCROW)


def escrow_account(currency: str) -> int:
    return ledger.house_account("escrow", currency, ORDERS)


def accounts(parties: Iterable[Party], currency: str) -> dict[Party, int]:
    """Where each has their money of this currency; what is missing is opened. One statement for all people, one for
    each merchant, none for the house."""
    wanted = set(parties)
    found: dict[Party, int] = {}
    if people := {party.id for party in wanted if party.kind == "user"}:
        wallets = wallet_accounts(user_ids=people, currency=currency)
        found |= {Party.user(user_id): account_id for user_id, account_id in wallets.items()}
    for party in wanted:
        if party.kind == "merchant":
            found[party] = merchant_account(organisation_id=party.id, currency=currency)
        elif party == ESCROW:
            found[party] = escrow_account(currency)
        elif party == FEE:
            found[party] = ledger.house_account("fee", currency)
    return found


def lines(changes: Iterable[tuple[int, int]]) -> list[Line]:
    """One line for each account, from accounts and amounts with their signs; what comes to nothing moves nothing.

    Raises ``SameAccount`` when nothing is left to move.
    """
    sums: dict[int, int] = {}
    for account_id, amount_minor in changes:
        sums[account_id] = sums.get(account_id, 0) + amount_minor
    left = [Line(account_id, amount_minor) for account_id, amount_minor in sums.items() if amount_minor]
    if not left:
        raise SameAccount
    return left
