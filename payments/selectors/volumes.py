"""How much moves, and where all the money is, from what has been added up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Sum

from payments.ledger import registry as ledger_registry
from payments.ledger import selectors as ledger
from payments.ledger.models import Account
from payments.ledger.registry import HouseAccount
from payments.models import Volume, VolumeMark
from payments.registry import KINDS

#: What comes back is counted when it reaches a wallet, a correction whichever way it goes, everything else when it
#: leaves one: so money that waits in escrow on its way is counted once.
_COUNTED = {"refund": (1, 0), "adjustment": (1, 1)}


@dataclass(frozen=True)
class Days:
    """``amounts``: of each day, the oldest first, by kind."""

    days: list[date]
    amounts: list[Mapping[str, int]]

    @property
    def totals(self) -> dict[str, int]:
        return {kind: sum(amounts[kind] for amounts in self.amounts) for kind in KINDS}


def volume_by_day(*, currency: str, last: date, days: int) -> Days:
    """Of so many days up to ``last``. One statement, a few rows for each day."""
    wanted = [last - timedelta(days=ago) for ago in reversed(range(days))]
    found: dict[date, dict[str, int]] = {day: dict.fromkeys(KINDS, 0) for day in wanted}
    rows = Volume.objects.filter(
        day__gte=wanted[0], day__lte=last, currency=currency, account_kind=Account.Kind.WALLET, kind__in=KINDS
    )
    for row in rows:
        is_in, is_out = _COUNTED.get(row.kind, (0, 1))
        found[row.day][row.kind] += is_in * row.in_minor + is_out * row.out_minor
    return Days(wanted, list(found.values()))


def money_by_account_kind() -> dict[str, dict[str, int]]:
    """What is in all accounts of a kind, by kind and currency, of all that has been added up."""
    rows = Volume.objects.values_list("account_kind", "currency").annotate(into=Sum("in_minor"), out=Sum("out_minor"))
    found: dict[str, dict[str, int]] = {}
    for kind, currency, into, out in rows:
        found.setdefault(kind, {})[currency] = int(into - out)
    return found


def counted_until() -> datetime | None:
    """None: nothing has been added up yet."""
    return VolumeMark.objects.values_list("counted_until", flat=True).first()


def money_of_the_house() -> list[tuple[HouseAccount, int]]:
    """What stands in each of its accounts at this moment, with what is not folded in yet. One statement."""
    accounts = list(ledger_registry.house.accounts())
    found = ledger.balances(account.id for account in accounts)
    return [(account, found[account.id].balance_minor) for account in accounts if account.id in found]
