"""A statement as a file for spreadsheets: CSV in UTF-8, the oldest line first, made in batches.

Dates are those of the reader's clocks and words are in their language. Amounts are plain numbers with a point and
without a currency sign, so that a spreadsheet can add them up.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from typing import IO, Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from payments.errors import StatementTooLong
from payments.ledger.models import Posting
from payments.registry import KINDS, purposes
from payments.selectors import statements
from payments.selectors.lines import Said, line_frame, said_of
from payments.selectors.statements import Span
from superapp.core.errors import Unavailable
from superapp.core.money import Money
from superapp.core.spreadsheets import BOM, csv_line

MOST_LINES = 50_000
#: As many are in memory at a time.
BATCH = 500


def check_length(within: Span) -> None:
    """Raises ``StatementTooLong``."""
    if within.length > MOST_LINES:
        raise StatementTooLong(lines=within.length, most=MOST_LINES)


def written(within: Span, **asked: Any) -> IO[bytes]:
    """The whole of ``pieces`` as a file on disk, which is gone once it is closed: whoever asks gets all of it or a
    refusal, and however slowly they read, neither a thread nor a connection to the database waits for them.

    Raises ``Unavailable`` when there is no room on the disk.
    """
    try:
        with contextlib.ExitStack() as unless_done:
            file = unless_done.enter_context(tempfile.TemporaryFile())
            for piece in pieces(within, **asked):
                file.write(piece)
            file.seek(0)
            unless_done.pop_all()
            return file
    except OSError as error:
        raise Unavailable from error


def pieces(
    within: Span, *, viewer_id: int, zone: str, kind: str | None = None, direction: str | None = None
) -> Iterator[bytes]:
    """The file in the language of this moment, piece by piece; what is posted meanwhile is not in it. Each piece costs
    one statement, and one for each purpose in it."""
    yield (BOM + csv_line(_titles(zone))).encode()
    after = within.after
    while rows := statements.batch(within, after=after, size=BATCH, kind=kind, direction=direction):
        said = said_of((row.entry for row in rows), viewer_id=viewer_id)
        yield "".join(csv_line(_cells(row, said, ZoneInfo(zone))) for row in rows).encode()
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
