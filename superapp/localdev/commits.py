"""``on_commit`` in tests that roll back: what it holds back runs as soon as the code under test has "committed".

Django's TestCase wraps a test in a transaction, so nothing in it ever commits and callbacks wait for ever. Here the end
of the outermost block of the code under test counts as the commit.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import Atomic, get_connection

log = logging.getLogger(__name__)


@contextmanager
def run_hooks_of_rolled_back_tests() -> Iterator[None]:
    leave, on_commit = Atomic.__exit__, BaseDatabaseWrapper.on_commit

    def leave_and_run(
        self: Any, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        leave(self, kind, error, trace)
        connection = get_connection(self.using)
        if kind is None and not self._from_testcase and _only_the_tests_own(connection):
            _run(connection)

    def hold_or_run(self: BaseDatabaseWrapper, function: Callable[[], Any], robust: bool = False) -> None:
        on_commit(self, function, robust)
        if _only_the_tests_own(self):
            _run(self)

    # setattr: to the type checker these are not for assigning.
    setattr(Atomic, "__exit__", leave_and_run)  # noqa: B010
    setattr(BaseDatabaseWrapper, "on_commit", hold_or_run)  # noqa: B010
    try:
        yield
    finally:
        setattr(Atomic, "__exit__", leave)  # noqa: B010
        setattr(BaseDatabaseWrapper, "on_commit", on_commit)  # noqa: B010


def _only_the_tests_own(connection: Any) -> bool:
    """Whether the only open blocks are those that the test case opened around the test."""
    blocks = connection.atomic_blocks
    return bool(blocks) and all(block._from_testcase for block in blocks)


def _run(connection: Any) -> None:
    held, connection.run_on_commit = connection.run_on_commit, []
    for _, function, robust in held:
        try:
            function()
        except Exception:
            if not robust:
                raise
            log.exception("on_commit callback failed")
