"""Lines of CSV (RFC 4180) that a spreadsheet shows as they are."""

import csv
import io
from collections.abc import Iterable
from decimal import Decimal

#: What stands before the first line tells Excel that the file is UTF-8; all others pass it over.
BOM = "\ufeff"
# The last four are the wide forms, which Chinese and Japanese spreadsheets take as well.
_FORMULAS = frozenset("=+-@＝＋－＠")


def csv_line(cells: Iterable[object]) -> str:
    """With its end of line. None is an empty cell, whole numbers and decimals are numbers, and all else is text."""
    line = io.StringIO()
    csv.writer(line).writerow([_cell(value) for value in cells])
    return line.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int | Decimal) else harmless(str(value))


def harmless(text: str) -> str:
    """A spreadsheet takes what begins so for a formula, and runs it."""
    return f"'{text}" if text[:1] in {"\t", "\r", "\n"} or text.lstrip()[:1] in _FORMULAS else text
