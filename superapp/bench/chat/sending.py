"""What a message costs from its frame to its commit and to both sockets, beside the statements that it causes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from superapp.bench import cpu
from superapp.bench.chat.fanout import TEXT, FanOut, result, show_latencies
from superapp.bench.chat.people import Group, pairs
from superapp.bench.chat.sides import LIMITS, Side
from superapp.bench.frame import Report, Scale, interleave
from superapp.bench.stand import Stand
from superapp.localdev.progress import step

PAIRS = 50
MESSAGES_PER_S = 150.0
SECONDS = 5.0


@dataclass(frozen=True)
class Bare:
    """psycopg2 in a process of its own, whose work is the caller's share."""

    process: "subprocess.Popen[str]"

    def send(self, found: list[Group], count: int) -> dict[str, Any]:
        order = {
            "rate": MESSAGES_PER_S,
            "count": count,
            "pairs": [[pair.conversation_id, pair.member_ids[0]] for pair in found],
            "text": TEXT,
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


def run(stand: Stand, report: Report, scale: Scale, side: Side) -> None:
    """Both in conversations of their own, with as many rows before them."""
    count = scale.of(round(MESSAGES_PER_S * SECONDS), least=20)
    mine, theirs = pairs(PAIRS), pairs(PAIRS)
    with (
        step("send", "messages between two from frame to frame, and their statements alone: ours, psycopg2"),
        side.joined(mine),
        bare(stand) as base,
    ):
        # Connections are made and statements planned before anything is measured.
        through_the_gateway(stand, side, mine, PAIRS)
        base.send(theirs, PAIRS)
        runs = interleave(
            {
                "ours": lambda: through_the_gateway(stand, side, mine, count),
                "sql": lambda: by_psycopg2(stand, base, theirs, count),
            },
            rounds=scale.rounds,
        )
    report.runs("send", runs, unit="message sent")
    show_latencies(report, "send", runs)
    report.cpu_ratio("send_cpu_vs_sql", runs, of="ours", to="sql")


def through_the_gateway(stand: Stand, side: Side, found: list[Group], count: int) -> FanOut:
    side.crowd.start()
    senders = [(2 * place, str(pair.conversation_id)) for place, pair in enumerate(found)]
    with stand.measured(server=[side.child.pid]) as spent:
        side.crowd.send(senders=senders, members=2, rate=MESSAGES_PER_S, count=count, text=TEXT)
        side.crowd.wait_for(count)
    return result(side.crowd.report(), spent, count, paced=True)


def by_psycopg2(stand: Stand, base: Bare, found: list[Group], count: int) -> FanOut:
    with cpu.measured({"caller": [base.process.pid], **stand.servers}) as spent:
        done = base.send(found, count)
    return FanOut(
        units=done["done"],
        seconds=spent.seconds,
        cpu_seconds=spent.cpu_seconds,
        drops=count - done["done"],
        p50_ms=done["p50_ms"],
        p99_ms=done["p99_ms"],
    )


@contextmanager
def bare(stand: Stand) -> Iterator[Bare]:
    process = subprocess.Popen(
        [sys.executable, f"{LIMITS}/bare_send.py", stand.addresses.database_url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Bare(process)
    finally:
        process.kill()
        process.wait()
