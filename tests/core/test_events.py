"""Events: announced with the transaction that made them true, or not at all."""

import logging
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from superapp.core import outbox
from superapp.core.events import Event, after_commit, at_least_once, publish
from superapp.core.models import OutboxEvent


@dataclass(frozen=True)
class Painted(Event):
    wall_id: int
    colour: str
    coats: tuple[int, ...] = ()


@dataclass(frozen=True)
class Ignored(Event):
    wall_id: int


hints: list[Painted] = []
work: list[Painted] = []


@after_commit(Painted)
def break_first(event: Painted) -> None:
    raise RuntimeError("a screen is broken")


@after_commit(Painted)
def hint(event: Painted) -> None:
    hints.append(event)


@at_least_once(Painted)
def dry(event: Painted) -> None:
    work.append(event)


@at_least_once(Painted)
def photograph(event: Painted) -> None:
    work.append(event)


DRY, PHOTOGRAPH = (f"{__name__}.{name}" for name in ("dry", "photograph"))


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    hints.clear()
    work.clear()


@pytest.fixture
def wall_id(committed_db: Any) -> int:
    """A new wall in a database where transactions commit."""
    return uuid.uuid4().int >> 66


def rows_of(wall_id: int) -> list[OutboxEvent]:
    return list(OutboxEvent.objects.filter(event__wall_id=wall_id).order_by("id"))


def test_publishing_outside_a_transaction_is_a_bug(wall_id: int) -> None:
    with pytest.raises(AssertionError, match="inside the transaction"):
        publish(Painted(wall_id=wall_id, colour="red"))
    assert rows_of(wall_id) == []
    assert hints == []


def test_hints_wait_for_the_commit(wall_id: int) -> None:
    event = Painted(wall_id=wall_id, colour="red")
    with transaction.atomic():
        publish(event)
        with transaction.atomic():
            publish(event)
        assert hints == []
    assert hints == [event, event]


def paint_and_fail(wall_id: int, colour: str) -> None:
    with transaction.atomic():
        publish(Painted(wall_id=wall_id, colour=colour))
        assert OutboxEvent.objects.filter(event__wall_id=wall_id, event__colour=colour).count() == 2
        raise ZeroDivisionError


def test_rolled_back_events_reach_nobody(wall_id: int) -> None:
    with pytest.raises(ZeroDivisionError):
        paint_and_fail(wall_id, "red")
    assert hints == []
    assert rows_of(wall_id) == []


def test_rolled_back_savepoint_takes_only_its_own_events(wall_id: int) -> None:
    with transaction.atomic():
        publish(Painted(wall_id=wall_id, colour="red"))
        with pytest.raises(ZeroDivisionError):
            paint_and_fail(wall_id, "blue")
        publish(Painted(wall_id=wall_id, colour="green"))
    assert [event.colour for event in hints] == ["red", "green"]
    assert [row.event["colour"] for row in rows_of(wall_id)] == ["red", "red", "green", "green"]


def test_commit_that_fails_announces_nothing(wall_id: int) -> None:
    def work() -> None:
        with transaction.atomic():
            publish(Painted(wall_id=wall_id, colour="red"))
            copy = rows_of(wall_id)[0]
            OutboxEvent.objects.bulk_create([copy])

    with pytest.raises(IntegrityError):
        work()
    assert hints == []
    assert rows_of(wall_id) == []


def test_broken_handler_is_logged_and_hurts_nobody(wall_id: int, caplog: pytest.LogCaptureFixture) -> None:
    event = Painted(wall_id=wall_id, colour="red")
    with caplog.at_level(logging.ERROR), transaction.atomic():
        publish(event)
    assert hints == [event]
    assert len(rows_of(wall_id)) == 2
    (record,) = [record for record in caplog.records if record.name == "superapp.core.events"]
    assert record.msg["event"] == "event.handler_failed"
    assert record.msg["handler"] == "break_first"
    assert record.msg["event_type"] == "Painted"


def test_each_handler_gets_a_row_of_its_own_in_the_same_transaction(wall_id: int) -> None:
    with transaction.atomic():
        publish(Painted(wall_id=wall_id, colour="red", coats=(1, 2)))
        assert [row.handler for row in rows_of(wall_id)] == [DRY, PHOTOGRAPH]
    dried, photographed = rows_of(wall_id)
    assert dried.event == photographed.event == {"wall_id": wall_id, "colour": "red", "coats": [1, 2]}
    assert (dried.key, photographed.key) == (f"Painted:{wall_id}>{DRY}", f"Painted:{wall_id}>{PHOTOGRAPH}")
    assert dried.shard == outbox.shard_of(dried.key)
    assert (dried.attempts, dried.done_at, dried.error) == (0, None, "")
    # Nobody delivered it yet, least of all this process on its own.
    assert work == []


def test_event_without_handlers_writes_nothing(wall_id: int) -> None:
    with transaction.atomic():
        publish(Ignored(wall_id=wall_id))
    assert rows_of(wall_id) == []


def test_event_comes_out_of_the_outbox_as_it_went_in(wall_id: int) -> None:
    event = Painted(wall_id=wall_id, colour="vert d'eau 🎨", coats=(3, 1))
    with transaction.atomic():
        publish(event)
    for row in rows_of(wall_id):
        outbox._handlers[row.handler](row.event)
    assert work == [event, event]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"wall_id": 1, "colour": "red"}, Painted(1, "red")),
        ({"wall_id": 1, "colour": "red", "coats": [1], "gloss": {"of": "the next release"}}, Painted(1, "red", (1,))),
    ],
)
def test_rows_of_older_and_newer_releases_are_understood(fields: dict[str, Any], expected: Painted) -> None:
    outbox._handlers[DRY](fields)
    assert work == [expected]
