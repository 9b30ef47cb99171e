"""The server's side of a WebSocket with an end to what one peer may have it parse, signed in or not.

Every frame costs a few microseconds before anybody of ours sees it, pings and empty fragments included, and a megabyte
of them arrives in one go. Without a limit here a single connection could hold up everybody else on the same loop.
"""

import time
from typing import Any

from django.conf import settings
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import OPEN

from superapp.realtime.connection import Close

# Parsed in one go: a few milliseconds of work, if it is all tiny frames.
SLICE_BYTES = 4096
FAREWELL_SECONDS = 0.5


class DeviceProtocol(WebSocketsSansIOProtocol):
    """Beyond its allowance of frames nothing more of a connection is looked at, and it is closed with 4429.

    The allowance has room for the frames that ``DeviceSocket`` counts, each in some fragments, and for control frames.
    """

    _is_cut_off = False

    def connection_made(self, transport: object) -> None:
        self._allowance = self._most = 4.0 * settings.REALTIME_FRAME_BURST
        self._allowance_at = time.monotonic()
        super().connection_made(transport)  # type: ignore[arg-type]

    async def send(self, message: Any) -> None:
        """A push is the same on every socket, down to its bytes, so these are not made anew for each of them.

        Anything but a plain frame on an open socket that takes it now is left to uvicorn.
        """
        wire = message.get("wire")
        if wire is None or not self._takes_frames():
            await super().send(message)
            return
        self.transport.write(wire)

    def _takes_frames(self) -> bool:
        return (
            self.handshake_complete
            and self.conn.state is OPEN
            and self.writable.is_set()
            and not (self.disconnected or self.close_sent or self.initial_response or self.conn.extensions)
        )

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), SLICE_BYTES):
            if self._is_cut_off:
                return
            super().data_received(data[start : start + SLICE_BYTES])

    def handle_events(self) -> None:
        now = time.monotonic()
        earned = (now - self._allowance_at) * 4.0 * settings.REALTIME_FRAMES_PER_SECOND
        self._allowance = min(self._allowance + earned, self._most) - len(self.conn.events)
        self._allowance_at = now
        if self._allowance < 0:
            self._cut_off()
        else:
            super().handle_events()

    def _cut_off(self) -> None:
        """From here on what comes is taken and thrown away, so that the peer can still read why."""
        self._is_cut_off = True
        self.transport.resume_reading()
        self.loop.call_later(FAREWELL_SECONDS, self._end)

    def _end(self) -> None:
        if self.transport.is_closing():
            return
        # Unless the application, which counts the frames that reach it, was first.
        if self.conn.state is OPEN and not self.close_sent:
            self.close_sent = True
            self.conn.send_close(Close.FLOODING)
            self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()
