"""What `make bench` and `make soak` write: tables for people, and the commit that was measured."""

import subprocess
from collections.abc import Sequence

from superapp.localdev import places


def columns(rows: Sequence[Sequence[str]], *, right: set[int]) -> list[str]:
    """Rows as lines of aligned text; the first row is the head. Columns in ``right`` are numbers."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]

    def line(row: Sequence[str]) -> str:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return ("  " + "  ".join(cells)).rstrip()

    head, *body = rows
    return [line(head), "  " + "─" * (sum(widths) + 2 * (len(widths) - 1)), *(line(row) for row in body)]


def current_commit() -> str:
    """The commit that was measured, with ``-dirty`` behind it when files have changed since."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    result = subprocess.run(command, cwd=places.CLONE, capture_output=True, text=True, check=False)
    return result.stdout.strip() or "unknown"
