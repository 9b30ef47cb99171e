"""What people have: one wallet in each currency, opened by the first money that reaches it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from payments.ledger.models import Account
from superapp.core.api.fields import rfc3339
from superapp.core.money import Money

Json = dict[str, Any]


def wallets_of(user_id: int) -> list[Json]:
    """One for each currency, as REST shows them. One statement, which opens none."""
    return [frame for _user_id, frame in _frames([user_id], settings.WALLET_CURRENCIES)]


def wallets_in(currency: str, user_ids: Iterable[int]) -> dict[int, Json]:
    """The wallets of these people in one currency, by person. One statement, however many."""
    return dict(_frames(sorted(set(user_ids)), [currency]))


def _frames(user_ids: Iterable[int], currencies: Iterable[str]) -> list[tuple[int, Json]]:
    """``as_of`` is the database's moment, also of a wallet that is not opened: of two frames that come to a phone in
    any order, the later one counts."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT asked.owner, wanted.currency, coalesce(account.balance_minor, 0), coalesce(account.held_minor, 0),
                coalesce(account.status, 'open'), statement_timestamp()
            FROM unnest(%s::bigint[]) AS asked (owner)
            CROSS JOIN unnest(%s::text[]) WITH ORDINALITY AS wanted (currency, place)
            LEFT JOIN ledger_account AS account
                ON account.owner = asked.owner AND account.kind = 'wallet' AND account.name = ''
                AND account.currency = wanted.currency
            ORDER BY asked.owner, wanted.place
            """,
            [list(user_ids), list(currencies)],
        )
        return [(user_id, _frame(*wallet)) for user_id, *wallet in cursor.fetchall()]


def _frame(currency: str, balance: int, held: int, status: str, as_of: datetime) -> Json:
    """Of a frozen wallet nothing is available, so all of it is held."""
    held = balance if status == Account.Status.FROZEN else held
    return {
        "currency": currency,
        "balance": Money(balance, currency).as_json(),
        "available": Money(balance - held, currency).as_json(),
        "held": Money(held, currency).as_json(),
        "status": status,
        "as_of": rfc3339(as_of),
    }


def wallet_account(user_id: int, currency: str) -> Account | None:
    """None: not opened yet."""
    return _accounts(user_id).filter(currency=currency).first()


def wallet_accounts_of(user_id: int) -> list[Account]:
    """Those that are opened."""
    return list(_accounts(user_id))


def _accounts(user_id: int) -> QuerySet[Account]:
    return Account.objects.filter(owner=user_id, kind=Account.Kind.WALLET, name="").order_by("id")
