"""Who gets a part of a payment, and in which account of the ledger that part is theirs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from django.db import connection

from payments.accounts import merchant_account, wallet_accounts
from payments.ledger import services as ledger
from payments.ledger.errors import InvalidAmount, SameAccount
from payments.ledger.services import Line
from superapp.core.money import MAX_AMOUNT_MINOR

#: The account of all that is in escrow for products. It has no floor: ``Escrow`` rows say what may leave.
ORDERS = "orders"
MOST_LEGS = 50
#: Of the accounts in the ledger.
_ACCOUNT_KINDS = {"user": "wallet", "merchant": "merchant"}


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
    """Where each has their money of this currency. One statement, none for the house alone, and more for those whose
    account is still to be opened."""
    wanted = set(parties)
    found = _opened(wanted, currency)
    # In one order for everybody: two who open the same accounts at once would wait for each other else.
    for party in sorted(wanted - found.keys(), key=lambda party: (party.kind, party.id)):
        if party.kind == "user":
            found[party] = wallet_accounts(user_ids=[party.id], currency=currency)[party.id]
        elif party.kind == "merchant":
            found[party] = merchant_account(organisation_id=party.id, currency=currency)
        else:
            found[party] = escrow_account(currency) if party == ESCROW else ledger.house_account("fee", currency)
    return found


def _opened(parties: Iterable[Party], currency: str) -> dict[Party, int]:
    others = [party for party in parties if party.kind in _ACCOUNT_KINDS]
    if not others:
        return {}
    by_account = {(party.id, _ACCOUNT_KINDS[party.kind]): party for party in others}
    owners, kinds = zip(*by_account, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT account.owner, account.kind, account.id
            FROM unnest(%s::bigint[], %s::text[]) AS asked (owner, kind) JOIN ledger_account AS account
                ON account.owner = asked.owner AND account.kind = asked.kind AND name = '' AND currency = %s
            """,
            [list(owners), list(kinds), currency],
        )
        return {by_account[owner, kind]: account_id for owner, kind, account_id in cursor.fetchall()}


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
