"""The outbox: in order within a key, patient with failures, stopped by none of them, and never lost."""

import itertools
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from superapp.core import leases, outbox
from superapp.core.events import Event, at_least_once, publish
from superapp.core.leases import Lease, LeaseLost
from superapp.core.models import OutboxEvent

_names = itertools.count()


@dataclass(frozen=True)
class Ordered(Event):
    key: str
    number: int


delivered: list[tuple[str, int]] = []
#: What to raise for a key instead of doing the work.
broken: dict[str, Callable[[], BaseException]] = {}


@at_least_once(Ordered)
def work(event: Ordered) -> None:
    if event.key in broken:
        raise broken[event.key]()
    delivered.append((event.key, event.number))


@pytest.fixture(autouse=True)
def _empty(committed_db: Any, settings: Settings) -> Iterator[None]:
    # One shard, so that one relay sees everything.
    settings.OUTBOX_SHARDS = 1
    OutboxEvent.objects.all().delete()
    yield
    delivered.clear()
    broken.clear()


@pytest.fixture
def lease() -> Lease:
    return claim("relay")


@pytest.fixture
def key() -> str:
    return f"key-{next(_names)}"


def claim(owner: str) -> Lease:
    lease = leases.claim(name="outbox", shard="0", ttl=timedelta(hours=1), owner=owner)
    if lease is None:
        expire()
        return claim(owner)
    return lease


def expire() -> None:
    """As if the lease's time had passed."""
    from superapp.core.models import Lease as Row

    Row.objects.filter(name="outbox").update(lease_until=timezone.now() - timedelta(hours=1))


def announce(key: str, *numbers: int) -> None:
    for number in numbers:
        with transaction.atomic():
            publish(Ordered(key=key, number=number))


def rows(key: str) -> list[OutboxEvent]:
    return list(OutboxEvent.objects.filter(event__key=key).order_by("id"))


def pass_time(key: str) -> None:
    """As if the pause before the next attempt were over."""
    OutboxEvent.objects.filter(event__key=key, done_at=None).update(due_at=timezone.now() - timedelta(seconds=1))


def fail(key: str, error: Callable[[], BaseException] = lambda: RuntimeError("no answer")) -> None:
    broken[key] = error


def park(key: str, lease: Lease) -> None:
    fail(key)
    for _ in range(10):
        pass_time(key)
        outbox.relay(lease)


def test_rows_of_a_key_are_delivered_in_order_and_once(lease: Lease, key: str) -> None:
    announce(key, 1, 2, 3)
    assert outbox.relay(lease) == 3
    assert delivered == [(key, 1), (key, 2), (key, 3)]
    assert all(row.done_at is not None for row in rows(key))
    assert outbox.relay(lease) == 0
    assert len(delivered) == 3


def test_more_than_a_batch_is_delivered_in_several_rounds(lease: Lease, key: str) -> None:
    announce(key, *range(outbox.BATCH + 5))
    assert [outbox.relay(lease), outbox.relay(lease), outbox.relay(lease)] == [outbox.BATCH, 5, 0]
    assert [number for _, number in delivered] == list(range(outbox.BATCH + 5))


def test_row_is_not_delivered_before_it_is_committed(lease: Lease, key: str) -> None:
    with transaction.atomic():
        publish(Ordered(key=key, number=1))
        transaction.set_rollback(True)
    assert outbox.relay(lease) == 0
    assert delivered == []


def test_failure_holds_up_its_own_key_only(lease: Lease, key: str) -> None:
    other = f"{key}-other"
    announce(key, 1, 2)
    announce(other, 1, 2)
    fail(key)
    outbox.relay(lease)
    assert delivered == [(other, 1), (other, 2)]
    first, second = rows(key)
    assert (first.attempts, first.error, first.done_at) == (1, "RuntimeError: no answer", None)
    assert (second.attempts, second.error, second.done_at) == (0, "", None)
    # The second waits for the first although nothing is wrong with it.
    assert outbox.relay(lease) == 0

    broken.clear()
    pass_time(key)
    outbox.relay(lease)
    assert delivered[2:] == [(key, 1), (key, 2)]
    assert [row.error for row in rows(key)] == ["", ""]


