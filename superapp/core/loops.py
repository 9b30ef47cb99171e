"""Everything that ticks faster than a minute. Each shard of a loop is worked by whoever holds its lease.

``manage.py loops`` runs a ``Runner``; two may run, on one machine or two, and what a killed one held is taken over
when its leases run out (``LEASE_TTL``).
"""

import math
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import close_old_connections, connection, connections

from superapp.core import leases
from superapp.core.leases import Lease, LeaseLost

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Loop:
    """``step`` does one round of a shard's work and returns how much it did; after 0 the shard rests for ``every``."""

    name: str
    every: timedelta
    step: Callable[[Lease], int]
    shards: Callable[[], Iterable[str]]


_loops: dict[str, Loop] = {}


def register(
    name: str, *, every: timedelta, step: Callable[[Lease], int], shards: Callable[[], Iterable[str]] = lambda: ["0"]
) -> None:
    _loops[name] = Loop(name=name, every=every, step=step, shards=shards)


def registered() -> dict[str, Loop]:
    return dict(_loops)


class _Shard(threading.Thread):
    """Works one shard until told to stop or until the lease turns out to be lost."""

    def __init__(self, loop: Loop, lease: Lease) -> None:
        super().__init__(name=f"{loop.name}/{lease.shard}", daemon=True)
        self.loop, self.lease = loop, lease
        self.stopped = threading.Event()

    def run(self) -> None:
        pause = self.loop.every.total_seconds()
        failures = 0
        while not self.stopped.is_set():
            try:
                close_old_connections()
                worked = self.loop.step(self.lease)
                failures = 0
            except LeaseLost:
                log.warning("loop.lease_lost", loop=self.loop.name, shard=self.lease.shard)
                break
            except Exception:
                # The step's own errors are its business; what arrives here is a broken database or a bug.
                failures += 1
                log.exception("loop.failed", loop=self.loop.name, shard=self.lease.shard)
                worked = 0
            if not worked:
                self.stopped.wait(min(pause * 2 ** min(failures, 10), max(pause, 5.0)))
        self.stopped.set()
        connections.close_all()


class Runner:
    """Holds as many shards as it can get. ``only`` narrows it to some loops."""

    def __init__(self, *, only: Iterable[str] = ()) -> None:
        wanted = set(only) or set(_loops)
        self._loops = {name: loop for name, loop in _loops.items() if name in wanted}
        self._shards: dict[tuple[str, str], _Shard] = {}
        self._stopped = threading.Event()

    def run(self) -> None:
        """Until ``stop`` is called: renew what is held, take what is free, at least three times per lease."""
        pause = settings.LEASE_TTL.total_seconds() / 4
        while not self._stopped.is_set():
            next_at = time.monotonic() + pause
            try:
                close_old_connections()
                self._renew()
                next_at = min(next_at, time.monotonic() + self._take_free())
            except Exception:
                log.exception("loops.heartbeat_failed")
            self._stopped.wait(max(0.01, next_at - time.monotonic()))
        self._shut_down()

    def stop(self) -> None:
        self._stopped.set()

    def _renew(self) -> None:
        for key, shard in list(self._shards.items()):
            if not shard.is_alive():
                # Its lease is lost, or something ended the thread that is no ``Exception``: then somebody starts over.
                shard.lease.release()
                del self._shards[key]
        with connection.cursor() as cursor:
            # Guards of ours are not in the way (FOR KEY SHARE). Somebody else's claim is: that one has run out.
            cursor.execute(
                """
                WITH free AS (
                    SELECT name, shard FROM core_lease WHERE owner = %(owner)s AND lease_until > clock_timestamp()
                    FOR NO KEY UPDATE SKIP LOCKED)
                UPDATE core_lease AS held SET lease_until = clock_timestamp() + %(ttl)s::interval
                FROM free WHERE held.name = free.name AND held.shard = free.shard
                """,
                {"owner": leases.this_process(), "ttl": f"{settings.LEASE_TTL.total_seconds()} seconds"},
            )
            cursor.execute(
                "SELECT name, shard FROM core_lease WHERE owner = %s AND lease_until > clock_timestamp()",
                [leases.this_process()],
            )
            kept = set(cursor.fetchall())
        for key in self._shards.keys() - kept:
            # It ran out while this process slept. The step in flight is refused by its token; a new claim starts over.
            self._shards.pop(key).stopped.set()

    def _take_free(self) -> float:
        """Returns the seconds until the next lease of somebody else runs out, unless that one prolongs it."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT name, shard, extract(epoch FROM lease_until - clock_timestamp())::float8 FROM core_lease"
                " WHERE lease_until > clock_timestamp()"
            )
            taken = {(name, shard): seconds for name, shard, seconds in cursor.fetchall()}
        soonest = math.inf
        for loop in self._loops.values():
            for name in loop.shards():
                key = (loop.name, name)
                if key in self._shards:
                    continue
                if key in taken:
                    soonest = min(soonest, taken[key])
                    continue
                if lease := leases.claim(name=loop.name, shard=name, ttl=settings.LEASE_TTL):
                    self._shards[key] = _Shard(loop, lease)
                    self._shards[key].start()
        return soonest

    def _shut_down(self) -> None:
        for shard in self._shards.values():
            shard.stopped.set()
        deadline = time.monotonic() + 8
        for shard in self._shards.values():
            shard.join(max(0.0, deadline - time.monotonic()))
            if not shard.is_alive():
                shard.lease.release()
