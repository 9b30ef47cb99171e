"""Pushing from anywhere: it waits for the commit, costs next to nothing when Redis is away, and never raises."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.db import transaction

from superapp.core.redis import reset_clients
from superapp.realtime import push
from superapp.realtime.models import KeptEvent
from superapp.settings import base
from tests.messaging.conftest import Wire, wire  # noqa: F401  (a fixture)

pytestmark = pytest.mark.django_db
PERSON = 4711


def say(words: str) -> None:
    push.to_topic("test.room:1", type="test.plain", payload={"words": words})


class Stop(Exception):
    pass


def test_a_push_goes_out_at_once_outside_a_transaction(wire: Wire) -> None:  # noqa: F811
    say("now")
    frame = {"type": "test.plain", "topic": "test.room:1", "payload": {"words": "now"}}
    assert wire.pushes() == [(["test.room:1"], frame)]


def test_a_push_waits_for_the_commit(wire: Wire) -> None:  # noqa: F811
    with transaction.atomic():
        say("one")
        push.to_users([PERSON], type="test.personal", payload={})
        with transaction.atomic():
            say("two")
        assert wire.types() == []
    assert [frame["payload"] for _topics, frame in wire.pushes()] == [{"words": "one"}, {}, {"words": "two"}]


def test_a_push_of_a_transaction_that_fails_is_never_sent(wire: Wire) -> None:  # noqa: F811
    with suppress(Stop), transaction.atomic():
        say("never")
        push.to_users([PERSON], type="test.kept", payload={}, keep=True)
        push.drop(topic="test.room:1", user_ids=[PERSON])
        raise Stop
    assert wire.types() == []
    assert KeptEvent.objects.filter(user_id=PERSON).count() == 0


def test_a_push_of_a_part_that_was_rolled_back_is_never_sent(wire: Wire) -> None:  # noqa: F811
    with transaction.atomic():
        say("stays")
        with suppress(Stop), transaction.atomic():
            say("goes")
            raise Stop
    assert [frame["payload"] for _topics, frame in wire.pushes()] == [{"words": "stays"}]


def test_a_kept_event_is_stored_for_each_and_pushed_with_the_same_id(wire: Wire) -> None:  # noqa: F811
    push.to_users([PERSON, PERSON + 1, PERSON], type="test.kept", payload={"n": 1}, keep=True)
    stored = KeptEvent.objects.filter(type="test.kept").order_by("user_id")
    assert [event.user_id for event in stored] == [PERSON, PERSON + 1]
    (event_id,) = {event.id for event in stored}
    payload = {"n": 1, "event_id": str(event_id)}
    assert [event.payload for event in stored] == [payload] * 2
    assert {str(frame["payload"]) for _topics, frame in wire.pushes()} == {str(payload)}


def test_a_push_to_nobody_is_nothing(wire: Wire) -> None:  # noqa: F811
    push.to_users([], type="test.kept", payload={}, keep=True)
    push.join(topic="test.room:1", user_ids=[])
    assert wire.types() == []


# --- without Redis ----------------------------------------------------------------------------------------------------


@pytest.fixture
def _nobody_listens(settings: Any, tmp_path: Any) -> Iterator[None]:
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock"
    reset_clients()
    yield
    # What was noted for later goes nowhere either.
    push._missed._topics.clear()
    push._missed._ordered.clear()
    reset_clients()


@pytest.fixture
def deaf_redis(settings: Any, tmp_path: Any) -> Iterator[list[float]]:
    """A server that takes connections and never answers: worse than none."""
    path = f"{tmp_path}/deaf.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(100)
        settings.REDIS_URL = f"unix://{path}"
        reset_clients()
        yield []
    push._missed._topics.clear()
    push._missed._ordered.clear()
    reset_clients()


@pytest.mark.usefixtures("_nobody_listens")
def test_without_redis_nothing_raises_and_the_work_is_done() -> None:
    with transaction.atomic():
        push.to_users([PERSON], type="test.kept", payload={}, keep=True)
        say("lost")
        push.join(topic="test.room:1", user_ids=[PERSON])
        push.drop(topic="test.room:1", user_ids=[PERSON])
        push.close_device(user_id=PERSON, device_id=1, code=4401)
    assert KeptEvent.objects.filter(user_id=PERSON).count() == 1


@pytest.mark.usefixtures("deaf_redis")
def test_a_redis_that_does_not_answer_costs_one_time_out_and_not_one_each(settings: Any) -> None:
    # So long that a hundred time-outs could not be mistaken for a slow machine.
    settings.REDIS_TIMEOUT_SECONDS, settings.REDIS_CIRCUIT_OPEN_SECONDS = 0.3, 60.0
    reset_clients()
    began = time.monotonic()
    for number in range(100):
        say(str(number))
    assert time.monotonic() - began < 100 * 0.3 / 4


def test_the_time_out_is_short_and_the_pause_too() -> None:
    assert (base.REDIS_TIMEOUT_SECONDS, base.REDIS_CIRCUIT_OPEN_SECONDS) == (0.05, 2.0)
