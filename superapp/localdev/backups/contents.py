"""What is in a database and in its media: counted when a backup is made, and again when it has been restored."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")


def rows(connection: Connection) -> dict[str, int]:
    """How many each table has."""
    return {name: count(connection, name) for name in tables(connection)}


def count(connection: Connection, table: str) -> int:
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("public", table))
    return int(_all(connection, query)[0][0])


def tables(connection: Connection) -> list[str]:
    found = _all(
        connection,
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1",
    )
    return [name for (name,) in found]


def migrations(connection: Connection) -> list[list[str]]:
    if "django_migrations" not in tables(connection):
        return []
    return sorted([app, name] for app, name in _all(connection, "SELECT app, name FROM django_migrations"))


def privileges(connection: Connection, role: str) -> dict[str, str]:
    """What ``role`` may do with each table, sequence and function: the ledger rests on it."""
    held = {}
    for name in tables(connection):
        may = [
            privilege
            for privilege in PRIVILEGES
            if _all(connection, "SELECT has_table_privilege(%s, %s, %s)", role, f'public."{name}"', privilege)[0][0]
        ]
        held[name] = " ".join(may)
    sequences = _all(
        connection,
        "SELECT relname, has_sequence_privilege(%s, oid, 'USAGE') FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'",
        role,
    )
    functions = _all(
        connection,
        "SELECT oid::regprocedure::text, has_function_privilege(%s, oid, 'EXECUTE'), prosecdef FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace",
        role,
    )
    held |= {name: "USAGE" if usable else "" for name, usable in sequences}
    held |= {
        name: f"{'EXECUTE' if usable else ''}{' AS OWNER' if as_owner else ''}" for name, usable, as_owner in functions
    }
    return held


def named_files(connection: Connection) -> Iterator[str]:
    """The storage keys that rows name, whichever table they are in."""
    columns = _all(
        connection,
        "SELECT table_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND column_name = 'storage_key' ORDER BY 1",
    )
    for (table,) in columns:
        query = sql.SQL("SELECT storage_key FROM {} WHERE storage_key <> ''").format(sql.Identifier("public", table))
        for (key,) in _all(connection, query):
            yield key


def missing_files(connection: Connection, media_root: Path) -> int:
    return sum(not (media_root / key).is_file() for key in named_files(connection))


def _all(connection: Connection, query: str | sql.Composable, *parameters: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters or None)
        return list(cursor.fetchall())
