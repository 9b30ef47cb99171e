"""The bench's end of ``sockets``: orders in, answers out, and a counter in shared memory between them."""

import json
import mmap
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from superapp.bench.chat import sockets
from superapp.localdev import processes
from superapp.localdev.progress import Problem

Json = dict[str, Any]
# What was sent is heard by then, or it is lost.
PATIENCE_SECONDS = 5.0


@dataclass(frozen=True)
class Heard:
    """What the crowd heard of one watch. ``count`` are frames of a fan-out, or sends whose last frame is there, by
    which their latency is told."""

    count: int
    silent: int
    errors: Sequence[str]
    error_count: int
    p50_ms: float
    p99_ms: float
    client_cpu_seconds: float


class Crowd:
    """Sockets to one server."""

    def __init__(self, process: "subprocess.Popen[str]", counter: mmap.mmap) -> None:
        self._process, self._counter = process, counter
        self._cpu_at_start = 0.0
        self.size = 0
        self.watch = 0

    def connect(self, port: int, *, paths: Sequence[str] = (), tickets: Sequence[str] = (), at_once: int = 50) -> float:
        """Returns the seconds it took until all were let in."""
        answer = self._order("connect", address=f"127.0.0.1:{port}", paths=paths, tickets=tickets, at_once=at_once)
        self.size += len(paths) + len(tickets)
        return float(answer["seconds"])

    def start(self) -> int:
        """Begin a watch; its number belongs into the mark of every frame."""
        self.watch = (self.watch + 1) % 1000
        self._cpu_at_start = self._order("start", watch=self.watch)["cpu_seconds"]
        return self.watch

    @property
    def count(self) -> int:
        """Of this watch so far, without asking."""
        found: int = struct.unpack_from("<q", self._counter, 0)[0]
        return found

    def wait_for(self, count: int) -> None:
        processes.wait_until(lambda: self.count >= count, seconds=PATIENCE_SECONDS, pause=0.002)

    def report(self) -> Heard:
        answer = self._order("report")
        return Heard(
            count=answer["count"],
            silent=answer["silent"],
            errors=answer["errors"],
            error_count=answer["error_count"],
            p50_ms=answer["p50_ms"],
            p99_ms=answer["p99_ms"],
            client_cpu_seconds=answer["cpu_seconds"] - self._cpu_at_start,
        )

    def send(self, *, senders: Sequence[tuple[int, str]], members: int, rate: float, count: int, text: str) -> None:
        """By these sockets, counted in the order in which they came, in their conversations of so many ``members``.

        Returns when all are on their way.
        """
        self._order("send", senders=senders, members=members, rate=rate, count=count, text=text)

    def leave(self) -> None:
        self._order("leave")
        self.size = 0

    def _order(self, do: str, **details: Any) -> Json:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **details}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        answer: Json = json.loads(line) if line else {"failed": "the load client ended"}
        if "failed" in answer:
            raise Problem(f"The load client could not {do}: {answer['failed']}", cure="Read the servers' logs.")
        return answer


@contextmanager
def crowd() -> Iterator[Crowd]:
    with tempfile.NamedTemporaryFile(prefix="superapp-bench-") as file:
        file.write(bytes(8))
        file.flush()
        process = subprocess.Popen(
            [sys.executable, sockets.__file__, file.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield Crowd(process, mmap.mmap(file.fileno(), 8))
        finally:
            process.kill()
            process.wait()


def pace(*, rate: float, seconds: float) -> Iterator[int]:
    """Numbers, each when it is due. What could not be on time follows at once."""
    due = time.perf_counter()
    for number in range(round(rate * seconds)):
        time.sleep(max(0.0, due - time.perf_counter()))
        due += 1 / rate
        yield number
