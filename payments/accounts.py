"""Whose money stands in which account of the ledger."""

from collections.abc import Iterable

from django.conf import settings

from payments.ledger import registry
from payments.ledger import selectors as ledger_selectors
from payments.ledger import services as ledger
from payments.ledger.models import Account


def wallet_accounts(*, user_ids: Iterable[int], currency: str) -> dict[int, int]:
    """The accounts of people's wallets in ``currency``, by person; those that are missing are opened.

    One statement when all are there, one more for each that is not.
    """
    wanted = set(user_ids)
    rows = ledger_selectors.accounts_of(owner_ids=wanted, kind=Account.Kind.WALLET).filter(currency=currency)
    found = dict(rows.values_list("owner", "id"))
    for user_id in sorted(wanted - found.keys()):
        found[user_id] = ledger.open_account(
            kind=Account.Kind.WALLET,
            owner_id=user_id,
            currency=currency,
            ceiling_minor=settings.WALLET_CEILING_MINOR,
        )
    return found


def merchant_account(*, organisation_id: int, currency: str) -> int:
    """The account of a merchant in ``currency``, opened when it is missing."""
    rows = ledger_selectors.accounts_of(owner_ids=[organisation_id], kind=Account.Kind.MERCHANT)
    found = rows.filter(currency=currency).values_list("id", flat=True).first()
    return found or ledger.open_account(kind=Account.Kind.MERCHANT, owner_id=organisation_id, currency=currency)


def register() -> None:
    """What the house needs to bring people's money from one to the other."""
    for kind, name in (
        ("escrow", "transfers"),
        ("escrow", "red_packets"),
        ("escrow", "orders"),
        ("fee", ""),
        # Where money comes from and goes to: what was there at first, what staff put right, cards and banks.
        ("world", "opening"),
        ("world", "adjustments"),
        ("world", "cards"),
        ("world", "banks"),
    ):
        registry.house.register(kind, name)
    registry.owner_pages |= {Account.Kind.WALLET: "accounts.user", Account.Kind.MERCHANT: "accounts.organisation"}
