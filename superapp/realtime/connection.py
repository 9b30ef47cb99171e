"""One socket's way out: a plain call while its reader keeps up, a bounded queue while it does not."""

import asyncio
import collections
import contextlib
import time
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from django.conf import settings
from websockets.frames import Frame, Opcode

from superapp.realtime import frames

Event = dict[str, Any]
Send = Callable[[Event], Coroutine[Any, Any, None]]


class Close:
    """Close codes of the socket; docs/realtime.md tells clients what to do about each."""

    TOO_BIG = 1009
    RESTARTING = 1012
    MALFORMED = 4400
    UNAUTHENTICATED = 4401
    BANNED = 4403
    SLOW = 4408
    REPLACED = 4409
    FLOODING = 4429


def text_event(frame: str) -> Event:
    """Encoded and wrapped once; the same object goes to every socket.

    ``wire`` is the whole WebSocket frame, for servers that know the key (``DeviceProtocol``); others take the text.
    """
    return {"type": "websocket.send", "text": frame, "wire": Frame(Opcode.TEXT, frame.encode()).serialize(mask=False)}


RESYNC = text_event(frames.encode("resync", {}))
_RESYNC_BYTES = 32


@types.coroutine
def _resume(coroutine: Coroutine[Any, Any, None], waiting_for: Any) -> Generator[Any, Any, None]:
    """Carry on, inside a task, a coroutine that was stepped by hand and stopped at its first future."""
    while True:
        value = yield waiting_for
        try:
            waiting_for = coroutine.send(value)
        except StopIteration:
            return


class Connection:
    """A socket as the hub sees it: who it belongs to, what it listens to, and how to hand it a frame."""

    __slots__ = (
        "_queue", "_queued_bytes", "_send", "_task",
        "closing", "device_id", "dropped", "expires_at", "heard_at", "id", "language", "muted", "pulse_at", "review_at",
        "stalled_since", "topics", "user_id", "warned",
    )  # fmt: skip

    def __init__(self, send: Send) -> None:
        self._send = send
        self._queue: collections.deque[tuple[Event, int]] = collections.deque()
        self._queued_bytes = 0
        self._task: asyncio.Future[None] | None = None
        self.id = 0
        self.user_id = 0
        self.device_id = 0
        self.language = settings.LANGUAGE_CODE
        self.topics: set[str] = set()
        self.expires_at = 0.0
        self.warned = False
        self.heard_at = time.monotonic()
        self.stalled_since: float | None = None
        self.closing = False
        # When it is next looked after (pulse.py); 0 until the first time.
        self.pulse_at = 0.0
        # When what it listens to is next compared with what it should; 0 until the first time.
        self.review_at = 0.0
        # On its way in, between its ticket and hello: nothing is shown to it, and what it has lost is remembered.
        self.muted = False
        self.dropped: set[str] = set()

    def push(self, event: Event, size: int) -> None:
        """Hand over a frame of ``size`` bytes without ever waiting.

        ASGI's ``send`` is a coroutine, but it only waits when the reader does not keep up. So it is stepped once by
        hand: if it finishes, the frame is out at the price of a call; if it stops at a future, a task takes over and
        what comes meanwhile queues up. A full queue gives way to one ``resync``.
        """
        if self.closing or self.muted:
            return
        if self._task is None:
            coroutine = self._send(event)
            try:
                blocked = coroutine.send(None)
            except StopIteration:
                return
            except Exception:
                # The peer is gone; the receive loop hears of it and cleans up.
                self.closing = True
                return
            self.stalled_since = time.monotonic()
            self._task = asyncio.ensure_future(self._drain(coroutine, blocked))
            return
        too_long = len(self._queue) >= settings.REALTIME_QUEUE_FRAMES
        if too_long or self._queued_bytes + size > settings.REALTIME_QUEUE_BYTES:
            self._queue.clear()
            self._queued_bytes, event, size = 0, RESYNC, _RESYNC_BYTES
            # It may have been among them, and is said again.
            self.warned = False
        self._queue.append((event, size))
        self._queued_bytes += size

    def push_frame(self, frame: str) -> None:
        self.push(text_event(frame), len(frame.encode()))

    async def _drain(self, coroutine: Coroutine[Any, Any, None], blocked: Any) -> None:
        try:
            await _resume(coroutine, blocked)
            while self._queue:
                event, size = self._queue.popleft()
                self._queued_bytes -= size
                self.stalled_since = time.monotonic()
                await self._send(event)
        except Exception:
            self.closing = True
        finally:
            self._task = None
            self.stalled_since = None

    async def close(self, code: int) -> None:
        """Say why and end. A peer that takes nothing any more is cut off after a few seconds."""
        if self.closing:
            return
        self.closing = True
        self._queue.clear()
        try:
            await asyncio.wait_for(self._send({"type": "websocket.close", "code": code}), timeout=3)
        except Exception:
            self.abort()

    @property
    def unsent_bytes(self) -> int:
        """What the server's transport keeps for this peer, beside our own queue."""
        transport = self._transport()
        return 0 if transport is None else int(transport.get_write_buffer_size())

    def abort(self) -> None:
        """Cut it off without a word. ASGI cannot drop a connection whose buffer is full, so the transport is asked."""
        self.closing = True
        transport = self._transport()
        if transport is not None:
            with contextlib.suppress(Exception):
                transport.abort()

    def _transport(self) -> Any:
        return getattr(getattr(self._send, "__self__", None), "transport", None)
