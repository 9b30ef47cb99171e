"""The page "Money": how much moves, and where all of it is."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from payments import selectors
from payments.ledger.admin import result_of
from payments.ledger.models import Account
from payments.ledger.watch import newest
from payments.models import Volume
from payments.registry import KINDS
from payments.selectors import Days
from superapp.core.admin import ReadOnlyAdmin
from superapp.core.admin.shown import link, moment, money, table

PERIODS = (30, 90)


@admin.register(Volume)
class VolumeAdmin(ReadOnlyAdmin):
    """In place of a list of its rows: what they come to."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        currency = _chosen(request, "currency", settings.WALLET_CURRENCIES)
        days = int(_chosen(request, "days", [str(period) for period in PERIODS]))
        volume = selectors.volume_by_day(currency=currency, last=timezone.now().date(), days=days)
        context = self.admin_site.each_context(request) | {
            "title": _("Money"),
            "opts": self.opts,
            "currencies": _choices(settings.WALLET_CURRENCIES, currency, f"days={days}&currency="),
            "periods": _choices(PERIODS, days, f"currency={currency}&days="),
            "days": days,
            "chart": chart(volume, currency),
            "legend": list(enumerate(KINDS.values(), start=1)),
            "by_day": _by_day(volume, currency),
            "places": _places(),
            "house": _house(),
            "check": _last_check(),
            "counted_until": moment(selectors.counted_until()),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/payments/money.html", context)


def _chosen(request: HttpRequest, name: str, known: Iterable[str]) -> str:
    choices = list(known)
    wanted = request.GET.get(name, "")
    return wanted if wanted in choices else choices[0]


def _choices(known: Iterable[Any], chosen: Any, query: str) -> list[dict[str, Any]]:
    return [{"name": one, "query": f"?{query}{one}", "is_chosen": one == chosen} for one in known]


# --- The chart --------------------------------------------------------------------------------------------------------


def chart(volume: Days, currency: str) -> dict[str, Any]:
    """Bars of days, in layers of kinds, as an SVG that needs no script; words and numbers stand around it as text."""
    top = nice_top(max(sum(amounts.values()) for amounts in volume.amounts))
    bars = [_bar(place, day, amounts, top, currency) for place, (day, amounts) in enumerate(_pairs(volume))]
    most = max(_pairs(volume), key=lambda pair: sum(pair[1].values()))
    first, last = volume.days[0], volume.days[-1]
    total = sum(volume.totals.values())
    told = gettext("%(total)s moved from %(first)s to %(last)s; most on %(day)s: %(most)s.") % {
        "total": money(total, currency), "first": _short(first), "last": _short(last),
        "day": _short(most[0]), "most": money(sum(most[1].values()), currency),
    }  # fmt: skip
    return {
        "bars": format_html_join("", "{}", ((bar,) for bar in bars)),
        "width": len(volume.days) * 10,
        "told": told if total else gettext("Nothing has moved in these days."),
        "marks": [money(top, currency), money(top // 2, currency), money(0, currency)] if total else [],
        "first": _short(first),
        "last": _short(last),
    }


def nice_top(most_minor: int) -> int:
    """The next of 1, 2 or 5 times a power of ten (at least 2, so that it has a half)."""
    size = 1
    while True:
        for step in (1, 2, 5):
            if (top := step * size) >= max(most_minor, 2):
                return top
        size *= 10


def _bar(place: int, day: date, amounts: Mapping[str, int], top: int, currency: str) -> Any:
    """Of a hundred units of height, each layer on top of the one before."""
    layers, stands_at = [], 100.0
    for number, kind in enumerate(KINDS, start=1):
        if amounts[kind]:
            height = 100 * amounts[kind] / top
            stands_at -= height
            layers.append((number, place * 10 + 1, f"{stands_at:.3f}", f"{height:.3f}"))
    said = " · ".join(f"{KINDS[kind]} {money(amounts[kind], currency)}" for kind in KINDS if amounts[kind])
    return format_html(
        '<g><title>{}</title><rect class="sa-day" x="{}" y="0" width="10" height="100"></rect>{}</g>',
        f"{_short(day)}: {said or money(0, currency)}",
        place * 10,
        format_html_join("", '<rect class="sa-layer-{}" x="{}" y="{}" width="8" height="{}"></rect>', layers),
    )


def _pairs(volume: Days) -> list[tuple[date, Mapping[str, int]]]:
    return list(zip(volume.days, volume.amounts, strict=True))


def _short(day: date) -> str:
    return date_format(day, "SHORT_DATE_FORMAT")


# --- Tables -----------------------------------------------------------------------------------------------------------


def _by_day(volume: Days, currency: str) -> Any:
    """The newest first, and what it comes to."""
    totals = volume.totals
    return table(
        _("Volume by day"),
        (_("day"), *KINDS.values(), _("total")),
        [
            _day(format_html("<strong>{}</strong>", _("All")), totals, currency),
            *(_day(_short(day), amounts, currency) for day, amounts in reversed(_pairs(volume))),
        ],
        figures=range(1, len(KINDS) + 2),
    )


def _day(name: Any, amounts: Mapping[str, int], currency: str) -> tuple[Any, ...]:
    return (name, *(money(amounts[kind], currency) for kind in KINDS), money(sum(amounts.values()), currency))


def _places() -> Any:
    """What is in accounts of each kind; all of it together is nothing, or something is very wrong."""
    found = selectors.money_by_account_kind()
    currencies = settings.WALLET_CURRENCIES
    rows = [
        (label, *(money(found.get(kind, {}).get(currency, 0), currency) for currency in currencies))
        for kind, label in Account.Kind.choices
        if kind in found
    ]
    sums = [sum(amounts.get(currency, 0) for amounts in found.values()) for currency in currencies]
    last = (
        format_html("<strong>{}</strong>", _("Σ, which has to be 0")),
        *(
            format_html('<strong class="{}">{}</strong>', "sa-bad" if amount else "sa-good", money(amount, currency))
            for amount, currency in zip(sums, currencies, strict=True)
        ),
    )
    return table(
        _("Where the money is"),
        (_("accounts"), *currencies),
        [*rows, last] if rows else [],
        figures=range(1, len(currencies) + 1),
    )


def _house() -> Any:
    """The accounts of the house as they are now, with what is not folded in yet."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for account, balance_minor in selectors.money_of_the_house():
        shown = link("ledger.account", account.id, money(balance_minor, account.currency))
        found.setdefault((account.kind, account.name), {})[account.currency] = shown
    kinds = dict(Account.Kind.choices)
    return table(
        _("Accounts of the house"),
        (_("account"), *settings.WALLET_CURRENCIES),
        [
            (f"{kinds[kind]} {name}", *(amounts.get(currency, "") for currency in settings.WALLET_CURRENCIES))
            for (kind, name), amounts in found.items()
        ],
        figures=range(1, len(settings.WALLET_CURRENCIES) + 1),
    )


def _last_check() -> dict[str, Any] | None:
    """What the last look at all the books found."""
    found = newest()
    if found is None:
        return None
    name, words = result_of(found)
    return {"is_sound": name == "sound", "result": link("ledger.check", found.id, words), "at": moment(found.ended_at)}
