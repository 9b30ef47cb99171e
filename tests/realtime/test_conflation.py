"""Pushes of which only the newest counts: at most one per interval, and never without the last."""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superapp.realtime import push
from superapp.realtime.conflation import Conflation
from tests.processes import Gateway
from tests.realtime.people import friends
from tests.realtime.sockets import entered, gateway

KEY = ("car:1", "car.moved")


class Clock:
    """Stands in for the loop's timers, so that a second takes no time."""

    def __init__(self) -> None:
        self.now, self.timers = 0.0, []

    def call_later(self, seconds: float, call: Any, *arguments: Any) -> None:
        self.timers.append((self.now + seconds, call, arguments))

    def advance(self, to: float) -> None:
        while due := [timer for timer in self.timers if timer[0] <= to]:
            first = min(due, key=lambda timer: timer[0])
            self.timers.remove(first)
            self.now = first[0]
            first[1](*first[2])
        self.now = to


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: clock)
    return clock


def test_first_goes_at_once_and_the_last_of_a_burst_after_the_interval(clock: Clock) -> None:
    shown: list[tuple[float, str]] = []
    conflation = Conflation(show=lambda _key, frame: shown.append((clock.now, frame)))
    for version in range(5):
        conflation.offer(KEY, version, 2.0, str(version))
    clock.advance(10)
    assert shown == [(0.0, "0"), (2.0, "4")]
    conflation.offer(KEY, 5, 2.0, "5")
    assert shown[-1] == (10.0, "5")


def test_an_older_one_that_comes_late_takes_nobodys_place(clock: Clock) -> None:
    shown: list[str] = []
    conflation = Conflation(show=lambda _key, frame: shown.append(frame))
    for version in (3, 5, 4):
        conflation.offer(KEY, version, 2.0, str(version))
    clock.advance(10)
    assert shown == ["3", "5"]


def test_what_waits_is_shown_before_what_was_said_after_it(clock: Clock) -> None:
    """The last place of a car, before the end of its ride."""
    shown: list[tuple[float, str]] = []
    conflation = Conflation(show=lambda _key, frame: shown.append((clock.now, frame)))
    other = ("car:2", "car.moved")
    for version in range(3):
        conflation.offer(KEY, version, 2.0, str(version))
        conflation.offer(other, version, 2.0, f"other {version}")
    clock.advance(1)
    assert conflation.waiting.keys() == {"car:1", "car:2"}
    conflation.flush("car:1")
    conflation.flush("car:1")
    assert shown == [(0.0, "0"), (0.0, "other 0"), (1.0, "2")]
    # And not once more when its time comes; what follows keeps the pace.
    conflation.offer(KEY, 3, 2.0, "3")
    clock.advance(10)
    assert [found for found in shown if "other" not in found[1]] == [(0.0, "0"), (1.0, "2"), (2.0, "3")]
    assert (conflation.waiting, conflation._held) == ({}, {})


def test_topics_and_types_do_not_wait_for_one_another(clock: Clock) -> None:
    shown: list[tuple[str, str]] = []
    conflation = Conflation(show=lambda key, _frame: shown.append(key))
    keys = [KEY, ("car:2", "car.moved"), ("car:1", "car.waits")]
    for key in keys:
        conflation.offer(key, -1, 2.0, "x")
    assert shown == keys


@given(gaps=st.lists(st.floats(0, 5), min_size=1, max_size=30))
def test_whatever_the_times_the_pace_holds_and_the_last_arrives(gaps: list[float]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr(asyncio, "get_running_loop", lambda: clock)
        shown: list[tuple[float, int]] = []
        conflation = Conflation(show=lambda _key, frame: shown.append((clock.now, int(frame))))
        for version, gap in enumerate(gaps):
            clock.advance(clock.now + gap)
            conflation.offer(KEY, version, 2.0, str(version))
        clock.advance(clock.now + 10)
    assert shown[-1][1] == len(gaps) - 1
    assert [version for _at, version in shown] == sorted({version for _at, version in shown})
    assert all(later - earlier >= 2.0 - 1e-6 for (earlier, _), (later, _) in itertools.pairwise(shown))
    assert conflation._held == conflation.waiting == {}


@pytest.fixture(scope="module")
def servers(committed_db: Any) -> Iterator[tuple[Gateway, Gateway]]:
    with ExitStack() as running:
        yield running.enter_context(gateway(committed_db)), running.enter_context(gateway(committed_db))


async def test_sockets_of_every_process_get_few_of_many_and_the_last(servers: tuple[Gateway, Gateway]) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    topic = f"conversation:{conversation_id}"
    async with entered(servers[0], ada) as (one,), entered(servers[1], bo) as (two,):
        for version in range(200):
            await asyncio.to_thread(
                push.to_topic,
                topic,
                type="test.moved",
                payload={"at": version},
                version=version,
                newest_only=timedelta(seconds=1),
            )
        for socket in (one, two):
            await socket.pushed("test.moved", at=199)
            moves = [frame["version"] for frame in socket.all("test.moved")]
            assert moves[0] == 0
            assert moves == sorted(moves)
            assert len(moves) < 100


async def test_an_ordinary_push_does_not_overtake_what_waits(servers: tuple[Gateway, Gateway]) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    topic = f"conversation:{conversation_id}"

    def drive_and_arrive() -> None:
        for version in range(20):
            push.to_topic(
                topic,
                type="test.moved",
                payload={"at": version},
                version=version,
                newest_only=timedelta(seconds=30),
            )
        push.to_topic(topic, type="test.arrived", payload={})

    async with entered(servers[0], ada) as (one,), entered(servers[1], bo) as (two,):
        await asyncio.to_thread(drive_and_arrive)
        for socket in (one, two):
            await socket.pushed("test.arrived")
            found = [frame for frame in socket.frames if frame["type"].startswith("test.")]
            assert [frame.get("version") for frame in found] == [0, 19, None]
