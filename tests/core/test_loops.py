"""Loops: one process holds a shard, and whatever happens to it, the work goes on elsewhere and counts once."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise

import psycopg2
import pytest
from django.conf import settings as project
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from superapp.core import loops, outbox
from superapp.core.events import publish
from superapp.core.leases import Lease
from superapp.core.models import OutboxEvent
from superapp.localdev.pytest_plugin import THROUGH, left_out
from superapp.localdev.stage import Addresses
from tests.core import facts
from tests.core.waiting import until
from tests.processes import Loops
from tests.sizes import sizes

#: Of the processes here, as in production.
LEASE = project.LEASE_TTL
SHARDS = {"0", "1", "2", "3"}
#: For all events of a storm.
PATIENCE_SECONDS = 300


# --- In processes of their own ----------------------------------------------------------------------------------------


class Standby(Loops):
    """Ready when it looks after the leases, whether or not it got one."""

    def __init__(self, addresses: Addresses, name: str) -> None:
        settings = {
            "INSTALLED_APPS": [*project.INSTALLED_APPS, "tests.core.apps.FactsConfig"],
            "LEASE_TTL": LEASE,
        }
        super().__init__(addresses, settings=settings, environment={"PGAPPNAME": name})
        self._name = name

    def ready(self) -> bool:
        connection = psycopg2.connect(self.addresses.database_url)
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_stat_activity WHERE application_name = %s", [self._name])
            found = cursor.fetchone() is not None
        connection.close()
        return found

    def shards(self) -> set[str]:
        """Those of the outbox that it holds by the database's clock."""
        held = facts.rows(
            "SELECT shard FROM core_lease WHERE name = 'outbox' AND lease_until > clock_timestamp()"
            " AND split_part(owner, ':', 2) = %s",
            str(self.pid),
        )
        return {shard for (shard,) in held}


@pytest.fixture(scope="module")
def pair(committed_db: Addresses) -> Iterator[tuple[Standby, Standby]]:
    if os.environ.get(THROUGH):
        left_out("two processes of loops that replace each other", "a pooler hides whose session is whose")
    facts.prepare(committed_db.database_owner_url)
    with Standby(committed_db, "first") as first, Standby(committed_db, "second") as second:
        yield first, second


@pytest.fixture
def holder(pair: tuple[Standby, Standby]) -> Standby:
    """Whichever of the two has the work."""
    return until(lambda: next((process for process in pair if process.shards() == SHARDS), None))


@pytest.fixture
def standby(pair: tuple[Standby, Standby], holder: Standby) -> Standby:
    return next(process for process in pair if process is not holder)


def is_done(key: str) -> bool:
    return not OutboxEvent.objects.filter(event__key=key, done_at=None).exists()


def end_of_leases() -> datetime:
    ((moment,),) = facts.rows("SELECT max(lease_until) FROM core_lease WHERE name = 'outbox'")
    return moment


def taken_over_after(key: str, expiry: datetime) -> timedelta:
    """From the end of the old lease to the second delivery, both by the database's clock."""
    (_, (second,)) = facts.rows("SELECT at FROM facts_delivery WHERE key = %s ORDER BY at", key)
    return second - expiry


def test_events_are_delivered_by_the_one_process_that_holds_their_shard(holder: Standby, standby: Standby) -> None:
    keys = [f"shared-{number}" for number in range(12)]
    for key in keys:
        facts.announce(key, 1, 2, 3)
    until(lambda: all(is_done(key) for key in keys))
    assert {key: facts.deliveries(key) for key in keys} == {key: [1, 2, 3] for key in keys}
    assert (holder.shards(), standby.shards()) == (SHARDS, set())


