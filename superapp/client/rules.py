"""The numbers and the table of docs/realtime.md: how long to wait, and what each close code asks for."""

import enum
from dataclasses import dataclass

from superapp.client.errors import ApiError, ClientError, SignedOut, SocketClosed


@dataclass(frozen=True)
class Timing:
    """In seconds."""

    gap: float = 0.3
    resync_most: float = 2.0
    reconnect_first: float = 0.5
    reconnect_most: float = 30.0
    after_flooding: float = 60.0
    sync_every: float = 600.0
    typing: float = 3.0
    reading: float = 1.0


class Then(enum.Enum):
    """What to do when a socket has closed."""

    RECONNECT = enum.auto()
    RENEW = enum.auto()
    WAIT = enum.auto()
    STOP = enum.auto()


#: Whatever is not in the table, a connection that just broke included: reconnect.
AFTER_CLOSE: dict[int | None, Then] = {
    1009: Then.STOP,
    1012: Then.RECONNECT,
    4400: Then.STOP,
    4401: Then.RENEW,
    4403: Then.STOP,
    4408: Then.RECONNECT,
    4409: Then.STOP,
    4429: Then.WAIT,
}


def pause_before_reconnect(end: ClientError, pause: float, timing: Timing) -> float | None:
    """Seconds until the next attempt, ``pause`` or more; None: there must be none. ``end``: why the last one ended."""
    match end:
        case SocketClosed():
            then = AFTER_CLOSE.get(end.code, Then.RECONNECT)
            if then is Then.STOP:
                return None
            return pause + timing.after_flooding if then is Then.WAIT else pause
        case ApiError():
            # No ticket for us: that is final, unless the server is only busy or broken.
            final = not end.is_passing and (end.status or 500) < 500
            return None if final else pause + (end.retry_after or 0)
        case SignedOut():
            return None
    return pause
