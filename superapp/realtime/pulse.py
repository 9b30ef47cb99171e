"""What is done for every open socket a few times a minute, for many at once and off the event loop:

- it is prolonged in Redis, so that others can see that its person is there (``presence``);
- its device counts as seen;
- its device's sign-in is looked up, and whether the device has a newer socket, in case the order to close it was lost;
- every ten minutes, what its person belongs to is compared with what it listens to, in case that order was lost.
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
from superapp.realtime import frames, presence, registry
from superapp.realtime.connection import Close, Connection
from superapp.realtime.presence import Presence
from superapp.realtime.threads import in_thread

log = structlog.get_logger(__name__)

BEAT_SECONDS = 1.0
# In one statement and one conversation with Redis.
MOST_AT_ONCE = 500
Pair = tuple[int, int]


class Pulse:
    """Called on the event loop: ``ended`` with the close code for each socket that should have been closed, ``review``
    for each that may listen to other topics than it should."""

    def __init__(
        self,
        *,
        connections: set[Connection],
        ended: Callable[[Connection, int], None],
        review: Callable[[Connection], None],
    ) -> None:
        self._connections, self._ended, self._review = connections, ended, review
        self._left: list[Presence] = []

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
            self._left.append(_presence(connection, 0))

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
        here = [_presence(one, settings.REALTIME_SILENCE_SECONDS - (now - one.heard_at)) for one in due]
        replaced = await in_thread(_note_presence, [one for one in here if one.seconds > 0], left)
        if due:
            pairs = [(connection.user_id, connection.device_id) for connection in due]
            signed_in, banned = await in_thread(_look_at_devices, pairs)
            for connection in due:
                if (connection.user_id, connection.device_id) not in signed_in:
                    self._ended(connection, Close.BANNED if connection.user_id in banned else Close.UNAUTHENTICATED)
                elif connection.id in replaced:
                    self._ended(connection, Close.REPLACED)
            await self._compare_topics(due, now)
        return len(due) < MOST_AT_ONCE and not self._left

    async def _compare_topics(self, connections: list[Connection], now: float) -> None:
        due = [one for one in connections if one.review_at <= now and not one.closing and not one.muted]
        # The first time somewhere in the interval, so that those who came together are not looked at together.
        first = [one for one in due if not one.review_at]
        for connection in due:
            share = random.random() if connection in first else random.uniform(0.75, 1)  # noqa: S311
            connection.review_at = now + settings.REALTIME_REVIEW_SECONDS * share
        due = [one for one in due if one not in first]
        if not due:
            return
        found = await in_thread(registry.topics.initial_topics, [one.user_id for one in due])
        for connection in due:
            # What it asked for itself differs as well: for that its right is asked, one by one.
            if found[connection.user_id] != connection.topics - {frames.user_topic(connection.user_id)}:
                self._review(connection)

    def _due(self, now: float) -> list[Connection]:
        due: dict[int, Connection] = {}
        for connection in self._connections:
            if connection.pulse_at <= now and not connection.closing:
                # One device of a person at a time: a statement that locks several could meet one that signs them out.
                due.setdefault(connection.user_id, connection)
                if len(due) == MOST_AT_ONCE:
                    break
        return list(due.values())


def _presence(connection: Connection, seconds: float) -> Presence:
    return Presence(connection.user_id, connection.device_id, connection.id, seconds)


def _note_presence(here: list[Presence], left: Iterable[Presence]) -> set[int]:
    """Returns those of them whose device has a newer socket somewhere."""
    try:
        replaced = presence.note(here)
        presence.forget(left)
    except RedisFailure as error:
        log.warning("presence.not_noted", error=str(error))
        return set()
    return replaced


def _look_at_devices(pairs: list[Pair]) -> tuple[set[Pair], set[int]]:
    """Which of them are signed in, and who of the others has been shut out."""
    signed_in = accounts.signed_in(pairs)
    account_services.note_devices_seen(signed_in)
    ended = {user_id for user_id, _device_id in set(pairs) - signed_in}
    return signed_in, accounts.banned(ended) if ended else set()
