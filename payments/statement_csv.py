"""A statement as a file for spreadsheets: CSV in UTF-8, the oldest line first, made while it is sent.

Dates are those of the reader's clocks and words are in their language. Amounts are plain numbers with a point and
without a currency sign, so that a spreadsheet can add them up.
"""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from django.utils import translation
from django.utils.translation import gettext as _

from payments.errors import StatementTooLong
from payments.ledger.models import Posting
from payments.registry import KINDS, purposes
from payments.selectors import statements
from payments.selectors.lines import Said, line_frame, said_of
from payments.selectors.statements import Span
from superapp.core.money import Money
from superapp.core.spreadsheets import BOM, csv_line

MOST_LINES = 50_000
#: As many are in memory at a time.
BATCH = 500


def check_length(within: Span) -> None:
    """Raises ``StatementTooLong``."""
    if within.length > MOST_LINES:
        raise StatementTooLong(lines=within.length, most=MOST_LINES)


def pieces(
    within: Span, *, viewer_id: int, zone: str, language: str, kind: str | None = None, direction: str | None = None
) -> Iterator[bytes]:
    """The file, piece by piece; what is posted meanwhile is not in it. Each piece costs one statement, and one for each
    purpose in it. The language is taken up anew for each, because others may speak between two."""
    with translation.override(language):
        head = BOM + csv_line(_titles(zone))
    yield head.encode()
    after = within.after
    while rows := statements.batch(within, after=after, size=BATCH, kind=kind, direction=direction):
        with translation.override(language):
            said = said_of((row.entry for row in rows), viewer_id=viewer_id)
            piece = "".join(csv_line(_cells(row, said, ZoneInfo(zone))) for row in rows)
        yield piece.encode()
        after = rows[-1].seq or within.until


def _titles(zone: str) -> list[str]:
    return [
        _("Time (%(zone)s)") % {"zone": zone},
        _("Kind"),
        _("What it was"),
        _("With whom"),
        _("Note"),
        _("Amount"),
        _("Balance"),
        _("Currency"),
        _("Receipt"),
    ]


def _cells(row: Posting, said: Said, zone: ZoneInfo) -> list[object]:
    line = line_frame(row, said)
    assert row.posted_at is not None
    assert row.balance_after_minor is not None
    return [
        f"{row.posted_at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
        KINDS[purposes.kind_of(row.entry.purpose, row.entry.step)],
        line["title"],
        line["counterparty"] and line["counterparty"]["name"],
        line["note"],
        Money(row.amount_minor, row.currency).as_decimal(),
        Money(row.balance_after_minor, row.currency).as_decimal(),
        row.currency,
        # Not a number: a spreadsheet would round one of nineteen digits.
        f"#{row.entry_id}",
    ]
