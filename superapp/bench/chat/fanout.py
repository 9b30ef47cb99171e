"""What it costs to bring a message to everybody in a conversation."""

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial

from superapp.bench import cpu
from superapp.bench.chat.crowd import Heard, pace
from superapp.bench.chat.people import Group, groups
from superapp.bench.chat.sides import Side, picows, stock
from superapp.bench.chat.sockets import mark
from superapp.bench.frame import Report, Run, Runs, Scale, interleave
from superapp.bench.stand import Stand
from superapp.localdev.progress import step

TEXT = "x" * 120
WARM_UP_SECONDS = 1.0


@dataclass(frozen=True)
class Shape:
    """Groups of one size, and how often somebody in one of them says something."""

    size: int
    count: int
    messages_per_s: float
    seconds: float
    #: Messages on their way at the same time, when it goes as fast as it can.
    window: int = 0


#: At these rates the slower of the two is busy for less than half of the time.
SHAPES = (
    Shape(size=2, count=100, messages_per_s=1000, seconds=4, window=64),
    Shape(size=50, count=10, messages_per_s=300, seconds=4, window=16),
    Shape(size=500, count=2, messages_per_s=30, seconds=4, window=4),
)
#: The stock layer keeps a hundred messages for each process, and throws away what does not fit.
BESIDE_STOCK = Shape(size=50, count=4, messages_per_s=20, seconds=5)


@dataclass(frozen=True)
class FanOut(Run):
    p50_ms: float = 0.0
    p99_ms: float = 0.0


def run(stand: Stand, report: Report, scale: Scale, mine: Side) -> None:
    with picows(stand) as bare:
        for shape in SHAPES:
            name = f"fanout_{shape.size}"
            with step(name, f"groups of {shape.size} at one pace, then as fast as they go: ours, picows"):
                runs = compare(stand, report, scale, name, shape, mine, bare)
            report.cpu_ratio(f"{name}_vs_picows", runs, of="ours", to="picows")
    what = f"groups of {BESIDE_STOCK.size} at a pace at which the stock layer drops nothing: ours, stock"
    with step("stock", what), stock(stand) as layer:
        runs = compare(stand, report, scale, "fanout_50_slow", BESIDE_STOCK, mine, layer)
    report.cpu_ratio("fanout_50_vs_stock", runs, of="ours", to="stock")


def compare(stand: Stand, report: Report, scale: Scale, name: str, shape: Shape, *sides: Side) -> Runs:
    """The servers side by side, each with everybody there; while one is measured, the other has nothing to do."""
    found = groups(count=scale.of(shape.count), size=scale.of(shape.size, least=2))
    seconds = max(0.2, shape.seconds * scale.factor)
    with ExitStack() as cleanup:
        for side in sides:
            cleanup.enter_context(side.joined(found))
            warm_up(side, found, seconds=WARM_UP_SECONDS if scale.is_full else 0.1)
        runs = in_turn(sides, lambda side: paced(stand, side, found, shape.messages_per_s, seconds), scale)
        report.runs(name, runs, unit="frame received")
        show_latencies(report, name, runs)
        if shape.window:
            fast = in_turn(sides, lambda side: fast_as_it_goes(stand, side, found, shape.window, seconds / 2), scale)
            report.runs(f"{name}_fast", fast, unit="frame received")
    return runs


def in_turn(sides: Sequence[Side], measure: Callable[[Side], Run], scale: Scale) -> Runs:
    return interleave({side.name: partial(measure, side) for side in sides}, rounds=scale.rounds)


def warm_up(side: Side, found: Sequence[Group], *, seconds: float) -> None:
    """Subscriptions stand, and what is loaded at first use is loaded."""
    watch = side.crowd.start()
    for number in pace(rate=100, seconds=seconds):
        side.publish(found[number % len(found)], mark(watch) + TEXT)
    side.crowd.wait_for(len(found[0].member_ids))


def paced(stand: Stand, side: Side, found: Sequence[Group], rate: float, seconds: float) -> FanOut:
    watch, published = side.crowd.start(), 0
    with measured(stand, side) as spent:
        for number in pace(rate=rate, seconds=seconds):
            side.publish(found[number % len(found)], mark(watch) + TEXT)
            published += 1
        side.crowd.wait_for(published * len(found[0].member_ids))
    return result(side.crowd.report(), spent, published * len(found[0].member_ids), paced=True)


def fast_as_it_goes(stand: Stand, side: Side, found: Sequence[Group], window: int, seconds: float) -> FanOut:
    """Another message as soon as one of those on their way has reached everybody."""
    watch, published, size = side.crowd.start(), 0, len(found[0].member_ids)
    ends_at = time.monotonic() + seconds
    with measured(stand, side) as spent:
        while time.monotonic() < ends_at:
            if published * size - side.crowd.count >= window * size:
                time.sleep(0.0002)
                continue
            side.publish(found[published % len(found)], mark(watch) + TEXT)
            published += 1
        side.crowd.wait_for(published * size)
    return result(side.crowd.report(), spent, published * size, paced=False)


def measured(stand: Stand, side: Side) -> AbstractContextManager[cpu.Spent]:
    """Postgres takes no part in this."""
    return cpu.measured({"server": [side.child.pid], "redis": [stand.redis_pid]})


def result(heard: Heard, spent: cpu.Spent, expected: int, *, paced: bool) -> FanOut:
    return FanOut(
        units=heard.count,
        seconds=spent.seconds,
        cpu_seconds=spent.cpu_seconds,
        client_cpu_seconds=heard.client_cpu_seconds,
        paced=paced,
        errors=heard.error_count,
        drops=max(0, expected - heard.count),
        p50_ms=heard.p50_ms,
        p99_ms=heard.p99_ms,
    )


def show_latencies(report: Report, name: str, runs: Runs) -> None:
    for side, found in runs.items():
        for which in ("p50_ms", "p99_ms"):
            report.figure(f"{name}_{side}_{which}", round(statistics.median(getattr(run, which) for run in found), 2))
