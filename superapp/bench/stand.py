"""Where a bench is run: servers that write durably, a fresh database, and the product's processes on them.

With no addresses in the environment the servers are our own, with their data in ``.local/bench``; given ones are used
as they are, in a database of the bench's own, as long as their processes can be seen from here.
"""

import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg2
import redis

from superapp.bench import cpu
from superapp.localdev import places, processes, services, stage
from superapp.localdev.places import Busy, Claim
from superapp.localdev.processes import Child
from superapp.localdev.progress import Problem, step
from superapp.localdev.stage import Addresses

INSTANCE = "bench"
# Runs whose numbers do not count may go on side by side, and beside one whose numbers do.
SMOKE_INSTANCES = [f"bench-smoke-{number}" for number in range(1, 9)]
START_SECONDS = 30.0
# Without these a commit is not what it is in production.
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


@dataclass(frozen=True)
class Stand:
    addresses: Addresses
    postgres_pid: int
    redis_pid: int
    void: tuple[str, ...]

    @property
    def servers(self) -> dict[str, list[int]]:
        """The parts of every measurement that are not the product's own processes."""
        return {"postgres": [self.postgres_pid], "redis": [self.redis_pid]}

    def measured(self, **parts: Iterable[int]) -> AbstractContextManager[cpu.Spent]:
        """``with stand.measured(server=[child.pid]) as spent``: CPU of these trees, of Postgres and of Redis."""
        return cpu.measured({**parts, **self.servers})

    @contextmanager
    def process(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        ready: Callable[[Child], bool],
        environment: Mapping[str, str] | None = None,
    ) -> Iterator[Child]:
        """A process of the product, or of a baseline, until the block ends. Its log lies beside the servers' data."""
        path = places.inside(self.addresses.instance) / f"{name}.log"
        with path.open("wb") as log:
            child = processes.spawn(
                command,
                output=log,
                environment=os.environ | dict(environment or {}),
                directory=places.CLONE,
                raise_open_files=True,
            )
        try:
            processes.wait_until(lambda: ready(child) or not child.alive(), seconds=START_SECONDS)
            if not child.alive() or not ready(child):
                raise Problem(f"{name} did not start.", cure=f"{places.shown(path)} says why.")
            yield child
        finally:
            child.stop()


@contextmanager
def opened(*, smoke: bool = False) -> Iterator[Stand]:
    """The stand, which the environment names for this process and its children. Raises ``Problem``."""
    with ExitStack() as cleanup:
        claim = cleanup.enter_context(_claim(SMOKE_INSTANCES if smoke else [INSTANCE]))
        running = services.start(claim.instance)
        cleanup.callback(running.stop)
        addresses = stage.announce(running)
        stage.drop_leftovers(addresses)
        os.environ |= addresses.environment()
        os.environ |= {"SECRET_KEY": running.secret_key, "DJANGO_SETTINGS_MODULE": "superapp.settings.bench"}
        with step("schema", "a fresh database"):
            cleanup.enter_context(stage.copied_database(addresses))
        stage.flush(addresses.redis_url)
        yield _seen(addresses)


def _claim(instances: Sequence[str]) -> Claim:
    for instance in instances:
        try:
            return Claim(instance)
        except Busy as busy:
            holder = busy.holder.get("pid", "unknown")
    raise Problem(
        f"Another bench runs in this clone (process {holder}).",
        cure="Wait until it has ended: two at once would measure each other.",
    )


def _seen(addresses: Addresses) -> Stand:
    """Ask the servers who they are, and whether they keep what they promise."""
    void = []
    connection = psycopg2.connect(addresses.database_url)
    with connection.cursor() as cursor:
        for name, wanted in DURABLE.items():
            cursor.execute("SELECT current_setting(%s)", [name])
            (value,) = cursor.fetchone() or ("",)
            if value != wanted:
                void.append(f"Postgres runs with {name}={value}")
        cursor.execute("SELECT pg_backend_pid()")
        (backend,) = cursor.fetchone() or (0,)
        postgres_pid = _parent(backend)
    connection.close()
    with redis.Redis.from_url(addresses.redis_url) as client:
        redis_pid = int(client.info("server")["process_id"])
    for name, pid, programs in (
        ("Postgres", postgres_pid, {"postgres"}),
        ("Redis", redis_pid, {"valkey-server", "redis-server"}),
    ):
        if processes.program(pid) not in programs:
            void.append(f"the CPU of {name} cannot be read: it runs elsewhere")
    return Stand(addresses, postgres_pid, redis_pid, tuple(void))


def _parent(pid: int) -> int:
    try:
        return psutil.Process(pid).ppid()
    except psutil.NoSuchProcess:
        return 0


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
