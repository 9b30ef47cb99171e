"""A crowd of sockets in a process of its own, so that what it takes is nobody else's. picows, because it takes least.

It reads orders as lines of JSON from its standard input and answers each with a line. Frames carry a mark, written by
whoever publishes them: ``#``, three digits of the watch they belong to, nineteen of the monotonic clock, ``#``.
"""

import asyncio
import json
import mmap
import os
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

Json = dict[str, Any]
MARK_BYTES = 24
CONNECT_SECONDS = 30
PING_SECONDS = 25


def mark(watch: int) -> str:
    """For the text of a frame: which watch it belongs to, and when it was sent."""
    return f"#{watch:03d}{time.monotonic_ns():019d}#"


class Socket(WSListener):
    def __init__(self, crowd: "Crowd", ticket: str | None) -> None:
        super().__init__()
        self.crowd, self.ticket = crowd, ticket
        self.transport: WSTransport | None = None
        self.entered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.heard = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        if self.ticket is None:
            self.entered.set_result(None)
        else:
            self.say("auth", {"ticket": self.ticket}, ref="auth")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif frame.msg_type in {WSMsgType.TEXT, WSMsgType.BINARY}:
            self._take(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()

    def _take(self, content: bytes) -> None:
        start = content.find(b"#")
        if start >= 0 and content[start + MARK_BYTES - 1 : start + MARK_BYTES] == b"#":
            self.crowd.heard(self, int(content[start + 1 : start + 4]), int(content[start + 4 : start + 23]))
        elif content.startswith(b'{"type":"hello"'):
            self.entered.set_result(None)
        elif b'"error"' in content:
            self.crowd.errors.append(content.decode(errors="replace")[:300])

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.crowd.left(self)

    def say(self, frame_type: str, payload: Json, *, ref: str) -> None:
        assert self.transport is not None
        frame = json.dumps({"ref": ref, "type": frame_type, "payload": payload}, separators=(",", ":"))
        self.transport.send(WSMsgType.TEXT, frame.encode())


class Crowd:
    """What is heard is counted for one watch at a time; ``counter`` shows it to another process as it grows."""

    def __init__(self, counter: mmap.mmap) -> None:
        self.counter = counter
        self.sockets: list[Socket] = []
        self.errors: list[str] = []
        self.watch, self.count = 0, 0
        self.latencies: list[int] = []
        self.open_sends: dict[int, int] = {}
        self.leaving = False

    def heard(self, socket: Socket, watch: int, sent_at: int) -> None:
        if watch != self.watch:
            return
        socket.heard += 1
        if not self.open_sends:
            self._count(sent_at)
        elif (missing := self.open_sends[sent_at] - 1) == 0:
            # A send counts when its last frame is there.
            self.open_sends[sent_at] = 0
            self._count(sent_at)
        else:
            self.open_sends[sent_at] = missing

    def _count(self, sent_at: int) -> None:
        self.count += 1
        self.latencies.append(time.monotonic_ns() - sent_at)
        struct.pack_into("<q", self.counter, 0, self.count)

    def left(self, socket: Socket) -> None:
        if not self.leaving:
            self.errors.append("a socket was closed")
        if not socket.entered.done():
            socket.entered.set_exception(ConnectionError("closed on its way in"))

    # --- orders -------------------------------------------------------------------------------------------------------

    async def connect(self, *, address: str, paths: list[str], tickets: list[str], at_once: int) -> Json:
        """A socket for each path, or for each ticket."""
        free, began = asyncio.Semaphore(at_once), time.monotonic()

        async def one(path: str, ticket: str | None) -> Socket:
            async with free, asyncio.timeout(CONNECT_SECONDS):
                socket = Socket(self, ticket)
                await ws_connect(lambda: socket, f"ws://{address}{path}", websocket_handshake_timeout=CONNECT_SECONDS)
                await socket.entered
                return socket

        wanted = [(path, None) for path in paths] + [("/ws/", ticket) for ticket in tickets]
        self.sockets += await asyncio.gather(*(one(*who) for who in wanted))
        return {"seconds": time.monotonic() - began}

    async def start(self, *, watch: int) -> Json:
        """Count what belongs to this watch, from nought."""
        self.watch, self.count, self.latencies, self.errors = watch, 0, [], []
        self.open_sends = {}
        struct.pack_into("<q", self.counter, 0, 0)
        for socket in self.sockets:
            socket.heard = 0
        return {"cpu_seconds": time.process_time()}

    async def report(self) -> Json:
        ordered = sorted(self.latencies)
        last = len(ordered) - 1
        return {
            "cpu_seconds": time.process_time(),
            "count": self.count,
            "heard": sum(socket.heard for socket in self.sockets),
            "silent": sum(socket.heard == 0 for socket in self.sockets),
            "errors": self.errors[:3],
            "error_count": len(self.errors),
            "p50_ms": ordered[last // 2] / 1e6 if ordered else 0.0,
            "p99_ms": ordered[last * 99 // 100] / 1e6 if ordered else 0.0,
        }

    async def send(self, *, senders: list[list[Any]], members: int, rate: float, count: int, text: str) -> Json:
        """``message.send`` at a rate, in turn by the ``senders``: the place of each one's socket, and its conversation.

        What completes a message between ``members`` is everybody's push, and the answer to its sender.
        """
        due = time.monotonic()
        for number in range(count):
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due += 1 / rate
            place, conversation_id = senders[number % len(senders)]
            marked = mark(self.watch)
            self.open_sends[int(marked[4:-1])] = members + 1
            message = {
                "conversation_id": conversation_id,
                "client_id": str(uuid4()),
                "kind": "text",
                "text": marked + text,
            }
            self.sockets[place].say("message.send", message, ref="send")
        return {}

    async def leave(self) -> Json:
        """Returns when all connections have ended."""
        gone, self.sockets = self.sockets, []
        self.leaving = True
        for socket in gone:
            assert socket.transport is not None
            socket.transport.disconnect()
        await asyncio.gather(*(socket.transport.wait_disconnected() for socket in gone if socket.transport))
        self.leaving = False
        return {}

    async def keep_alive(self) -> None:
        """As real clients do, spread over time."""
        while True:
            await asyncio.sleep(PING_SECONDS / 20)
            turn = int(time.monotonic() / (PING_SECONDS / 20)) % 20
            for socket in self.sockets[turn::20]:
                if socket.ticket is not None:
                    socket.say("ping", {}, ref="ping")


async def main(counter: mmap.mmap) -> None:
    crowd = Crowd(counter)
    pinging = asyncio.create_task(crowd.keep_alive())
    orders: dict[str, Callable[..., Awaitable[Json]]] = {
        name: getattr(crowd, name) for name in ("connect", "start", "report", "send", "leave")
    }
    reader = asyncio.StreamReader(limit=1 << 24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order = json.loads(line)
        try:
            answer = await orders[order.pop("do")](**order)
        except Exception as error:
            answer = {"failed": repr(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    pinging.cancel()


if __name__ == "__main__":
    with open(sys.argv[1], "r+b") as file:
        uvloop.run(main(mmap.mmap(file.fileno(), 8)))
    # Thousands of sockets need no farewell one by one.
    os._exit(0)
