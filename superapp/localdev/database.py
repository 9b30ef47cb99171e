"""Roles, databases and their copies. Works on PostgreSQL 15 to 18, ours or somebody else's, and can be repeated."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import parse_dsn

from superapp.localdev.progress import Problem

# Set on the role, so that they hold behind a pooler and in every process alike.
APP_ROLE_SETTINGS = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "30s",
}
# One set-up at a time on a server; any number will do as long as nobody else uses it.
ADVISORY_LOCK = 5_210_735_221
# What a server says that will take connections in a moment.
PASSING = ("starting up", "shutting down", "recovery mode", "too many clients", "connection slots")
PATIENCE_SECONDS = 10.0


def prepare(app_url: str, owner_url: str) -> None:
    """Make the application's role and the database if they are missing, and grant what the role needs.

    Tables made from then on are readable and writable for it; a migration may revoke that. Raises ``Problem``.
    """
    make(app_url, owner_url)
    allow(app_url, owner_url)


def make(app_url: str, owner_url: str) -> None:
    """The role and the database, without any grant in it. Raises ``Problem``."""
    app, owner = parse_dsn(app_url), parse_dsn(owner_url)
    name = owner.get("dbname", "")
    if not name or app.get("dbname") != name:
        raise Problem(
            f"DATABASE_URL names the database {app.get('dbname')!r} and DATABASE_OWNER_URL {name!r}.",
            cure="Both must name the same database.",
        )
    if app.get("user") == owner.get("user"):
        raise Problem(
            f"DATABASE_URL and DATABASE_OWNER_URL both sign in as {app.get('user')!r}.",
            cure="Give the application a role of its own in DATABASE_URL; it is made if it does not exist yet.",
        )
    with maintenance(owner_url) as connection:
        _ensure_app_role(connection, app)
        _ensure_database(connection, name)


def allow(app_url: str, owner_url: str) -> None:
    """What the role may do in the database, and with tables that are made from now on. Raises ``Problem``."""
    with connected(owner_url) as connection:
        _grant(connection, database=name_in(owner_url), role=parse_dsn(app_url)["user"])
    _check_app_role(app_url)


def clone(owner_url: str, *, template: str, name: str) -> None:
    """A copy of ``template``, in which nobody is at work."""
    with maintenance(owner_url) as connection:
        _once_left(connection, template, _about("CREATE DATABASE {} TEMPLATE {}", name, template))


def drop(owner_url: str, name: str) -> None:
    """Delete the database if it exists, whoever is connected."""
    patience = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with maintenance(owner_url) as connection, connection.cursor() as cursor:
                cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            return
        except errors.InsufficientPrivilege:
            # The server itself is cleaning up in it (autovacuum), and only a superuser may interrupt that.
            if time.monotonic() > patience:
                raise
            time.sleep(0.2)


def rename(owner_url: str, *, old: str, new: str) -> None:
    with maintenance(owner_url) as connection:
        _once_left(connection, old, _about("ALTER DATABASE {} RENAME TO {}", old, new))


def replace(owner_url: str, *, draft: str, name: str) -> None:
    """Give ``draft`` the name ``name``; a database that has it now is dropped, whoever is connected to it."""
    old = f"{name}_replaced"[:63]
    drop(owner_url, old)
    with maintenance(owner_url) as connection:
        exists = _row(connection, "SELECT 1 FROM pg_database WHERE datname = %s", [name]) is not None
        if exists:
            # Processes that still run come back at once, and a database to which somebody is connected keeps its name.
            _administer(connection, _about("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false", name))
            try:
                _once_left(connection, name, _about("ALTER DATABASE {} RENAME TO {}", name, old))
            except Problem:
                _administer(connection, _about("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true", name))
                raise
        _once_left(connection, draft, _about("ALTER DATABASE {} RENAME TO {}", draft, name))
    drop(owner_url, old)


def _once_left(connection: Connection, name: str, statement: sql.Composable) -> None:
    """Run what needs ``name`` to have no sessions, after ending them: a pooler keeps some that nobody uses."""
    patience = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
            return
        except errors.ObjectInUse:
            if time.monotonic() > patience:
                raise Problem(
                    f"Somebody stays connected to {name}.", cure="Stop the processes that use it and try again."
                ) from None
        _row(
            connection,
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = %s AND pg_has_role(current_user, usesysid, 'USAGE')",
            [name],
        )
        time.sleep(0.05)


def _about(text: str, *names: str) -> sql.Composed:
    return sql.SQL(text).format(*map(sql.Identifier, names))


def names(owner_url: str, *, prefix: str) -> list[str]:
    with maintenance(owner_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY 1", [prefix])
        return [name for (name,) in cursor.fetchall()]


def with_database(url: str, name: str) -> str:
    """The same server and role, another database."""
    return as_url(parse_dsn(url) | {"dbname": name})


def name_in(url: str) -> str:
    return parse_dsn(url).get("dbname", "")


def as_url(parts: Mapping[str, str]) -> str:
    """libpq's parameters as a URL. The host goes into the query, which takes sockets and names alike."""
    others = {key: value for key, value in parts.items() if key not in {"user", "password", "dbname"}}
    credentials = ":".join(quote(parts[key], safe="") for key in ("user", "password") if parts.get(key))
    return f"postgresql://{credentials}@/{quote(parts.get('dbname', ''), safe='')}?{urlencode(others, quote_via=quote)}"


