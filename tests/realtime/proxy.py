"""A TCP proxy that loses things: between a client and the gateway, or between the gateway and Redis."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Self


class Proxy:
    """``async with Proxy(connect) as proxy``: listens on ``proxy.port``; ``connect`` opens the other side.

    ``answers`` cleared: what the server says is swallowed. ``requests`` cleared: what the client says waits, from the
    first piece on that contains ``held``.
    """

    def __init__(self, connect: Callable[[], object]) -> None:
        self._connect = connect
        self.answers, self.requests = asyncio.Event(), asyncio.Event()
        self.answers.set()
        self.requests.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.held = b""
        self.port = 0

    @classmethod
    def to(cls, port: int) -> Self:
        return cls(lambda: asyncio.open_connection("127.0.0.1", port))

    @classmethod
    def to_socket(cls, path: str) -> Self:
        return cls(lambda: asyncio.open_unix_connection(path))

    def cut(self) -> None:
        """Break every connection, as a tunnel would, and deliver again from now on."""
        for writer in list(self._writers):
            writer.transport.abort()
        self.answers.set()
        self.requests.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await self._connect()  # type: ignore[misc]
        except OSError:
            writer.transport.abort()
            return
        for source, target, is_request in ((reader, far_writer, True), (far_reader, writer, False)):
            self._writers.add(target)
            task = asyncio.create_task(self._pipe(source, target, is_request=is_request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pipe(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, is_request: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if is_request:
                    if self.held in data:
                        await self.requests.wait()
                elif not self.answers.is_set():
                    continue
                target.write(data)
                await target.drain()
        self._writers.discard(target)
        target.close()
