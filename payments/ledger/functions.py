"""The functions in ``sql/``: migrations put them into the database, every process makes sure that they are those.

A file that has landed is never edited. A change is a new file that replaces the function, and a migration for it; of
several files that make a function the last one counts.
"""

import functools
import hashlib
import re
from pathlib import Path

from django.db import connection, connections

from payments.ledger.errors import LedgerOutOfStep

SQL = Path(__file__).parent / "sql"
_FUNCTION = re.compile(r"CREATE OR REPLACE FUNCTION (\w+)\(.*?AS \$ledger\$(.*?)\$ledger\$;", re.DOTALL)


@functools.cache
def expected() -> dict[str, str]:
    """The hash of each function's body, by name, as this release wrote them."""
    found: dict[str, str] = {}
    for path in sorted(SQL.glob("*.sql")):
        found |= {name: _hash(body) for name, body in _FUNCTION.findall(path.read_text())}
    return found


def differing(*, using: str = "default") -> list[str]:
    """Names of functions that are missing in the database, are others there, or that nobody here knows."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT proname, prosrc FROM pg_proc"
            " WHERE pronamespace = 'public'::regnamespace AND starts_with(proname, 'ledger_')"
        )
        there = {name: _hash(body) for name, body in cursor.fetchall()}
    wanted = expected()
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


_sound_databases: set[str] = set()


def make_sure() -> None:
    """Compare once per process and database. Raises ``LedgerOutOfStep``: then nothing may move."""
    name = str(connection.settings_dict["NAME"])
    if name not in _sound_databases:
        if names := differing():
            raise LedgerOutOfStep(functions=names)
        _sound_databases.add(name)


def _hash(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
