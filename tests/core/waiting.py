"""Waiting for a condition instead of a time."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, connections

#: Far longer than any condition takes: only a broken test waits so long.
MOST_SECONDS = 60


def until(condition: Callable[[], Any], *, seconds: float = MOST_SECONDS) -> Any:
    """What ``condition`` gives once it is true."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return value


def until_blocked(count: int) -> None:
    """Returns when so many sessions of this database wait for a lock. Works inside the transaction that holds it."""
    # Not pg_stat_activity: inside a transaction that shows what it showed the first time.
    statement = """
        SELECT count(DISTINCT waiting.pid) FROM pg_locks AS waiting JOIN pg_locks AS own USING (pid)
        WHERE NOT waiting.granted AND own.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        """

    def blocked() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return bool(cursor.fetchone()[0] >= count)

    until(blocked)


@contextmanager
def patient_sessions() -> Iterator[None]:
    """Sessions of new threads wait for locks as long as it takes, where those of the product soon give up."""
    options = connections.settings["default"]["OPTIONS"]
    options["options"] = "-c lock_timeout=60s -c statement_timeout=60s"
    try:
        yield
    finally:
        del options["options"]
