"""Wallets by the thousand, with money in them. Opening them one by one is not what is measured."""

from django.conf import settings
from django.db import connection

from payments.ledger import services as ledger
from payments.ledger.services import Line
from superapp.bench.caller import CURRENCY
from superapp.bench.wallet.callers import Pair
from superapp.core.ids import new_id

FUNDED_MINOR = 10_000_000
FUNDED_AT_ONCE = 99


def wallets(count: int) -> list[int]:
    """Accounts of nobody in particular, each with the same amount in it."""
    ids = [new_id() for _ in range(count)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ledger_open_account(id, 'wallet', id, '', %s, 0, %s, false) FROM unnest(%s) AS id",
            [CURRENCY, settings.WALLET_CEILING_MINOR, ids],
        )
    for start in range(0, count, FUNDED_AT_ONCE):
        fund(ids[start : start + FUNDED_AT_ONCE])
    return ids


def fund(account_ids: list[int]) -> None:
    """At most ``FUNDED_AT_ONCE`` of them, from the outside world, in one entry."""
    world = ledger.house_account("world", CURRENCY, "opening")
    lines = [Line(account_id, FUNDED_MINOR) for account_id in account_ids]
    ledger.post(
        lines=[Line(world, -FUNDED_MINOR * len(lines)), *lines],
        purpose="payments.opening",
        reference=str(new_id()),
        step="open",
    )


def pairs(ids: list[int]) -> list[Pair]:
    """Everybody pays somebody else and is paid by somebody else, and no two of them have a wallet in common."""
    return list(zip(ids[::2], ids[1::2], strict=True))
