"""The server's side of HTTP with an end to how long, and how large, the head of a request may be.

A proxy in front has limits of its own; on one origin nobody else would ever give a peer up that says nothing.
"""

import asyncio
from typing import Any

from django.conf import settings
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class BoundedHttp(HttpToolsProtocol):
    """From the connection, and later from the first byte of each request, a head has so many seconds and bytes. Between
    requests uvicorn's ``timeout_keep_alive`` counts; bodies and answers are the application's (``asgi.py``)."""

    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._head_begins()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head_timer is not None:
            self._head_bytes += len(data)
            if self._head_bytes > settings.HTTP_HEAD_BYTES:
                self._give_up(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_begins()

    def on_headers_complete(self) -> None:
        self._head_ends()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_ends()
        super().connection_lost(exc)

    def _head_begins(self) -> None:
        if self._head_timer is None:
            timeout = b"408 Request Timeout"
            self._head_timer = self.loop.call_later(settings.HTTP_HEAD_SECONDS, self._give_up, timeout)

    def _head_ends(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer, self._head_bytes = None, 0

    def _give_up(self, status: bytes) -> None:
        self._head_ends()
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            self.transport.close()
