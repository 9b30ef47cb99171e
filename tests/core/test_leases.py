"""Leases: one holder at a time by the database's clock, and no write by a holder that somebody has replaced."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from superapp.core import leases
from superapp.core.leases import Lease, LeaseLost
from superapp.core.models import Lease as Row

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _empty(committed_db: Any) -> None:
    Row.objects.all().delete()


def claim(owner: str = "ada", *, shard: str = "0", ttl: timedelta = HOUR) -> Lease | None:
    return leases.claim(name="tests", shard=shard, ttl=ttl, owner=owner)


def held(owner: str = "ada", *, shard: str = "0") -> Lease:
    lease = claim(owner, shard=shard)
    assert lease is not None
    return lease


def run_out() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE core_lease SET lease_until = clock_timestamp() - interval '1 second'")


def seconds_left() -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM lease_until - clock_timestamp()) FROM core_lease")
        return float(cursor.fetchone()[0])


def guard(lease: Lease) -> None:
    with transaction.atomic():
        lease.guard()


def test_free_shard_goes_to_whoever_asks() -> None:
    assert held() == Lease(name="tests", shard="0", owner="ada", token=1)
    assert 3590 < seconds_left() <= 3600


def test_held_shard_is_refused_to_others_and_stays_as_it_is() -> None:
    held()
    assert claim("bo") is None
    row = Row.objects.get()
    assert (row.owner, row.token) == ("ada", 1)
    assert 3590 < seconds_left() <= 3600


def test_other_shards_and_loops_are_others() -> None:
    held()
    assert held("bo", shard="1").token == 1
    other_loop = leases.claim(name="tests-too", shard="0", ttl=HOUR, owner="bo")
    assert other_loop is not None
    assert other_loop.token == 1


def test_holder_prolongs_with_the_same_token() -> None:
    assert claim(ttl=timedelta(minutes=1)) == held()
    assert 3590 < seconds_left() <= 3600


def test_lease_that_ran_out_goes_to_the_next_with_a_larger_token() -> None:
    held()
    run_out()
    assert held("bo").token == 2
    assert claim("ada") is None
    run_out()
    assert held("ada").token == 3


def test_own_lease_that_ran_out_comes_back_with_a_larger_token() -> None:
    """Meanwhile somebody may have held it and given it up."""
    held()
    run_out()
    assert held().token == 2


def test_lease_of_a_moment_runs_out_by_the_clock_of_the_database() -> None:
    assert claim(ttl=timedelta(0)) is not None
    assert held("bo").token == 2


def test_guard_lets_the_newest_holder_write() -> None:
    lease = held()
    guard(lease)
    # Late is not too late: nobody has taken it.
    run_out()
    guard(lease)
    guard(held())


def test_guard_refuses_a_holder_that_was_replaced() -> None:
    lease = held()
    run_out()
    held("bo")
    with pytest.raises(LeaseLost, match="tests/0"):
        guard(lease)
    run_out()
    held()
    with pytest.raises(LeaseLost):
        guard(lease)


def test_refused_transaction_wrote_nothing() -> None:
    lease = held()
    run_out()
    held("bo")

    @transaction.atomic
    def write() -> None:
        Row.objects.create(name="written", shard="0", owner="ada", lease_until="2026-01-01T00:00:00Z", token=1)
        lease.guard()

    with pytest.raises(LeaseLost):
        write()
    assert not Row.objects.filter(name="written").exists()


def test_guard_outside_a_transaction_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="inside one"):
        held().guard()


def test_guard_of_a_row_that_was_deleted_refuses() -> None:
    lease = held()
    Row.objects.all().delete()
    with pytest.raises(LeaseLost):
        guard(lease)


def test_nobody_takes_a_guarded_shard_before_the_commit() -> None:
    lease = held()
    run_out()
    outcomes: list[object] = []

    def take_over() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '50ms'")
            claim("bo")
        except OperationalError:
            outcomes.append("waited")
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '20s'")
        about_to_commit.set()
        outcomes.append(claim("bo"))
        connection.close()

    about_to_commit = threading.Event()
    rival = threading.Thread(target=take_over)
    with transaction.atomic():
        lease.guard()
        rival.start()
        assert about_to_commit.wait(20)
        assert Row.objects.get().owner == "ada"
    rival.join(20)
    assert outcomes == ["waited", Lease(name="tests", shard="0", owner="bo", token=2)]


def test_holder_prolongs_while_a_write_is_guarded() -> None:
    """A busy shard guards without a pause: were the heartbeat to wait for that, its lease would run out."""
    lease = held()
    prolonged: list[int] = []

    def prolong() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '10s'")
            cursor.execute("UPDATE core_lease SET lease_until = lease_until + interval '1 hour' WHERE owner = 'ada'")
            prolonged.append(cursor.rowcount)
        connection.close()

    heartbeat = threading.Thread(target=prolong)
    with transaction.atomic():
        lease.guard()
        heartbeat.start()
        heartbeat.join(20)
        assert prolonged == [1]
    guard(lease)


def test_released_shard_is_free_at_once() -> None:
    held().release()
    assert held("bo").token == 2


def test_replaced_holder_releases_nothing() -> None:
    lease = held()
    run_out()
    held("bo")
    lease.release()
    assert claim("ada") is None
    assert Row.objects.get().owner == "bo"


def test_of_many_that_claim_at_once_one_gets_it() -> None:
    won: list[Lease] = []
    start = threading.Barrier(8)

    def work(owner: str) -> None:
        start.wait(20)
        if lease := claim(owner):
            won.append(lease)
        connection.close()

    for expected_token in (1, 2):
        won.clear()
        threads = [threading.Thread(target=work, args=[f"owner-{number}"]) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert [lease.token for lease in won] == [expected_token]
        run_out()
