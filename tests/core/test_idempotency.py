"""Requests that a phone repeats: the first attempt decides, and whoever comes with it again gets its row."""

import threading
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from superapp.core.errors import IdempotencyConflict
from superapp.core.idempotency import request_hash
from superapp.core.ids import new_id
from superapp.media.models import Asset
from tests.core.waiting import patient_sessions, until_blocked

ASKED, ASKED_OTHERWISE = request_hash(what="this"), request_hash(what="that")


# --- What counts as the same request ----------------------------------------------------------------------------------

KEY = UUID("12345678-1234-5678-1234-567812345678")


def test_order_of_keys_does_not_matter() -> None:
    assert request_hash(a=1, b={"x": 1, "y": [1, 2]}) == request_hash(b={"y": [1, 2], "x": 1}, a=1)
    assert len(request_hash()) == 32


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": True}),
        ({"a": None}, {}),
        ({"a": [1, 2]}, {"a": [2, 1]}),
        ({"a": "b", "c": "d"}, {"a": 'b","c":"d'}),
        ({"a": "é"}, {"a": "e\N{COMBINING ACUTE ACCENT}"}),
        ({"a": b"\x01"}, {"a": b"\x02"}),
    ],
)
def test_other_requests_look_otherwise(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert request_hash(**one) != request_hash(**other)


def test_ids_and_bytes_may_be_part_of_a_request_and_nothing_vague() -> None:
    assert request_hash(key=KEY) == request_hash(key=str(KEY))
    assert request_hash(digest=b"\xff") == request_hash(digest="ff")
    with pytest.raises(TypeError):
        request_hash(file=object())


# --- Rows -------------------------------------------------------------------------------------------------------------


def insert(owner_id: int, client_id: UUID, asked: bytes = ASKED, *, purpose: str = "first") -> Asset:
    return Asset.objects.insert_once(
        once={"owner_id": owner_id, "client_id": client_id},
        request_hash=asked,
        purpose=purpose,
        kind=Asset.Kind.PHOTO,
        storage_key="none",
        content_type="image/jpeg",
        size_bytes=1,
        width=1,
        height=1,
        id=new_id(),
    )


@pytest.fixture
def owner_id(committed_db: Any) -> int:
    return new_id()


def test_repeated_request_gets_the_first_row(owner_id: int) -> None:
    key = uuid4()
    first = insert(owner_id, key)
    again = insert(owner_id, key, purpose="second")
    assert (first.is_replay, again.is_replay) == (False, True)
    assert (again.id, again.purpose) == (first.id, "first")
    assert Asset.objects.filter(owner_id=owner_id).count() == 1


def test_key_for_another_request_is_a_conflict_and_changes_nothing(owner_id: int) -> None:
    key = uuid4()
    first = insert(owner_id, key)
    with pytest.raises(IdempotencyConflict):
        insert(owner_id, key, ASKED_OTHERWISE, purpose="second")
    assert list(Asset.objects.filter(owner_id=owner_id).values_list("id", "purpose")) == [(first.id, "first")]


def test_keys_of_different_people_are_different(owner_id: int) -> None:
    key = uuid4()
    insert(owner_id, key)
    assert not insert(new_id(), key, ASKED_OTHERWISE).is_replay


def test_of_many_at_once_one_is_first(owner_id: int) -> None:
    key, start, rows = uuid4(), threading.Barrier(8), []

    def work() -> None:
        start.wait(30)
        rows.append(insert(owner_id, key))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(row.is_replay for row in rows) == [False] + [True] * 7
    assert len({row.id for row in rows}) == 1


@pytest.mark.parametrize("first_commits", [True, False])
def test_retry_waits_for_the_first_attempt_and_counts_if_that_came_to_nothing(
    owner_id: int, first_commits: bool
) -> None:
    key, retried = uuid4(), []

    def retry() -> None:
        retried.append(insert(owner_id, key))
        connection.close()

    thread = threading.Thread(target=retry)
    with patient_sessions(), transaction.atomic():
        first = insert(owner_id, key)
        thread.start()
        until_blocked(1)
        assert retried == []
        transaction.set_rollback(not first_commits)
    thread.join(30)
    (row,) = retried
    assert row.is_replay == first_commits
    assert (row.id == first.id) == first_commits
    assert Asset.objects.filter(owner_id=owner_id).count() == 1
