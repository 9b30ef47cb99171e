"""Money for tests: it comes from the outside world, so the books are even."""

from dataclasses import dataclass
from uuid import uuid4

from payments.accounts import wallet_accounts
from payments.ledger import selectors
from payments.ledger import services as ledger
from payments.ledger.services import Line


@dataclass(frozen=True)
class Wallet:
    balance_minor: int
    held_minor: int


def account(user_id: int, currency: str = "CNY") -> int:
    return wallet_accounts(user_ids=[user_id], currency=currency)[user_id]


def fund(user_id: int, amount_minor: int, currency: str = "CNY") -> int:
    """Put money into somebody's wallet, and return the id of its account."""
    account_id = account(user_id, currency)
    ledger.transfer(
        debit_account_id=ledger.house_account("world", currency, "opening"),
        credit_account_id=account_id,
        amount_minor=amount_minor,
        currency=currency,
        purpose="payments.opening",
        reference=str(uuid4()),
        step="open",
    )
    return account_id


def wallet(user_id: int, currency: str = "CNY") -> Wallet:
    found = selectors.balance(account(user_id, currency))
    return Wallet(found.balance_minor, found.held_minor)


def house(kind: str, name: str = "", currency: str = "CNY") -> int:
    """What stands in an account of the house, with what is not folded in yet."""
    return selectors.balance(ledger.house_account(kind, currency, name)).balance_minor


def lines(*legs: tuple[int, int]) -> list[Line]:
    """Of pairs of account and amount."""
    return [Line(account_id, amount_minor) for account_id, amount_minor in legs]