def test_relay_killed_between_delivery_and_mark_delivers_again_with_one_effect(
    holder: Standby, standby: Standby
) -> None:
    facts.close_gate("killed")
    facts.announce("killed", 1, 2)
    until(lambda: facts.deliveries("killed") == [1])
    holder.kill()
    expiry = end_of_leases()
    # Somebody else has taken over and stands at the same place.
    until(lambda: facts.deliveries("killed") == [1, 1])
    assert timedelta(0) < taken_over_after("killed", expiry) < timedelta(seconds=5)
    assert not is_done("killed")
    facts.open_gate("killed")
    until(lambda: is_done("killed"))
    assert facts.deliveries("killed") == [1, 1, 2]
    assert facts.effects("killed") == [1, 2]
    assert standby.shards() == SHARDS
    holder.restart()


def test_frozen_relay_that_wakes_up_marks_nothing_and_goes_on_as_standby(holder: Standby, standby: Standby) -> None:
    facts.close_gate("frozen")
    facts.announce("frozen", 1)
    until(lambda: facts.deliveries("frozen") == [1])
    holder.signal(signal.SIGSTOP)
    try:
        expiry = end_of_leases()
        until(lambda: facts.deliveries("frozen") == [1, 1])
        assert timedelta(0) < taken_over_after("frozen", expiry) < timedelta(seconds=5)
    finally:
        holder.signal(signal.SIGCONT)
    facts.open_gate("frozen")
    # The sleeper finished its delivery as well, and was refused by the token.
    until(lambda: "loop.lease_lost" in holder.last_lines())
    until(lambda: is_done("frozen"))
    assert facts.deliveries("frozen") == [1, 1]
    assert facts.effects("frozen") == [1]
    facts.announce("after-frost", 1, 2)
    until(lambda: is_done("after-frost"))
    assert facts.deliveries("after-frost") == [1, 2]
    assert (holder.shards(), standby.shards()) == (set(), SHARDS)


def test_killed_holder_is_replaced_within_five_seconds(
    holder: Standby, standby: Standby, soak_figure: Callable[[str, float], None]
) -> None:
    ((killed_at,),) = facts.rows("SELECT clock_timestamp()")
    holder.kill()
    until(lambda: standby.shards() == SHARDS)
    ((taken_at,),) = facts.rows("SELECT clock_timestamp()")
    soak_figure("lease_takeover_seconds", (taken_at - killed_at).total_seconds())
    assert taken_at - killed_at < timedelta(seconds=5)
    holder.restart()


def test_order_of_every_key_holds_while_relays_are_killed_and_one_key_is_poisoned(
    pair: tuple[Standby, Standby], soak_figure: Callable[[str, float], None]
) -> None:
    keys = [f"stormy-{number}" for number in range(12)]
    poisoned, *others = keys
    facts.poison(poisoned)
    numbers = list(range(1, sizes.events_per_key + 1))
    began = time.monotonic()
    for number in numbers:
        with transaction.atomic():
            for key in keys:
                publish(facts.Noted(key=key, number=number))
    for share in (0.3, 0.6):
        until(lambda share=share: done(others) >= share * len(others) * len(numbers), seconds=PATIENCE_SECONDS)
        for process in pair:
            if process.shards():
                process.kill()
                process.restart()
    until(lambda: all(is_done(key) for key in others), seconds=PATIENCE_SECONDS)
    soak_figure("outbox_stormy_events_per_s", len(others) * len(numbers) / (time.monotonic() - began))
    for key in others:
        assert facts.effects(key) == numbers
        assert in_order_but_for_repeats(facts.deliveries(key))
    # The poisoned key stands where it was: its first row was tried, and no later one.
    attempts = dict(OutboxEvent.objects.filter(event__key=poisoned).values_list("event__number", "attempts"))
    assert attempts.pop(1) >= 1
    assert set(attempts.values()) == {0}
    assert facts.deliveries(poisoned) == []
    # Its last attempt parks it, for a person to look at; others still go by.
    first = OutboxEvent.objects.filter(event__key=poisoned, event__number=1)
    first.update(attempts=project.OUTBOX_MAX_ATTEMPTS - 1, due_at=timezone.now())
    until(lambda: outbox.parked().filter(event__key=poisoned).exists())
    facts.announce("calm", 1)
    until(lambda: is_done("calm"))
    facts.heal(poisoned)
    assert outbox.retry(row_id=first.get().id)
    until(lambda: is_done(poisoned), seconds=PATIENCE_SECONDS)
    assert facts.deliveries(poisoned) == numbers
    # As the other tests expect it: everything with one of the two.
    one, other = pair
    one.stop()
    until(lambda: other.shards() == SHARDS)
    one.start()


