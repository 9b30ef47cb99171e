"""pgbouncer in transaction mode before a server, where the machine has one: each transaction gets whichever session is
free, so whatever relies on a session breaks. Tests use it; `docs/operate.md` has the same configuration to copy."""

import os
import shutil
import signal
import socket
from collections.abc import Iterable
from pathlib import Path

from psycopg2.extensions import parse_dsn

from superapp.localdev import database, places, processes
from superapp.localdev.postgres import system_account
from superapp.localdev.processes import Child
from superapp.localdev.progress import Problem

START_SECONDS = 20.0
PORT = 6432


def installed_program() -> Path | None:
    """Debian puts it where an ordinary user's PATH does not look."""
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


class Pooler:
    """One pgbouncer on a unix socket, for all databases of the server of ``urls``."""

    def __init__(self, instance: str, urls: Iterable[str], *, sessions: int, name: str = "pgbouncer") -> None:
        """``sessions``: of the server, for each database and role. ``urls`` name the roles that may sign in."""
        self.account = system_account() if os.geteuid() == 0 else None
        self.sockets = places.socket_directory(instance, account=self.account)
        self.folder = self.sockets / name
        # The port tells poolers in one directory apart.
        self.port = PORT + sum(path.name.startswith(".s.PGSQL.64") for path in self.sockets.iterdir())
        described = [parse_dsn(url) for url in urls]
        self._users = {parts["user"]: parts.get("password", "") for parts in described}
        self._server = described[0]
        self._sessions = sessions
        self._child: Child | None = None

    def url(self, url: str) -> str:
        """The same role and database, through here."""
        kept = {name: value for name, value in parse_dsn(url).items() if name in {"user", "password", "dbname"}}
        return database.as_url(kept | {"host": str(self.sockets), "port": str(self.port)})

    def start(self) -> None:
        """Returns when it takes connections. Raises ``Problem``."""
        program = installed_program()
        if program is None:
            raise Problem("There is no pgbouncer.", cure="Install it (Debian: apt install pgbouncer).")
        configuration = self._configure()
        log = self.folder / "log"
        with log.open("ab") as output:
            child = self._child = processes.spawn(
                [program, "-q", configuration], output=output, account=self.account, directory=Path("/"),
                stop_signal=signal.SIGINT,
            )  # fmt: skip
        processes.wait_until(lambda: self._listens() or not child.alive(), seconds=START_SECONDS)
        if not self._listens():
            said = log.read_text()[-2000:]
            self.stop()
            raise Problem(f"pgbouncer did not start:\n{said}", cure="See above.")

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            return probe.connect_ex(str(self.sockets / f".s.PGSQL.{self.port}")) == 0

    def _configure(self) -> Path:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700)
        users, configuration = self.folder / "users.txt", self.folder / "pgbouncer.ini"
        places.write_privately(users, "".join(f'"{name}" "{password}"\n' for name, password in self._users.items()))
        where = " ".join(f"{name}={self._server[name]}" for name in ("host", "port") if name in self._server)
        settings = {
            "listen_addr": "",
            "listen_port": self.port,
            "unix_socket_dir": self.sockets,
            "auth_type": "scram-sha-256",
            "auth_file": users,
            "pool_mode": "transaction",
            "default_pool_size": self._sessions,
            "max_client_conn": 500,
            # Some tests ask for longer limits this way, and can do without. Nothing of the product does.
            "ignore_startup_parameters": "options",
            # A transaction that cannot get a session is refused, as one that meets a full server would be.
            "query_wait_timeout": 15,
        }
        lines = [f"{name} = {value}\n" for name, value in settings.items()]
        places.write_privately(configuration, f"[databases]\n* = {where}\n\n[pgbouncer]\n{''.join(lines)}")
        if self.account is not None:
            for path in (self.folder, users, configuration):
                os.chown(path, self.account.uid, self.account.gid)
        return configuration
