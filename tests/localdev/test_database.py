"""``manage.py setup_database``: two roles, and the application's can use the schema but not change it."""

import os
import subprocess
import sys
from collections.abc import Iterator

import psycopg2
import pytest
from psycopg2 import errors

from superapp.localdev import database, places, stage
from superapp.localdev.progress import Problem

APP = f"app_of_test_{os.getpid()}"
LOCKED = f"locked_of_test_{os.getpid()}"
NAME = f"database_of_test_{os.getpid()}"
HOME = stage.Addresses.of_environment()
OWNER_URL = database.with_database(HOME.database_owner_url, NAME)
APP_URL = database.as_url(database.parse_dsn(OWNER_URL) | {"user": APP, "password": "with / and @"})


@pytest.fixture(scope="module", autouse=True)
def _roles() -> Iterator[None]:
    with database.maintenance(OWNER_URL) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {LOCKED} NOLOGIN")
    yield
    database.drop(OWNER_URL, NAME)
    with database.maintenance(OWNER_URL) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP ROLE IF EXISTS {APP}, {LOCKED}")


@pytest.fixture(scope="module")
def set_up_twice() -> None:
    for _ in range(2):
        result = set_up(DATABASE_URL=APP_URL, DATABASE_OWNER_URL=OWNER_URL)
        assert result.returncode == 0, result.stdout


def set_up(**environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", "setup_database", "--verbosity", "0"],
        cwd=places.CLONE,
        env=os.environ | environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )


def as_app(*statements: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(APP_URL)
    try:
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []
    finally:
        connection.close()


@pytest.mark.usefixtures("set_up_twice")
def test_application_reads_and_writes_what_migrations_made() -> None:
    made = as_app(
        "INSERT INTO core_lease (name, shard, owner, token, lease_until) VALUES ('a', 'b', 'c', 1, now())",
        "UPDATE core_lease SET token = 2",
        "SELECT token FROM core_lease",
    )
    assert made == [(2,)]
    as_app("DELETE FROM core_lease")
    assert as_app("SELECT nextval('core_node') >= 0") == [(True,)]


@pytest.mark.usefixtures("set_up_twice")
@pytest.mark.parametrize(
    "statement",
    ["CREATE TABLE mine ()", "ALTER TABLE core_lease ADD mine int", "DROP TABLE core_lease", "TRUNCATE core_lease"],
)
def test_application_cannot_change_the_schema(statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        as_app(statement)


@pytest.mark.usefixtures("set_up_twice")
def test_limits_are_set_on_the_role() -> None:
    shown = [as_app(f"SHOW {name}")[0][0] for name in database.APP_ROLE_SETTINGS]
    assert shown == ["5s", "2s", "30s"]
    assert as_app(
        "SELECT rolsuper, rolcreatedb, rolcreaterole, pg_has_role(rolname, 'superapp_owner', 'MEMBER')"
        " FROM pg_roles WHERE rolname = current_user"
    ) == [(False, False, False, False)]


@pytest.mark.usefixtures("set_up_twice")
@pytest.mark.parametrize(
    ("app_url", "owner_url", "what", "cure"),
    [
        (OWNER_URL, OWNER_URL, "both sign in as 'superapp_owner'", "role of its own"),
        (database.with_database(APP_URL, "other"), OWNER_URL, "names the database 'other'", "the same database"),
        (APP_URL, OWNER_URL.replace("superapp_owner:", "nobody:"), "sign in with DATABASE_OWNER_URL", "password"),
        (APP_URL.replace(APP, LOCKED), OWNER_URL, "Cannot sign in with DATABASE_URL", "ALTER ROLE"),
        (APP_URL.replace(APP, "postgres"), OWNER_URL, "is a superuser", "ordinary role"),
    ],
    # The addresses would be the names, with their passwords.
    ids=["one role", "two databases", "wrong owner", "locked role", "superuser"],
)
def test_refusals_name_the_cure(app_url: str, owner_url: str, what: str, cure: str) -> None:
    with pytest.raises(Problem) as refused:
        database.prepare(app_url, owner_url)
    assert what in refused.value.what
    assert cure in refused.value.cure


def test_command_without_the_owner_says_what_is_missing() -> None:
    result = set_up(DATABASE_OWNER_URL="")
    assert result.returncode == 1
    assert "DATABASE_OWNER_URL is not set." in result.stdout
    assert "Traceback" not in result.stdout
