"""64-bit ids, made without asking anyone: 41 bits of milliseconds, 10 bits of node, 12 bits of counter.

The layout is Snowflake's. Ids of one process never go backwards, even when the clock does; ids of different processes
are ordered to about a millisecond, so nothing may infer the order of commits from them.
"""

import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from django.db import connection

# 2026-01-01T00:00:00Z. 41 bits of milliseconds last until 2095.
EPOCH_MILLISECONDS = 1_767_225_600_000
NODE_BITS, COUNTER_BITS = 10, 12
MAX_ID = 2**63 - 1


def first_id_of(moment: datetime) -> int:
    """The lowest id of that millisecond: ids rise with time, so rows from a time on are rows from an id on."""
    return max(0, int(moment.timestamp() * 1000) - EPOCH_MILLISECONDS) << (NODE_BITS + COUNTER_BITS)


def claim_node() -> int:
    """The next of 1,024 node numbers, from a sequence that cycles."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('core_node')")
        return int(cursor.fetchone()[0])


class IdGenerator:
    """Makes ids for one process. ``clock``: nanoseconds since 1970; ``node`` is asked once, and again after a fork."""

    def __init__(self, *, node: Callable[[], int] = claim_node, clock: Callable[[], int] = time.time_ns) -> None:
        self._claim_node, self._clock = node, clock
        self._lock = threading.Lock()
        self._pid: int | None = None
        self._node = 0
        self._milliseconds = 0
        self._counter = 0

    def __call__(self) -> int:
        if self._pid != os.getpid():
            # Outside the lock: a claim asks the database. If two threads do, the first one's number counts:
            # changing it within a millisecond would let ids go back.
            node = self._claim_node()
            with self._lock:
                if self._pid != os.getpid():
                    self._node, self._pid = node, os.getpid()
        with self._lock:
            now = self._clock() // 1_000_000 - EPOCH_MILLISECONDS
            if now > self._milliseconds:
                self._milliseconds, self._counter = now, 0
            else:
                # Same millisecond, or a clock that went back: keep counting, and borrow from the future when full.
                self._counter += 1
                if self._counter >> COUNTER_BITS:
                    self._milliseconds, self._counter = self._milliseconds + 1, 0
            return (self._milliseconds << (NODE_BITS + COUNTER_BITS)) | (self._node << COUNTER_BITS) | self._counter

    def forget(self) -> None:
        """Claim a node anew at the next id. For a process that has just been forked: nobody else is running yet."""
        self._lock = threading.Lock()
        self._pid = None


_generator = IdGenerator()
# A child shares its parent's memory, not its number; the lock may have been held by a thread that no longer exists.
os.register_at_fork(after_in_child=_generator.forget)


def new_id() -> int:
    """A new id for any table. Asks the database for a node number the first time a process calls it."""
    return _generator()


def made_at(made_id: int) -> datetime:
    """When ``new_id`` made it, by the clock of the process that did. Good for ages, not for the order of commits."""
    milliseconds = (made_id >> (NODE_BITS + COUNTER_BITS)) + EPOCH_MILLISECONDS
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