@contextmanager
def maintenance(owner_url: str) -> Iterator[Connection]:
    """The owner's connection to a database that is always there, one at a time on the server. Raises ``Problem``."""
    connection = _sign_in(owner_url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
        yield connection
    finally:
        connection.close()


def _sign_in(owner_url: str) -> Connection:
    """To the first database that lets the owner in. A server that is just starting, or full, gets a little time."""
    patience = time.monotonic() + PATIENCE_SECONDS
    while True:
        for name in ("postgres", "template1", parse_dsn(owner_url).get("dbname", "")):
            try:
                return psycopg2.connect(with_database(owner_url, name))
            except psycopg2.OperationalError as error:
                failure = str(error).strip()
        if time.monotonic() > patience or not any(passing in failure for passing in PASSING):
            raise Problem(
                f"Cannot sign in with DATABASE_OWNER_URL: {failure}",
                cure="Check that the server runs and that the role's name and password are right.",
            )
        time.sleep(0.2)


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection on which every statement commits by itself."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        yield connection
    finally:
        connection.close()


def _ensure_app_role(connection: Connection, app: Mapping[str, str]) -> None:
    role = app["user"]
    row = _row(connection, "SELECT rolsuper, rolconfig FROM pg_roles WHERE rolname = %s", [role])
    if row is None:
        _administer(connection, _statement("CREATE ROLE {role} LOGIN PASSWORD {}", role, app.get("password", "")))
        row = (False, None)
    is_superuser, configured = row
    if is_superuser:
        raise Problem(
            f"{role} in DATABASE_URL is a superuser, whom no rule of the database binds.",
            cure="Name an ordinary role there; it is made if it does not exist yet.",
        )
    if _row(connection, "SELECT 1 WHERE pg_has_role(%s, current_user, 'MEMBER')", [role]):
        raise Problem(
            f"{role} in DATABASE_URL is a member of the owner's role, so it could change the schema.",
            cure=f"Run REVOKE on that membership, or name another role in DATABASE_URL than {role}.",
        )
    _let_owner_end_its_sessions(connection, role)
    for setting, value in APP_ROLE_SETTINGS.items():
        if f"{setting}={value}" not in (configured or []):
            _administer(connection, _statement(f"ALTER ROLE {{role}} SET {setting} = {{}}", role, value))


def _let_owner_end_its_sessions(connection: Connection, role: str) -> None:
    """A test database can only be dropped by somebody who may disconnect the application from it."""
    if _row(connection, "SELECT 1 WHERE pg_has_role(current_user, %s, 'USAGE')", [role]):
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))
    except errors.InsufficientPrivilege:
        # The role was made by somebody else, on a server of theirs. Only running tests there would need it.
        pass


def _ensure_database(connection: Connection, name: str) -> None:
    if _row(connection, "SELECT 1 FROM pg_database WHERE datname = %s", [name]) is None:
        _administer(connection, sql.SQL("CREATE DATABASE {} ENCODING 'UTF8'").format(sql.Identifier(name)))


def _grant(connection: Connection, *, database: str, role: str) -> None:
    mine = sql.SQL("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {} TO {}")
    app = sql.Identifier(role)
    for statement in (
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(database), app),
        sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(app),
        # A database that was made before PostgreSQL 15 still lets everybody make tables.
        sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC"),
        mine.format(sql.SQL("SELECT, INSERT, UPDATE, DELETE ON TABLES"), app),
        mine.format(sql.SQL("USAGE, SELECT ON SEQUENCES"), app),
    ):
        _administer(connection, statement)
    allowed = _row(
        connection,
        "SELECT has_schema_privilege(current_user, 'public', 'CREATE'), has_schema_privilege(%s, 'public', 'USAGE'),"
        " has_schema_privilege(%s, 'public', 'CREATE')",
        [role, role],
    )
    if allowed != (True, True, False):
        raise Problem(
            f"In {database} the owner must be able to make tables in the schema public, and {role} only to use them.",
            cure=f"As its administrator run ALTER DATABASE {database} OWNER TO the owner's role,"
            " ALTER SCHEMA public OWNER TO pg_database_owner and REVOKE CREATE ON SCHEMA public FROM PUBLIC.",
        )


def _check_app_role(app_url: str) -> None:
    try:
        with connected(app_url):
            pass
    except psycopg2.OperationalError as error:
        raise Problem(
            f"Cannot sign in with DATABASE_URL: {str(error).strip()}",
            cure="If the role existed before with another password, put that into DATABASE_URL or change it with"
            " ALTER ROLE … PASSWORD.",
        ) from None


def _administer(connection: Connection, statement: sql.Composable) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    except errors.InsufficientPrivilege as error:
        raise Problem(
            f"The role of DATABASE_OWNER_URL may not do this: {str(error).strip()}",
            cure="As its administrator run ALTER ROLE … CREATEDB CREATEROLE on it, or do by hand what it could not.",
        ) from None


def _statement(text: str, role: str, value: str) -> sql.Composed:
    return sql.SQL(text).format(sql.Literal(value), role=sql.Identifier(role))


def _row(connection: Connection, query: str, parameters: list[str]) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        row: tuple[Any, ...] | None = cursor.fetchone()
        return row
