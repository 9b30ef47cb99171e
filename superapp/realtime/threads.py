"""Business code is synchronous: it runs in one bounded pool of threads, which keep their database connections."""

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.conf import settings
from django.db import connections

from superapp.core.errors import Unavailable

Result = TypeVar("Result")
# Work that would wait for seconds is refused instead: clients repeat it, and the queue does not grow without end.
MAX_WAITING = 1000
_waiting = 0


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=settings.REALTIME_THREADS, thread_name_prefix="gateway")


async def in_thread(function: Callable[..., Result], *args: Any) -> Result:
    """Run ``function`` in the pool. Raises ``Unavailable`` when too much is waiting already."""
    global _waiting
    if _waiting >= MAX_WAITING:
        raise Unavailable
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_pool(), _run, function, args)
    finally:
        _waiting -= 1


def _run(function: Callable[..., Result], args: tuple[Any, ...]) -> Result:
    _tidy_connections()
    try:
        return function(*args)
    finally:
        _tidy_connections()


def _tidy_connections() -> None:
    for connection in connections.all(initialized_only=True):
        connection.close_if_unusable_or_obsolete()
        # Without asking first whether it still lives: a dead one costs one answer of 503, asking costs every command.
        connection.health_check_done = True  # type: ignore[attr-defined]


def waiting() -> int:
    """Calls that are running or wait for a thread."""
    return _waiting
