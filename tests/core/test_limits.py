"""Volume limits: exact under concurrency, refilled by Redis' own clock, and clear about what they do without Redis."""

import threading
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from superapp.core import limits
from superapp.core.errors import TooManyRequests, Unavailable
from superapp.core.limits import LIMITS, Limit
from superapp.core.redis import client, reset_clients

OPEN, CLOSED = "tests.open.user", "tests.closed.user"


@pytest.fixture(autouse=True)
def _actions(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[None]:
    monkeypatch.setitem(LIMITS, OPEN, Limit(5, 3600, fails_open=True))
    monkeypatch.setitem(LIMITS, CLOSED, Limit(5, 3600, fails_open=False))
    # Late answers of a busy machine are not what this is about.
    settings.REDIS_TIMEOUT_SECONDS = settings.REDIS_PATIENT_TIMEOUT_SECONDS = 20
    reset_clients()
    yield
    reset_clients()


@pytest.fixture
def _redis_away(_actions: None, settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nonexistent/redis.sock"
    reset_clients()


def passes(action: str, subject: str, cost: int = 1) -> bool:
    try:
        limits.take(action=action, subject=subject, cost=cost)
    except TooManyRequests:
        return False
    return True


def age(action: str, subject: str, *, milliseconds: int) -> None:
    """As if so much time had passed since the bucket was last used."""
    key = f"limit:{action}:{subject}"
    full_at = float(client().get(key) or 0)
    client().set(key, f"{full_at - milliseconds:.3f}", keepttl=True)


def test_bucket_gives_its_capacity_and_then_says_how_long_to_wait() -> None:
    assert [passes(OPEN, "a") for _ in range(7)] == [True] * 5 + [False] * 2
    with pytest.raises(TooManyRequests) as refusal:
        limits.take(action=OPEN, subject="a")
    # One token comes back in 3600 / 5 seconds.
    assert 700 <= refusal.value.retry_after_whole_seconds <= 720


def test_buckets_are_per_action_and_subject() -> None:
    for _ in range(5):
        limits.take(action=OPEN, subject="a")
    assert not passes(OPEN, "a")
    assert passes(OPEN, "b")
    assert passes(CLOSED, "a")


def test_exactly_the_capacity_passes_of_many_at_once(settings: Settings) -> None:
    settings.LIMITS_OVERRIDES = {OPEN: (20, 3600.0)}
    start, passed = threading.Barrier(50), []

    def work() -> None:
        start.wait(30)
        if passes(OPEN, "crowd"):
            passed.append(1)

    threads = [threading.Thread(target=work) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(passed) == 20


def test_bucket_refills_evenly() -> None:
    for _ in range(5):
        limits.take(action=OPEN, subject="a")
    age(OPEN, "a", milliseconds=719_000)
    assert not passes(OPEN, "a")
    age(OPEN, "a", milliseconds=1_000)
    assert passes(OPEN, "a")
    assert not passes(OPEN, "a")
    age(OPEN, "a", milliseconds=10 * 3_600_000)
    assert [passes(OPEN, "a") for _ in range(6)] == [True] * 5 + [False]


def test_bucket_leaves_nothing_behind_once_it_is_full_again() -> None:
    limits.take(action=OPEN, subject="a")
    assert 0 < client().pttl(f"limit:{OPEN}:a") <= 720_000


def test_cost_is_taken_as_a_whole_or_not_at_all() -> None:
    assert passes(OPEN, "a", cost=3)
    assert not passes(OPEN, "a", cost=3)
    assert passes(OPEN, "a", cost=2)
    assert not passes(OPEN, "a")


def test_refused_call_costs_nothing() -> None:
    for _ in range(5):
        limits.take(action=OPEN, subject="a")
    for _ in range(20):
        assert not passes(OPEN, "a")
    age(OPEN, "a", milliseconds=720_000)
    assert passes(OPEN, "a")


def test_settings_change_a_limit_and_not_what_happens_without_redis(settings: Settings) -> None:
    settings.LIMITS_OVERRIDES = {CLOSED: (2, 60.0)}
    assert limits.limit_for(CLOSED) == Limit(2, 60.0, fails_open=False)
    assert [passes(CLOSED, "a") for _ in range(3)] == [True, True, False]


def test_limit_that_is_as_good_as_none_lets_everything_through(settings: Settings) -> None:
    """A bucket that is full again within the clock's own rounding; fails closed, so it is Redis that says yes."""
    settings.LIMITS_OVERRIDES = {CLOSED: (1_000_000_000, 1.0)}
    assert [passes(CLOSED, "a") for _ in range(20)] == [True] * 20


def test_action_that_is_not_in_the_table_is_a_bug() -> None:
    with pytest.raises(KeyError):
        limits.take(action="tests.unknown.user", subject="a")


def test_flushed_redis_starts_over() -> None:
    """Also without the script that it had learnt."""
    for _ in range(5):
        limits.take(action=OPEN, subject="a")
    client().flushdb()
    client().script_flush()
    assert passes(OPEN, "a")


@pytest.mark.usefixtures("_redis_away")
def test_without_redis_convenience_stays_and_safety_waits() -> None:
    assert all(passes(OPEN, "a") for _ in range(10))
    with pytest.raises(Unavailable) as refusal:
        limits.take(action=CLOSED, subject="a")
    assert refusal.value.retry_after_whole_seconds == 2


def test_what_must_not_be_guessed_or_paid_for_fails_closed() -> None:
    """And whoever adds a limit here should think which one theirs is."""
    assert {action for action, limit in LIMITS.items() if not limit.fails_open} - {CLOSED} == {
        "accounts.send_code.phone",
        "accounts.send_code.address",
        "accounts.staff_sign_in.address",
        "accounts.change_phone.user",
        # who sweeps numbers and names finds people who did not want to be found
        "messaging.find_by_phone.user",
        "messaging.search_people.user",
    }
