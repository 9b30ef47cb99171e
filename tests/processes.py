"""Real processes of the product for tests, on the addresses of ``committed_db`` or ``own_services``.

    with Gateway(committed_db, settings={"REALTIME_AUTH_TIMEOUT_SECONDS": 0.5}) as gateway:
        connect(gateway.ws_url)
        gateway.kill()
        gateway.restart()

What ``django.test.override_settings`` changes stays in this process; ``settings`` here are those of the other one.
"""

import http.client
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import psycopg2
import redis

from superapp.localdev import places, programs
from superapp.localdev import processes as localdev
from superapp.localdev.processes import Child, free_port
from superapp.localdev.stage import Addresses

START_SECONDS = 30.0
_living: "list[Process]" = []


class Process:
    """One process. Leaving the ``with`` block ends it; so does the end of pytest, however that comes."""

    name: ClassVar[str]

    def __init__(
        self,
        addresses: Addresses,
        *,
        settings: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.addresses = addresses
        self._settings, self._environment = dict(settings or {}), dict(environment or {})
        self._folder = tempfile.TemporaryDirectory(prefix=f"superapp-{self.name}-")
        self.log = Path(self._folder.name) / "log"
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self) -> None:
        """Returns when it is ready to work."""
        with self.log.open("ab") as log:
            self._child = localdev.spawn(
                self.command(),
                output=log,
                environment=os.environ | self.addresses.environment() | self._settings_module() | self._environment,
                directory=places.CLONE,
                raise_open_files=True,
            )
        child = self._child
        localdev.wait_until(lambda: self.ready() or not child.alive(), seconds=START_SECONDS)
        if not child.alive() or not self.ready():
            self.stop()
            raise AssertionError(f"{self.name} did not start:\n{self.last_lines()}")

    def stop(self) -> None:
        """SIGTERM, and SIGKILL after ten seconds."""
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        """SIGKILL; returns when it is gone. ``restart`` brings it back."""
        self._running().kill()

    def restart(self) -> None:
        self.stop()
        self.start()

    def signal(self, number: int) -> None:
        self._running().signal(number)

    def alive(self) -> bool:
        return self._child is not None and self._child.alive()

    def last_lines(self, count: int = 60) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])

    def command(self) -> programs.Command:
        raise NotImplementedError

    def ready(self) -> bool:
        raise NotImplementedError

    def __enter__(self) -> Self:
        _living.append(self)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        _living.remove(self)
        self._folder.cleanup()

    def _running(self) -> Child:
        assert self._child is not None, f"{self.name} has not been started"
        return self._child

    def _settings_module(self) -> dict[str, str]:
        """A settings module of its own, on top of the tests'."""
        if not self._settings:
            return {}
        lines = ["import datetime", "from superapp.settings.test import *"]
        lines += [f"{name} = {value!r}" for name, value in self._settings.items()]
        (Path(self._folder.name) / "settings_of_this_process.py").write_text("\n".join(lines) + "\n")
        path = os.pathsep.join(filter(None, [self._folder.name, os.environ.get("PYTHONPATH")]))
        return {"DJANGO_SETTINGS_MODULE": "settings_of_this_process", "PYTHONPATH": path}


class Gateway(Process):
    """REST and sockets on one origin, as ``make run`` starts it."""

    name = "gateway"

    def __init__(self, addresses: Addresses, *, port: int | None = None, **options: Any) -> None:
        super().__init__(addresses, **options)
        self.port = port or free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/"

    def command(self) -> programs.Command:
        return programs.web("--host", "127.0.0.1", "--port", str(self.port))

    def ready(self) -> bool:
        return _is_ready(self.port)


class Web(Process):
    """REST and pages alone, under granian, as behind a proxy."""

    name = "web"

    def __init__(self, addresses: Addresses, **options: Any) -> None:
        super().__init__(addresses, **options)
        self.port = free_port()

    def command(self) -> programs.Command:
        return programs.rest(self.port)

    def ready(self) -> bool:
        return _is_ready(self.port)


class Loops(Process):
    """The outbox relay and the other loops. Ready when it holds a lease."""

    name = "loops"

    def command(self) -> programs.Command:
        return programs.loops()

    def ready(self) -> bool:
        with psycopg2.connect(self.addresses.database_url) as connection, connection.cursor() as cursor:
            # The owner of a lease is host:pid:something.
            cursor.execute(
                "SELECT 1 FROM core_lease WHERE split_part(owner, ':', 2) = %s AND lease_until > clock_timestamp()",
                [str(self.pid)],
            )
            held = cursor.fetchone() is not None
        connection.close()
        return held


class Worker(Process):
    """The Celery worker, all queues. Ready when it waits for tasks."""

    name = "worker"

    def command(self) -> programs.Command:
        return programs.worker()

    def ready(self) -> bool:
        with redis.Redis.from_url(self.addresses.redis_url) as client:
            return any(entry["cmd"] == "brpop" for entry in client.client_list())


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def last_lines() -> Iterator[tuple[str, str]]:
    """What the living processes said last, for the report of a failure."""
    for process in _living:
        yield process.name, process.last_lines()
