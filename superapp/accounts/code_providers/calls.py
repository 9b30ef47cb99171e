"""Calls to a provider: bounded in time and number, and none at all for a while when it is down."""

import os
import threading
import time
from typing import Any

import httpx
import structlog

from superapp.core.errors import Unavailable

log = structlog.get_logger(__name__)

# Somebody looks at a spinner meanwhile: two attempts take nine seconds at most.
TIMEOUT = httpx.Timeout(connect=1.5, read=3.0, write=1.5, pool=1.0)
ATTEMPTS = 2
# This many failures in a row, and it is left alone for so long.
FAILURES_TO_OPEN, OPEN_SECONDS = 5, 15.0


class Calls:
    """One provider's: ``name`` stands in the log. Threads of a process share the connections and the breaker."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._client: tuple[int, httpx.Client] | None = None
        self._failures = 0
        self._closed_again_at = 0.0

    def post(self, url: str, *, is_repeatable: bool, **request: Any) -> httpx.Response:
        """The answer, unless it is a server's failure. ``is_repeatable``: also when nobody knows whether it arrived.

        Raises ``Unavailable``.
        """
        if (wait := self._closed_again_at - time.monotonic()) > 0:
            raise Unavailable(retry_after_seconds=wait)
        for attempt in range(1, ATTEMPTS + 1):
            problem, never_arrived = "", False
            try:
                response = self._http().post(url, **request)
                if response.status_code < 500 and response.status_code != 429:
                    self._failures = 0
                    self._note(response.status_code, attempt)
                    return response
                problem, never_arrived = str(response.status_code), response.status_code == 503
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                problem, never_arrived = type(error).__name__, True
            except httpx.HTTPError as error:
                problem = type(error).__name__
            # Only the kind of failure: what the provider says may repeat the number or the code.
            log.warning("codes.provider_failed", provider=self._name, problem=problem, attempt=attempt)
            if problem == "429" or not (is_repeatable or never_arrived):
                break
        self._count_failure()
        raise Unavailable

    def _http(self) -> httpx.Client:
        # A child that was forked must not speak on its parent's connections.
        with self._lock:
            if self._client is None or self._client[0] != os.getpid():
                self._client = (os.getpid(), httpx.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False))
            return self._client[1]

    def _count_failure(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= FAILURES_TO_OPEN:
                # Still so many when it closes again: the next failure opens it at once.
                self._failures = FAILURES_TO_OPEN - 1
                self._closed_again_at = time.monotonic() + OPEN_SECONDS
                log.error("codes.provider_left_alone", provider=self._name, seconds=OPEN_SECONDS)

    def _note(self, status: int, attempt: int) -> None:
        level = log.info if status < 400 else log.warning
        level("codes.provider_answered", provider=self._name, status=status, attempt=attempt)
