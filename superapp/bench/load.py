"""An HTTP client that throws requests at a server, in a process of its own so that its CPU is nobody else's.

The bench writes a plan as one line of JSON to its standard input; it connects, says ``ready``, and begins when a second
line arrives. With a rate, requests are due at fixed moments, and wait for a free connection if there is none; without,
each connection sends its next request when it has its answer. In the end it writes what it saw as one line of JSON.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import uuid4

import httptools

# Stands in a request's head where each one has a UUID of its own.
KEY = "{key}"


@dataclass(frozen=True)
class Plan:
    port: int
    #: Whole requests as text, sent in turn.
    requests: Sequence[str]
    status: int
    count: int
    connections: int
    #: Per second; None: as fast as they are answered.
    rate: float | None = None


@dataclass
class Seen:
    """What the client saw. ``errors`` are answers with another status, and connections that broke."""

    answered: int = 0
    errors: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    #: The body of the first answer, and of the first one that was an error.
    body: str = ""
    error_body: str = ""
    latencies: list[float] = field(default_factory=list, repr=False)

    def finish(self) -> None:
        if len(self.latencies) > 1:
            cuts = statistics.quantiles(self.latencies, n=100)
            self.p50_ms, self.p99_ms = round(1000 * cuts[49], 2), round(1000 * cuts[98], 2)
        self.latencies = []


def request(method: str, path: str, *, headers: dict[str, str], body: str = "") -> str:
    """A whole request as text. ``{key}`` in a header becomes a new UUID each time it is sent."""
    sent = {"Host": "127.0.0.1", **headers}
    if body:
        sent |= {"Content-Type": "application/json", "Content-Length": str(len(body.encode()))}
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n{body}"


class Client:
    """The process. ``wait_ready``, then ``go``: what lies between the two calls belongs to nobody's measurement."""

    def __init__(self, plan: Plan) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "superapp.bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._say(json.dumps(asdict(plan)))
        assert self._heard() == "ready", "the load client could not connect"

    def go(self) -> Seen:
        """Returns when everything was answered."""
        self._say("go")
        seen = Seen(**json.loads(self._heard()))
        self._process.wait(10)
        return seen

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _heard(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


class _Connection(asyncio.Protocol):
    def __init__(self, run: "_Load") -> None:
        self.run = run
        self.transport: Any = None
        self.due_at = 0.0
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def send(self, due_at: float) -> None:
        self.due_at = due_at
        self.transport.write(self.run.next_request())

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        body, self._body = b"".join(self._body), []
        self.run.answered(self, self._parser.get_status_code(), body)

    def connection_lost(self, error: Exception | None) -> None:
        self.run.broke(self)


class _Load:
    def __init__(self, plan: Plan) -> None:
        self.plan, self.seen = plan, Seen()
        self.done = asyncio.Event()
        self._sent = 0
        self._waiting: deque[float] = deque()
        self._free: list[_Connection] = []
        self._is_over = False
        self._parts = [[part.encode() for part in text.split(KEY)] for text in plan.requests]

    async def connect(self) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(self.plan.connections):
            _, connection = await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self.plan.port)
            self._free.append(connection)

    async def run(self) -> None:
        cpu, began = time.process_time(), time.perf_counter()
        if self.plan.rate is None:
            free, self._free = self._free, []
            for connection in free:
                self._next(connection)
        else:
            await self._pace(began, self.plan.rate)
        await self.done.wait()
        self._is_over = True
        self.seen.seconds, self.seen.cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
        self.seen.finish()

    async def _pace(self, began: float, rate: float) -> None:
        for number in range(self.plan.count):
            due_at = began + number / rate
            if (pause := due_at - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            if self._free:
                self._sent += 1
                self._free.pop().send(due_at)
            else:
                self._waiting.append(due_at)

    def next_request(self) -> bytes:
        parts = self._parts[self._sent % len(self._parts)]
        return parts[0] if len(parts) == 1 else str(uuid4()).encode().join(parts)

    def answered(self, connection: _Connection, status: int, body: bytes) -> None:
        seen = self.seen
        seen.answered += 1
        seen.latencies.append(time.perf_counter() - connection.due_at)
        seen.body = seen.body or body.decode()
        if status != self.plan.status:
            seen.errors += 1
            seen.error_body = seen.error_body or f"{status} {body.decode(errors='replace')[:500]}"
        self._next(connection)
        if seen.answered >= self.plan.count:
            self.done.set()

    def _next(self, connection: _Connection) -> None:
        if self.plan.rate is not None:
            if not self._waiting:
                self._free.append(connection)
                return
            self._sent += 1
            connection.send(self._waiting.popleft())
        elif self._sent < self.plan.count:
            self._sent += 1
            connection.send(time.perf_counter())

    def broke(self, connection: _Connection) -> None:
        if not self._is_over:
            self.seen.errors += 1
            self.seen.error_body = self.seen.error_body or "a connection broke"
            self.done.set()


async def main() -> None:
    load = _Load(Plan(**json.loads(sys.stdin.readline())))
    await load.connect()
    print("ready", flush=True)
    if not sys.stdin.readline():
        return
    await load.run()
    print(json.dumps(asdict(load.seen)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
