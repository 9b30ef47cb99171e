"""Doing things at the same time, each in a thread with a database connection of its own."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from django.db import connections, transaction
from django.db.models import QuerySet


def at_once(work: Sequence[Callable[[], Any]]) -> list[Any]:
    """Start all together; returns what each returned or raised."""
    start = threading.Barrier(len(work))

    def run(function: Callable[[], Any]) -> Any:
        try:
            connections["default"].ensure_connection()
            start.wait(timeout=30)
            return function()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(run, work))


@contextmanager
def somebody_holds(rows: QuerySet[Any]) -> Iterator[None]:
    """Another connection has locked these rows meanwhile, for longer than anybody waits."""
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                assert list(rows.select_for_update())
                held.set()
                assert done.wait(timeout=30)
        finally:
            connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert held.wait(timeout=10)
        yield
    finally:
        done.set()
        holder.join()
