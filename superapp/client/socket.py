"""One connection of the device socket, from its ticket to its close code. docs/realtime.md is the protocol.

>>> socket = await Socket.open(api, on_push=print)
>>> await socket.command("message.send", {"conversation_id": "…", "client_id": new_key(), "kind": "text", "text": "hi"})
>>> (await socket.closed()).code

A socket is never repaired. When it has closed, ``Client`` opens another one and catches up.
"""

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import Callable, Coroutine
from typing import Any, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from superapp.client import backoff
from superapp.client.api import Api
from superapp.client.errors import ApiError, ClientError, SocketClosed, Unreachable
from superapp.client.shapes import Frame, Hello, Json, Limits

OPEN_SECONDS = 10.0
ANSWER_SECONDS = 10.0
CLOSE_SECONDS = 2.0
# What the server may send in one frame. What we may send is in ``hello``.
MAX_INCOMING_BYTES = 1024 * 1024


class FrameTooLarge(ClientError):
    """The server would close a socket that sends this; REST takes it."""


class Socket:
    """Open from ``Socket.open`` until ``closed`` returns. ``on_push`` gets every frame that answers nothing."""

    def __init__(self, connection: ClientConnection, api: Api, on_push: Callable[[Frame], None]) -> None:
        self._connection, self._api, self._on_push = connection, api, on_push
        self._refs = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[Json]] = {}
        self._heard_at = time.monotonic()
        self.token = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self._end: asyncio.Future[SocketClosed] = asyncio.get_running_loop().create_future()
        self.limits: Limits = {"max_frame_bytes": 16 * 1024, "ping_seconds": 25, "silence_seconds": 70}

    @classmethod
    async def open(cls, api: Api, *, on_push: Callable[[Frame], None]) -> "Socket":
        """Ticket, connection, ``auth``, ``hello``. Raises ``SocketClosed`` and what ``Api.ticket`` does."""
        ticket = await api.ticket()
        connection = await _connect(ticket["url"])
        socket = cls(connection, api, on_push)
        try:
            socket._start(socket._read())
            hello = cast(Hello, await socket._authenticate(ticket["ticket"]))
            socket.limits = hello["limits"]
        except BaseException:
            await socket.close()
            raise
        socket._start(socket._keep_alive())
        return socket

    async def command(self, command_type: str, payload: Json) -> Json:
        """Send, and wait for the answer to it. Raises ``ApiError`` for a refusal, ``FrameTooLarge``, ``SocketClosed``,
        and ``Unreachable`` when no answer came: whether it was done is then not known."""
        ref = str(next(self._refs))
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[ref] = answer
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._send(ref, command_type, payload)
                return await answer
        except TimeoutError:
            raise Unreachable(f"no answer to {command_type} within {ANSWER_SECONDS:g} s", maybe_done=True) from None
        finally:
            self._waiting.pop(ref, None)
            # If sending failed, the end of the connection became the answer, and nobody has looked at it.
            if not answer.cancel() and not answer.cancelled():
                answer.exception()

    async def closed(self) -> SocketClosed:
        """Wait for the end, whoever brings it about."""
        return await asyncio.shield(self._end)

    async def close(self) -> None:
        """Say goodbye and end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._connection.close()
        self._abort("closed by us")
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- frames -------------------------------------------------------------------------------------------------------

    async def _send(self, ref: str, frame_type: str, payload: Json) -> None:
        # Not as ASCII: a Chinese text would double in size and an emoji triple.
        frame = json.dumps({"ref": ref, "type": frame_type, "payload": payload}, ensure_ascii=False).encode()
        if len(frame) > self.limits["max_frame_bytes"]:
            raise FrameTooLarge(f"A frame may have {self.limits['max_frame_bytes']} bytes.")
        if self._end.done():
            raise self._end.result()
        try:
            await self._connection.send(frame, text=True)
        except ConnectionClosed:
            raise await self.closed() from None

    async def _read(self) -> None:
        """Until the connection ends, whatever arrives on it."""
        reason = ""
        try:
            async for text in self._connection:
                self._heard_at = time.monotonic()
                self._take(json.loads(text))
        except ConnectionClosed:
            pass
        except Exception as error:
            # A frame that is none, or a push that our own side choked on: a fresh start repairs both.
            reason = repr(error)
            self._connection.transport.abort()
            raise
        finally:
            self._finish(SocketClosed(self._connection.close_code, self._connection.close_reason or reason))

    def _take(self, frame: Frame) -> None:
        ref = frame.get("ref")
        if ref is None and frame["type"] != "error":
            if frame["type"] == "auth.expiring":
                self._start(self._renew())
            else:
                self._on_push(frame)
            return
        answer = self._waiting.pop(ref or "", None)
        if answer is None or answer.done():
            # Nobody waits for it any more; or an error about the connection, whose close code follows and says more.
            return
        if frame["type"] == "error":
            answer.set_exception(ApiError.read(frame.get("error"), status=None))
        else:
            answer.set_result(frame.get("payload") or {})

    def _finish(self, end: SocketClosed) -> None:
        if not self._end.done():
            self._end.set_result(end)
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(end)
        self._waiting.clear()

    def _abort(self, reason: str) -> None:
        """End without the other side, which may not be there any more."""
        self._connection.transport.abort()
        self._finish(SocketClosed(None, reason))

    # --- staying alive ------------------------------------------------------------------------------------------------

    async def _authenticate(self, ticket: str) -> Json:
        # The token behind the ticket: the one to replace when the server says that the sign-in ends.
        self.token = self._api.signed_in["access_token"]
        return await self.command("auth", {"ticket": ticket})

    async def _renew(self) -> None:
        """Prolong the sign-in behind this socket, in place. The server gives a minute; then it closes with 4401."""
        for delay in backoff.delays():
            try:
                await self._api.refresh(stale=self.token)
                ticket = await self._api.ticket()
                await self._authenticate(ticket["ticket"])
                return
            except (ApiError, Unreachable):
                await asyncio.sleep(delay)
            except ClientError:
                # Signed out, or closed meanwhile: the close code will tell whoever holds this socket.
                return

    async def _keep_alive(self) -> None:
        """Ping, and give the connection up when nothing at all came for too long: half-open TCP never says so."""
        ping_seconds, silence_seconds = self.limits["ping_seconds"], self.limits["silence_seconds"]
        while True:
            silent_at = self._heard_at + silence_seconds
            pause = min(ping_seconds, silent_at - time.monotonic())
            if pause <= 0:
                self._abort(f"nothing heard for {silence_seconds:g} s")
                return
            await asyncio.sleep(pause)
            # Nobody waits for the pong: that anything arrived is what counts. A full buffer must not stop the clock.
            with contextlib.suppress(TimeoutError, ClientError):
                async with asyncio.timeout(pause):
                    await self._send(str(next(self._refs)), "ping", {})

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _connect(url: str) -> ClientConnection:
    """Raises ``SocketClosed``; a refused handshake becomes the close code that says the same."""
    try:
        return await connect(
            url,
            open_timeout=OPEN_SECONDS,
            close_timeout=CLOSE_SECONDS,
            max_size=MAX_INCOMING_BYTES,
            compression=None,
            # The protocol has its own ping, which passes through every proxy.
            ping_interval=None,
            proxy=None,
        )
    except InvalidStatus as refusal:
        status = refusal.response.status_code
        raise SocketClosed(4403 if status == 403 else None, f"HTTP {status}") from refusal
    except (OSError, TimeoutError, InvalidHandshake) as error:
        raise SocketClosed(None, f"{url} cannot be reached: {error!r}") from error
