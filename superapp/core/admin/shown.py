"""Pieces that several pages of the admin are made of."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.timezone import localtime

from superapp.core.money import CURRENCIES, Money

NOTHING = "–"


def money(amount_minor: int | None, currency: str) -> str:
    """A space that does not break stands between the two, so that a column of them reads as one."""
    if amount_minor is None:
        return NOTHING
    # What was moved once in a currency that nobody supports any more is shown all the same.
    return Money(amount_minor, currency).shown() if currency in CURRENCIES else f"{amount_minor:,}\u00a0{currency}"


def moment(at: Any) -> Any:
    """On one line, in any column."""
    shown = NOTHING if at is None else f"{localtime(at):%Y-%m-%d %H:%M:%S}"
    return format_html('<span class="sa-moment">{}</span>', shown)


def link(page: str, identifier: Any, text: Any = None) -> Any:
    """``page`` is a model: ``ledger.account``. Only the text where the admin has no such page."""
    try:
        address = reverse(f"admin:{page.replace('.', '_')}_change", args=[identifier])
    except NoReverseMatch:
        return str(text or identifier)
    return format_html('<a class="sa-link" href="{}">{}</a>', address, identifier if text is None else text)


def table(name: Any, headings: Sequence[Any], rows: Iterable[Sequence[Any]], *, figures: Iterable[int] = ()) -> Any:
    """A table within a page, scrolled where a screen is narrow. ``figures``: the columns that line up at the end."""
    at_end = frozenset(figures)
    lines = [_row("td", row, at_end) for row in rows]
    if not lines:
        return NOTHING
    return format_html(
        '<div class="sa-scroll" tabindex="0" role="region" aria-label="{}"><table class="sa-table sa-wide">'
        "<thead>{}</thead><tbody>{}</tbody></table></div>",
        name,
        _row("th", headings, at_end),
        format_html_join("", "{}", ((line,) for line in lines)),
    )


def _row(tag: str, cells: Sequence[Any], at_end: frozenset[int]) -> Any:
    inner = format_html_join(
        "",
        '<{0} class="{1}">{2}</{0}>',
        ((tag, "sa-num" if place in at_end else "", cell) for place, cell in enumerate(cells)),
    )
    return format_html("<tr>{}</tr>", inner)
