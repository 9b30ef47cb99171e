"""Wallets by the thousand, with money in them. Opening them one by one is not what is measured."""

from collections.abc import Iterable, Sequence

import psycopg2
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from payments.ledger import services as ledger
from payments.ledger.services import Line
from payments.models import KnownPayee, Wallet
from superapp.bench.caller import CURRENCY
from superapp.bench.stand import Stand
from superapp.bench.wallet.callers import Pair
from superapp.core.ids import new_id

FUNDED_MINOR = 10_000_000
FUNDED_AT_ONCE = 99


def wallets(count: int) -> list[int]:
    """Accounts of nobody in particular, each with the same amount in it."""
    return wallets_of([new_id() for _ in range(count)])


def wallets_of(owner_ids: Sequence[int]) -> list[int]:
    return [
        account_id
        for start in range(0, len(owner_ids), FUNDED_AT_ONCE)
        for account_id in _opened(owner_ids[start : start + FUNDED_AT_ONCE])
    ]


def _opened(owner_ids: Sequence[int]) -> list[int]:
    ids = [new_id() for _ in owner_ids]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT ledger_open_account(id, 'wallet', owner, '', %s, 0, %s, false)
            FROM unnest(%s::bigint[], %s::bigint[]) AS new (id, owner)
            """,
            [CURRENCY, settings.WALLET_CEILING_MINOR, ids, list(owner_ids)],
        )
    _fund(ids)
    return ids


def look_after_tables(stand: Stand) -> None:
    """What autovacuum would have done by and by. Plans that were made for tables with next to nothing in them, when
    those who call came, are made anew by it."""
    connection = psycopg2.connect(stand.addresses.database_owner_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE ledger_account, ledger_entry, ledger_posting")
    connection.close()


def _fund(account_ids: Sequence[int]) -> None:
    """From the outside world, in one entry."""
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


def let_pay(payees: Iterable[tuple[int, str]]) -> None:
    """People with a PIN, by whom these payees were paid before: the rules find nothing to ask about."""
    found = list(payees)
    # Nobody knows this PIN, and nobody is asked for it.
    Wallet.objects.bulk_create(Wallet(user_id=user_id, pin_hash="unknown", pin_set_at=Now()) for user_id, _ in found)
    KnownPayee.objects.bulk_create(KnownPayee(user_id=user_id, payee=payee) for user_id, payee in found)
