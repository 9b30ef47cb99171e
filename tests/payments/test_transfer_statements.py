"""What a transfer costs the database over the real view, with everything counted: who asks, BEGIN and COMMIT too."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, connections, transaction

from superapp.core.ids import new_id
from tests.messaging.api import Api
from tests.payments.paying import make_easy, payer_and_friend, transfer_body
from tests.payments.security import approve

pytestmark = pytest.mark.usefixtures("committed_db")
MOST = 14


@pytest.fixture(autouse=True)
def _easy(settings: Any) -> None:
    make_easy(settings)


@contextmanager
def everything_counted() -> Iterator[list[str]]:
    """Each statement that this thread sends. The driver itself sends BEGIN, before the first statement after autocommit
    was turned off, and COMMIT and ROLLBACK go past the cursor."""
    sent: list[str] = []
    wrapper = type(connections["default"])
    patch = pytest.MonkeyPatch()

    def noting(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        sent.append(" ".join(sql.split()))
        return execute(sql, params, many, context)

    def note(name: str, word: str) -> None:
        method = getattr(wrapper, name)

        def noted(self: Any, *arguments: Any) -> Any:
            if arguments in {(), (False,)}:
                sent.append(word)
            return method(self, *arguments)

        patch.setattr(wrapper, name, noted)

    note("_set_autocommit", "BEGIN")
    note("_commit", "COMMIT")
    note("_rollback", "ROLLBACK")
    try:
        with connection.execute_wrapper(noting):
            yield sent
    finally:
        patch.undo()


@pytest.mark.parametrize("is_approved", [False, True], ids=["without the PIN", "with the PIN"])
def test_a_transfer_takes_at_most_fourteen_statements(is_approved: bool) -> None:
    ada, bo, _ = payer_and_friend()
    # A process asks once for its number.
    new_id()
    for _ in range(2):
        more = {"approval": approve(ada.user_id, "payments.transfer", f"user:{bo.id}", 1_250)} if is_approved else {}
        with everything_counted() as sent:
            Api(ada).ok("POST", "transfers/", transfer_body(bo, note="lunch", **more), status=201, key=str(uuid4()))
        assert len(sent) <= MOST, "\n".join(one[:100] for one in sent)
        assert (sent.count("BEGIN"), sent.count("COMMIT"), sent.count("ROLLBACK")) == (1, 1, 0)


def test_a_retry_moves_nothing_and_takes_six() -> None:
    ada, bo, _ = payer_and_friend()
    key = str(uuid4())
    Api(ada).ok("POST", "transfers/", transfer_body(bo), status=201, key=key)
    with everything_counted() as sent:
        Api(ada).ok("POST", "transfers/", transfer_body(bo), status=201, key=key)
    assert len(sent) == 6, "\n".join(one[:100] for one in sent)


def test_counting_misses_nothing() -> None:
    with everything_counted() as sent, transaction.atomic(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert [one.split(" ")[0] for one in sent] == ["BEGIN", "SAVEPOINT", "SELECT", "RELEASE", "COMMIT"]
