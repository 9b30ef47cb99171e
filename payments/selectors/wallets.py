"""What people have: one wallet in each currency, opened by the first money that reaches it."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from payments.ledger.models import Account
from superapp.core.money import Money

Json = dict[str, Any]


def wallets_of(user_id: int) -> list[Json]:
    """One for each currency, as REST shows them. One statement, which opens none."""
    opened = {account.currency: account for account in _accounts([user_id])}
    return [wallet_frame(currency, opened.get(currency)) for currency in settings.WALLET_CURRENCIES]


def wallets_in(currency: str, user_ids: Iterable[int]) -> dict[int, Json]:
    """The wallets of these people in one currency, by person. One statement, however many."""
    wanted = sorted(set(user_ids))
    opened = {account.owner: account for account in _accounts(wanted).filter(currency=currency)}
    return {user_id: wallet_frame(currency, opened.get(user_id)) for user_id in wanted}


def wallet_frame(currency: str, account: Account | None) -> Json:
    """None: not opened yet. Of a frozen wallet nothing is available, so all of it is held."""
    balance = account.balance_minor if account else 0
    held = account.held_minor if account else 0
    status = account.status if account else Account.Status.OPEN
    if status == Account.Status.FROZEN:
        held = balance
    return {
        "currency": currency,
        "balance": Money(balance, currency).as_json(),
        "available": Money(balance - held, currency).as_json(),
        "held": Money(held, currency).as_json(),
        "status": str(status),
    }


def wallet_account(user_id: int, currency: str) -> Account | None:
    """None: not opened yet."""
    return _accounts([user_id]).filter(currency=currency).first()


def wallet_accounts_of(user_id: int) -> list[Account]:
    """Those that are opened."""
    return list(_accounts([user_id]))


def _accounts(user_ids: Iterable[int]) -> QuerySet[Account]:
    return Account.objects.filter(owner__in=list(user_ids), kind=Account.Kind.WALLET, name="").order_by("id")
