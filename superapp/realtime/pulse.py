"""What is done for every open socket a few times a minute, for many at once and off the event loop:

- it is prolonged in Redis, so that others can see that its person is there (``presence``);
- its device counts as seen;
- its device's sign-in is looked up, in case the order to close it was lost on its way.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable

import structlog
from django.conf import settings

from superapp.accounts import selectors as accounts
from superapp.accounts import services as account_services
from superapp.core.redis import RedisFailure
from superapp.realtime import presence
from superapp.realtime.connection import Connection
from superapp.realtime.presence import Presence
from superapp.realtime.threads import in_thread

log = structlog.get_logger(__name__)

BEAT_SECONDS = 1.0
# In one statement and one conversation with Redis.
MOST_AT_ONCE = 500
Pair = tuple[int, int]


class Pulse:
    """``revoked`` is called, on the event loop, for each socket whose device has been signed out."""

    def __init__(self, *, connections: set[Connection], revoked: Callable[[Connection], None]) -> None:
        self._connections, self._revoked = connections, revoked
        self._left: list[Pair] = []

    async def run(self) -> None:
        while True:
            try:
                is_done = await self.beat()
            except Exception:
                # One failure must not end the care for everybody.
                log.exception("realtime.pulse_failed")
                is_done = True
            if is_done:
                await asyncio.sleep(BEAT_SECONDS)

    def left(self, connection: Connection) -> None:
        """It is gone: said with the next beat."""
        if connection.pulse_at:
            self._left.append((connection.user_id, connection.id))

    async def beat(self) -> bool:
        """Look after those whose time has come. False when there were more than go at once."""
        now = time.monotonic()
        due = self._due(now)
        left, self._left = self._left[:MOST_AT_ONCE], self._left[MOST_AT_ONCE:]
        if not due and not left:
            return True
        for connection in due:
            # Not all at the same moment, even if they all came at the same moment.
            connection.pulse_at = now + settings.REALTIME_PULSE_SECONDS * random.uniform(0.75, 1)  # noqa: S311
        here = [Presence(one.user_id, one.id, settings.REALTIME_SILENCE_SECONDS - (now - one.heard_at)) for one in due]
        await in_thread(_note_presence, [one for one in here if one.seconds > 0], left)
        if due:
            pairs = [(connection.user_id, connection.device_id) for connection in due]
            signed_in = await in_thread(_look_at_devices, pairs)
            for connection in due:
                if (connection.user_id, connection.device_id) not in signed_in:
                    self._revoked(connection)
        return len(due) < MOST_AT_ONCE and not self._left

    def _due(self, now: float) -> list[Connection]:
        due: dict[int, Connection] = {}
        for connection in self._connections:
            if connection.pulse_at <= now and not connection.closing:
                # One device of a person at a time: a statement that locks several could meet one that signs them out.
                due.setdefault(connection.user_id, connection)
                if len(due) == MOST_AT_ONCE:
                    break
        return list(due.values())


def _note_presence(here: list[Presence], left: Iterable[Pair]) -> None:
    try:
        presence.note(here)
        presence.forget(left)
    except RedisFailure as error:
        log.warning("presence.not_noted", error=str(error))


def _look_at_devices(pairs: list[Pair]) -> set[Pair]:
    signed_in = accounts.signed_in(pairs)
    account_services.note_devices_seen(signed_in)
    return signed_in
