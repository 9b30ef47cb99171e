"""pg_dump and pg_restore of a version that fits the server: the wheel's, those on the PATH, or a distribution's."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg2
from psycopg2.extensions import parse_dsn

from superapp.localdev import database, postgres
from superapp.localdev.progress import Problem

# Where Debian, Red Hat and Homebrew keep several versions beside one another.
ELSEWHERE = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")


def program(name: str, *, server_version: int) -> tuple[Path, int]:
    """The tool and its major version: the server's own if there is one, else the next newer. Raises ``Problem``."""
    found = {version: path for path in _candidates(name) if (version := _version(path)) is not None}
    fitting = sorted(version for version in found if version >= server_version)
    if not fitting:
        raise Problem(
            f"There is no {name} for PostgreSQL {server_version} here; found: {', '.join(map(str, found)) or 'none'}.",
            cure=f"Put the client programs of PostgreSQL {server_version} on the PATH"
            f" (Debian: apt install postgresql-client-{server_version}).",
        )
    return found[fitting[0]], fitting[0]


def server_version(owner_url: str) -> int:
    """The server's major version. Raises ``Problem`` when it cannot be reached."""
    with database.maintenance(owner_url) as connection:
        return int(connection.server_version) // 10_000


def connection_options(url: str) -> tuple[str, dict[str, str]]:
    """``--dbname`` and the environment: a password in the command line could be read by everybody on the machine."""
    parts = dict(parse_dsn(url))
    password = parts.pop("password", "")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return f"--dbname={psycopg2.extensions.make_dsn(**parts)}", environment | {"PGPASSWORD": password, "LC_ALL": "C"}


def _candidates(name: str) -> Iterator[Path]:
    # Later ones win over earlier ones of the same version.
    for pattern in ELSEWHERE:
        yield from sorted(path / name for path in Path("/").glob(pattern.lstrip("/")) if (path / name).exists())
    if on_path := shutil.which(name):
        yield Path(on_path)
    try:
        yield postgres.installed_program() / name
    except Problem:
        return


def _version(path: Path) -> int | None:
    """Null for what does not run: Debian's wrapper is there without any version behind it."""
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return int(found[1]) if found else None
