"""Clients of the accelerator. Redis may be slow, empty or away at any moment; callers decide what that means."""

import functools
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import redis
import redis.asyncio
from django.conf import settings

Result = TypeVar("Result")
# redis-py raises its own errors for refused and slow connections, and the socket's for the rest.
RedisFailure = (redis.RedisError, OSError)


class CircuitOpen(redis.RedisError):
    """Redis failed a moment ago and is left alone for a while."""


# One late answer is a busy moment; this many in a row, without a good one in between, are an outage.
LATE_ANSWERS_TO_OPEN = 3


class Circuit:
    """After a failure, calls are refused at once for a while: a dead Redis costs a few time-outs and not thousands.

    A connection that is refused or breaks opens it at once, answers that are late only when they come in a row.
    """

    def __init__(self, *, open_seconds: float) -> None:
        self._open_seconds = open_seconds
        self._closed_again_at = 0.0
        self._late = 0
        self._lock = threading.Lock()

    def call(self, function: Callable[[], Result]) -> Result:
        """Raises ``CircuitOpen`` while open, else whatever ``function`` raises."""
        if time.monotonic() < self._closed_again_at:
            raise CircuitOpen("Redis failed a moment ago.")
        try:
            result = function()
        except RedisFailure as failure:
            with self._lock:
                is_late = isinstance(failure, redis.TimeoutError | TimeoutError)
                self._late = self._late + 1 if is_late else LATE_ANSWERS_TO_OPEN
                if self._late >= LATE_ANSWERS_TO_OPEN:
                    # Still so many when it closes again: the next late answer opens it at once.
                    self._late = LATE_ANSWERS_TO_OPEN - 1
                    self._closed_again_at = time.monotonic() + self._open_seconds
            raise
        self._late = 0
        return result

    def close(self) -> None:
        self._closed_again_at = 0.0


def client(*, patient: bool = False) -> redis.Redis:
    """The process's client for threads: short time-outs, no retries. Use it through ``guarded``."""
    return _client(patient)


def circuit(*, patient: bool = False, purpose: str = "") -> Circuit:
    return _circuit(patient, purpose)


# Positional, and asked by nobody else: the cache takes f() and f(x=default) for two different calls.
@functools.cache
def _client(patient: bool) -> redis.Redis:
    seconds = settings.REDIS_PATIENT_TIMEOUT_SECONDS if patient else settings.REDIS_TIMEOUT_SECONDS
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=seconds, socket_connect_timeout=seconds, retry=None, retry_on_error=[]
    )


@functools.cache
def _circuit(patient: bool, purpose: str) -> Circuit:
    return Circuit(open_seconds=settings.REDIS_CIRCUIT_OPEN_SECONDS)


def guarded(function: Callable[[redis.Redis], Result], *, patient: bool = False, purpose: str = "") -> Result:
    """Run ``function`` on the client behind the circuit breaker. Raises one of ``RedisFailure``.

    ``patient`` waits longer, for what must be refused when Redis does not answer. It has a breaker of its own, and so
    has each ``purpose``: late answers on one path do not stop the others.
    """
    return circuit(patient=patient, purpose=purpose).call(lambda: function(client(patient=patient)))


def async_client(**options: Any) -> redis.asyncio.Redis:
    """A client of the caller's own for an event loop; the caller closes it."""
    return redis.asyncio.Redis.from_url(settings.REDIS_URL, **options)


def async_client_of(*, connections: int, patience_seconds: float) -> redis.asyncio.Redis:
    """Likewise, with so many connections at most: who needs one, or an answer, waits for up to ``patience_seconds``."""
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        settings.REDIS_URL,
        max_connections=connections,
        timeout=patience_seconds,
        socket_timeout=patience_seconds,
        socket_connect_timeout=patience_seconds,
    )
    return redis.asyncio.Redis.from_pool(pool)


def reset_clients() -> None:
    """Forget connections and the breaker's memory: after a fork, and when tests change ``REDIS_URL``."""
    _client.cache_clear()
    _circuit.cache_clear()