def done(keys: list[str]) -> int:
    return OutboxEvent.objects.filter(event__key__in=keys, done_at__isnull=False).count()


def in_order_but_for_repeats(delivered: list[int]) -> bool:
    """A number may come again right where it came, when its relay was killed before it could note the delivery."""
    return all(later in (earlier, earlier + 1) for earlier, later in pairwise(delivered))


def test_process_that_is_told_to_stop_hands_its_shards_over(holder: Standby, standby: Standby) -> None:
    holder.stop()
    until(lambda: standby.shards() == SHARDS)
    facts.announce("handed-over", 1)
    until(lambda: is_done("handed-over"))
    assert facts.deliveries("handed-over") == [1]
    holder.start()


# --- In this process --------------------------------------------------------------------------------------------------

TESTED = "tests-loop"


@contextmanager
def running(step: Callable[[Lease], int], settings: Settings, *, shards: tuple[str, ...] = ("0",)) -> Iterator[None]:
    """A runner of this one loop."""
    settings.LEASE_TTL = LEASE
    loops.register(TESTED, every=timedelta(milliseconds=10), step=step, shards=lambda: shards)
    runner = loops.Runner(only=[TESTED])
    thread = threading.Thread(target=runner.run)
    thread.start()
    try:
        yield
    finally:
        runner.stop()
        thread.join(30)
        loops._loops.pop(TESTED)
    assert not thread.is_alive()


def leases_left() -> list[str]:
    return [
        shard
        for (shard,) in facts.rows(
            "SELECT shard FROM core_lease WHERE name = %s AND lease_until > clock_timestamp() ORDER BY shard", TESTED
        )
    ]


@pytest.mark.usefixtures("committed_db")
def test_every_shard_is_worked_under_its_own_lease(settings: Settings) -> None:
    seen: set[tuple[str, str]] = set()

    def step(lease: Lease) -> int:
        seen.add((lease.name, lease.shard))
        return 0

    with running(step, settings, shards=("paris", "lyon")):
        until(lambda: len(seen) == 2)
        assert leases_left() == ["lyon", "paris"]
    assert seen == {(TESTED, "paris"), (TESTED, "lyon")}
    # Given back: nobody has to wait for them to run out.
    assert leases_left() == []


@pytest.mark.usefixtures("committed_db")
@pytest.mark.parametrize("error", [RuntimeError, SystemExit])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_step_that_breaks_is_tried_again(settings: Settings, error: type[BaseException]) -> None:
    calls = []

    def step(lease: Lease) -> int:
        calls.append(lease.token)
        if len(calls) == 1:
            raise error
        return 0

    with running(step, settings):
        until(lambda: len(calls) > 2)


@pytest.mark.usefixtures("committed_db")
def test_lost_lease_is_claimed_anew_once_it_is_free(settings: Settings) -> None:
    tokens = []

    def step(lease: Lease) -> int:
        tokens.append(lease.token)
        return 0

    with running(step, settings):
        until(lambda: tokens)
        first = tokens[0]
        facts.rows("UPDATE core_lease SET owner = 'somebody', token = token + 1 WHERE name = %s", TESTED)
        # They do not prolong it.
        until(lambda: tokens[-1] == first + 2)
    assert sorted(tokens) == tokens


def test_command_names_the_loops_there_are() -> None:
    with pytest.raises(CommandError, match=r"^No loop named nonsense\. There are: .*\boutbox\b"):
        call_command("loops", "--only", "nonsense")
