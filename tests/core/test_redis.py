"""The circuit before Redis: a dead one costs one time-out, and a living one is found again."""

import socket
import threading
from collections.abc import Iterator

import pytest
import redis
from pytest_django import Settings

from superapp.core.redis import (
    LATE_ANSWERS_TO_OPEN,
    Circuit,
    CircuitOpen,
    RedisFailure,
    _client,
    circuit,
    guarded,
    reset_clients,
)


@pytest.fixture
def switched(settings: Settings) -> Iterator[Settings]:
    yield settings
    reset_clients()


def test_circuit_opens_after_one_failure_and_asks_nobody_while_open() -> None:
    asked = []

    def fail() -> None:
        asked.append(1)
        raise redis.ConnectionError("gone")

    breaker = Circuit(open_seconds=3600)
    with pytest.raises(redis.ConnectionError, match="gone"):
        breaker.call(fail)
    for _ in range(10):
        with pytest.raises(CircuitOpen):
            breaker.call(fail)
    assert len(asked) == 1
    breaker.close()
    assert breaker.call(lambda: "back") == "back"


def test_circuit_tries_again_by_itself() -> None:
    breaker = Circuit(open_seconds=0)

    def fail() -> None:
        raise OSError("reset")

    with pytest.raises(OSError, match="reset"):
        breaker.call(fail)
    assert breaker.call(lambda: "back") == "back"


@pytest.mark.parametrize("error", [redis.TimeoutError, redis.ConnectionError, redis.ResponseError, OSError])
def test_whatever_a_broken_redis_raises_counts(error: type[Exception]) -> None:
    assert issubclass(error, RedisFailure)


def test_bug_of_ours_is_no_failure_of_redis() -> None:
    breaker = Circuit(open_seconds=3600)
    with pytest.raises(ZeroDivisionError):
        breaker.call(lambda: 1 // 0)
    assert breaker.call(lambda: "still closed") == "still closed"


def test_redis_that_is_away_is_left_alone_until_the_circuit_closes(switched: Settings) -> None:
    there = switched.REDIS_URL
    switched.REDIS_CIRCUIT_OPEN_SECONDS = 3600
    switched.REDIS_URL = "unix:///nonexistent/redis.sock"
    reset_clients()
    with pytest.raises(redis.ConnectionError):
        guarded(lambda redis_client: redis_client.ping())
    switched.REDIS_URL = there
    _client.cache_clear()
    # It is back, but that was a moment ago.
    with pytest.raises(CircuitOpen):
        guarded(lambda redis_client: redis_client.ping())
    circuit().close()
    assert guarded(lambda redis_client: redis_client.ping()) is True


def test_redis_that_accepts_and_says_nothing_costs_a_few_time_outs(switched: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        switched.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        switched.REDIS_CIRCUIT_OPEN_SECONDS = 3600
        reset_clients()
        for _ in range(LATE_ANSWERS_TO_OPEN):
            with pytest.raises(redis.TimeoutError):
                guarded(lambda redis_client: redis_client.ping())
        with pytest.raises(CircuitOpen):
            guarded(lambda redis_client: redis_client.ping())
        # Another purpose has a memory of its own.
        with pytest.raises(redis.TimeoutError):
            guarded(lambda redis_client: redis_client.ping(), purpose="another")


def late() -> None:
    raise redis.TimeoutError


def test_late_answers_open_the_circuit_only_in_a_row() -> None:
    breaker = Circuit(open_seconds=3600)
    for _ in range(5):
        for _ in range(LATE_ANSWERS_TO_OPEN - 1):
            with pytest.raises(redis.TimeoutError):
                breaker.call(late)
        assert breaker.call(lambda: "in time") == "in time"


def test_after_an_outage_one_late_answer_is_enough() -> None:
    breaker = Circuit(open_seconds=3600)
    for _ in range(LATE_ANSWERS_TO_OPEN):
        with pytest.raises(redis.TimeoutError):
            breaker.call(late)
    breaker.close()
    with pytest.raises(redis.TimeoutError):
        breaker.call(late)
    with pytest.raises(CircuitOpen):
        breaker.call(late)


def test_circuit_is_shared_by_threads() -> None:
    breaker = Circuit(open_seconds=3600)
    outcomes: list[type[Exception]] = []

    def fail() -> None:
        raise redis.ConnectionError

    def work() -> None:
        try:
            breaker.call(fail)
        except redis.RedisError as error:
            outcomes.append(type(error))

    work()
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert outcomes == [redis.ConnectionError] + [CircuitOpen] * 8