def test_failure_of_a_later_row_leaves_the_earlier_one_done(lease: Lease, key: str) -> None:
    announce(key, 1)
    outbox.relay(lease)
    announce(key, 2)
    fail(key)
    outbox.relay(lease)
    first, second = rows(key)
    assert first.done_at is not None
    assert (second.done_at, second.attempts) == (None, 1)


def test_pauses_double_and_end_at_five_minutes(lease: Lease, key: str) -> None:
    announce(key, 1)
    fail(key)
    pauses = []
    for _ in range(10):
        pass_time(key)
        before = timezone.now()
        outbox.relay(lease)
        after = timezone.now()
        (row,) = rows(key)
        pauses.append((row.due_at - after, row.due_at - before))
    expected = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    for seconds, (least, most) in zip(expected, pauses, strict=True):
        assert least <= timedelta(seconds=seconds) <= most


def test_row_that_failed_ten_times_is_parked_and_reported(
    lease: Lease, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    other = f"{key}-other"
    announce(key, 1, 2)
    with caplog.at_level(logging.WARNING):
        park(key, lease)
    told = [record.msg for record in caplog.records if record.name == "superapp.core.outbox"]
    assert [line["event"] for line in told] == ["outbox.failed"] * 9 + ["outbox.parked"]
    row = rows(key)[0]
    assert told[-1]["outbox_id"] == row.id
    assert told[-1]["level"] == "error"
    assert list(outbox.parked()) == [row]

    # It blocks its own key for as long as it takes, and nobody else's.
    broken.clear()
    pass_time(key)
    announce(other, 1)
    assert outbox.relay(lease) == 1
    assert delivered == [(other, 1)]
    assert (rows(key)[0].attempts, rows(key)[1].attempts) == (10, 0)


def test_parked_row_that_is_retried_goes_first_and_its_key_follows(lease: Lease, key: str) -> None:
    announce(key, 1, 2)
    park(key, lease)
    broken.clear()
    row = rows(key)[0]
    assert outbox.retry(row_id=row.id)
    outbox.relay(lease)
    assert delivered == [(key, 1), (key, 2)]
    assert list(outbox.parked()) == []


def test_retried_row_has_another_full_set_of_attempts(lease: Lease, key: str) -> None:
    announce(key, 1)
    park(key, lease)
    outbox.retry(row_id=rows(key)[0].id)
    outbox.relay(lease)
    assert rows(key)[0].attempts == 1
    assert list(outbox.parked()) == []


def test_only_parked_rows_can_be_retried(lease: Lease, key: str) -> None:
    announce(key, 1)
    waiting = rows(key)[0]
    assert not outbox.retry(row_id=waiting.id)
    outbox.relay(lease)
    assert not outbox.retry(row_id=waiting.id)
    assert not outbox.retry(row_id=2**62)
    assert len(delivered) == 1


def test_command_lists_parked_rows_and_retries_them(lease: Lease, key: str) -> None:
    announce(key, 1)
    park(key, lease)
    row = rows(key)[0]
    out = StringIO()
    call_command("outbox", stdout=out)
    assert out.getvalue().split()[:3] == [str(row.id), row.handler, row.key]
    assert "RuntimeError: no answer" in out.getvalue()
    with pytest.raises(CommandError, match=r"^5 is not parked\.$"):
        call_command("outbox", "--retry", "5", stdout=StringIO())
    call_command("outbox", "--retry", str(row.id), stdout=StringIO())
    broken.clear()
    outbox.relay(lease)
    assert delivered == [(key, 1)]


def test_row_whose_handler_is_gone_waits_like_any_failure(lease: Lease, key: str) -> None:
    announce(key, 1)
    OutboxEvent.objects.filter(event__key=key).update(handler="somewhere.gone")
    announce(f"{key}-other", 1)
    outbox.relay(lease)
    (row,) = rows(key)
    assert (row.attempts, row.done_at, row.error) == (1, None, "KeyError: 'somewhere.gone'")
    assert delivered == [(f"{key}-other", 1)]


def test_event_that_no_longer_fits_its_class_fails_alone(lease: Lease, key: str) -> None:
    announce(key, 1)
    OutboxEvent.objects.filter(event__key=key).update(event={"key": key})
    announce(f"{key}-other", 1)
    outbox.relay(lease)
    assert rows(key)[0].attempts == 1
    assert delivered == [(f"{key}-other", 1)]


@pytest.mark.parametrize("text", ["a\x00b", "half \ud800 pair", "x" * 100_000, "é🙂" * 5_000])
def test_whatever_an_error_says_can_be_written_down(lease: Lease, key: str, text: str) -> None:
    """What could not be stored would be tried for ever, and hold up everybody else's rows."""
    announce(key, 1)
    announce(f"{key}-other", 1)
    fail(key, lambda: ValueError(text))
    outbox.relay(lease)
    row = rows(key)[0]
    assert row.attempts == 1
    assert row.error.startswith("ValueError: ")
    assert len(row.error) <= 2_000
    assert delivered == [(f"{key}-other", 1)]


def test_handler_that_fails_in_a_transaction_of_its_own_leaves_nothing_behind(lease: Lease, key: str) -> None:
    def half_done() -> BaseException:
        with transaction.atomic():
            announce(f"{key}-side-effect", 1)
            transaction.set_rollback(True)
        return RuntimeError("half done")

    announce(key, 1)
    fail(key, half_done)
    outbox.relay(lease)
    assert rows(f"{key}-side-effect") == []
    assert rows(key)[0].error == "RuntimeError: half done"


def test_events_that_a_handler_publishes_are_delivered_in_turn(lease: Lease, key: str) -> None:
    def publish_another() -> BaseException:
        announce(f"{key}-next", 1)
        broken.clear()
        return RuntimeError("later")

    announce(key, 1)
    fail(key, publish_another)
    outbox.relay(lease)
    assert outbox.relay(lease) == 1
    assert delivered == [(f"{key}-next", 1)]


def test_relay_that_lost_its_lease_marks_nothing(lease: Lease, key: str) -> None:
    announce(key, 1, 2)
    expire()
    claim("somebody else")
    with pytest.raises(LeaseLost):
        outbox.relay(lease)
    # The first was delivered before anybody noticed: its new owner delivers it again. The second was left to them.
    assert delivered == [(key, 1)]
    assert [row.done_at for row in rows(key)] == [None, None]


def test_relay_that_lost_its_lease_counts_no_failure(lease: Lease, key: str) -> None:
    announce(key, 1)
    fail(key)
    expire()
    claim("somebody else")
    with pytest.raises(LeaseLost):
        outbox.relay(lease)
    assert (rows(key)[0].attempts, rows(key)[0].error) == (0, "")


def test_relay_takes_rows_of_its_own_shard_only(settings: Settings, key: str) -> None:
    settings.OUTBOX_SHARDS = 4
    names = [f"{key}-{number}" for number in range(100)]
    for name in names:
        announce(name, 1)
    shards = {row.event["key"]: row.shard for row in OutboxEvent.objects.all()}
    assert set(shards.values()) == {0, 1, 2, 3}
    for shard in range(4):
        delivered.clear()
        held = leases.claim(name="outbox", shard=str(shard), ttl=timedelta(hours=1), owner=f"relay of {shard}")
        if held is None:
            expire()
            held = leases.claim(name="outbox", shard=str(shard), ttl=timedelta(hours=1), owner=f"relay of {shard}")
        assert held
        outbox.relay(held)
        assert {name for name, _ in delivered} == {name for name in names if shards[name] == shard}
    assert not OutboxEvent.objects.filter(done_at=None).exists()
