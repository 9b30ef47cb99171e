"""The sockets of one process: who listens to what, and how a message from Redis reaches them."""

import asyncio
import collections
import contextlib
import json
import random
import time
from collections.abc import Callable, Coroutine, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

import structlog
from django.conf import settings

from superapp.accounts import selectors as accounts
from superapp.core.api.fields import rfc3339
from superapp.core.errors import Unavailable
from superapp.core.redis import RedisFailure, async_client_of
from superapp.realtime import frames, registry
from superapp.realtime.conflation import Conflation
from superapp.realtime.connection import RESYNC, Close, Connection, Event, text_event
from superapp.realtime.pulse import Pulse
from superapp.realtime.subscription import Subscription
from superapp.realtime.threads import in_thread

log = structlog.get_logger(__name__)

# How long a new socket waits for Redis to confirm its channels. Without Redis it works all the same, by fetching.
SUBSCRIBE_PATIENCE_SECONDS = 1.0
SWEEP_SECONDS = 1.0
STOP_PATIENCE_SECONDS = 2.0
UNUSED_SLOTS_SECONDS = 60.0
# A push is sent right after its commit, or its process is in trouble.
NEWCOMER_SECONDS = 30.0
# Sockets between their first frame and hello; the others are told to come back later.
MOST_ENTERING = 500
Result = TypeVar("Result")


class Hub:
    """One per process. Everything here runs on the event loop's thread."""

    def __init__(self) -> None:
        self.connections: set[Connection] = set()
        self._topics: dict[str, set[Connection]] = {}
        self._topics_in_slot: collections.Counter[int] = collections.Counter()
        self._unused_slots: set[int] = set()
        # Who was joined a moment ago, and from which version on a topic's frames are theirs.
        self._newcomers: dict[str, dict[Connection, int]] = {}
        self._conflation = Conflation(
            show=lambda key, frame: self._show(key[0], text_event(frame), len(frame.encode()))
        )
        self._pulse = Pulse(connections=self.connections, ended=self._end_unheard, review=self._review_later)
        self._subscription = Subscription(deliver=self._deliver, recovered=self._resync_all)
        # Few connections, and those who need one wait for their turn: a thousand devices may come back at once.
        self._redis = async_client_of(connections=4, patience_seconds=2.0)
        # Whoever is on the way in shares half of the threads; the others are for those who are there already.
        self._doors = asyncio.Semaphore(max(1, settings.REALTIME_THREADS // 2))
        self._entering = 0
        self._resyncing: asyncio.Task[None] | None = None
        # Whose rights are being read, and for each reading what they were dropped from since it began.
        self._reviews: dict[Connection, list[set[str]]] = {}
        # A task that nobody holds may be collected before it has run.
        self._background: set[asyncio.Task[Any]] = set()

    def start(self) -> None:
        self._subscription.start()
        self._later(self._sweep())
        self._later(self._pulse.run())

    async def stop(self) -> None:
        for task in self._background:
            task.cancel()
        with contextlib.suppress(Exception):
            # Those who were here, and were told to come back, are elsewhere or nowhere now.
            await asyncio.wait_for(self._pulse.beat(), timeout=STOP_PATIENCE_SECONDS)
        await self._subscription.stop()
        await self._redis.aclose()

    async def on_the_way_in(self, function: Callable[..., Result], *args: Any) -> Result:
        """``in_thread`` for newcomers. Raises ``Unavailable`` when too many of them are waiting already."""
        if self._entering >= MOST_ENTERING:
            raise Unavailable
        self._entering += 1
        try:
            async with self._doors:
                return await in_thread(function, *args)
        finally:
            self._entering -= 1

    async def join(self, connection: Connection, topics: Iterable[str]) -> bool:
        """Listen. False when Redis has not confirmed it, so that something may already have been missed."""
        channels = self._listen(connection, topics)
        return await self._subscription.want(channels, patience_seconds=SUBSCRIBE_PATIENCE_SECONDS)

    def _listen(self, connection: Connection, topics: Iterable[str]) -> set[str]:
        """At once, so that orders about a topic find it in their own order; returns the channels to subscribe."""
        channels = set()
        for topic in set(topics) - connection.topics:
            connection.topics.add(topic)
            listeners = self._topics.get(topic)
            if listeners is None:
                listeners = self._topics[topic] = set()
                slot = frames.slot_of(topic)
                self._topics_in_slot[slot] += 1
                self._unused_slots.discard(slot)
            listeners.add(connection)
            channels.add(frames.channel(frames.slot_of(topic)))
        return channels

    def leave(self, connection: Connection, topic: str) -> None:
        connection.topics.discard(topic)
        listeners = self._topics.get(topic)
        if listeners is None:
            return
        listeners.discard(connection)
        if not listeners:
            del self._topics[topic]
            slot = frames.slot_of(topic)
            self._topics_in_slot[slot] -= 1
            if not self._topics_in_slot[slot]:
                del self._topics_in_slot[slot]
                # Unsubscribed later, by the sweep: whoever left often comes straight back.
                self._unused_slots.add(slot)

    async def admit(self, connection: Connection) -> bool:
        """Take in an authenticated socket; an older one of the same device, here or elsewhere, gives way to it."""
        self.connections.add(connection)
        topic = frames.user_topic(connection.user_id)
        confirmed = await self.join(connection, [topic])
        order = {"op": "close", "device_id": connection.device_id, "code": Close.REPLACED, "before": connection.id}
        self._obey(topic, order)
        try:
            message = frames.pack(frames.CONTROL, [topic], json.dumps(order))
            await self._redis.publish(frames.channel(frames.slot_of(topic)), message)
        except RedisFailure:
            log.warning("realtime.replacement_not_announced", device_id=connection.device_id)
        return confirmed

    def dismiss(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self._pulse.left(connection)
        for topic in list(connection.topics):
            self.leave(connection, topic)

    def _deliver(self, message: bytes) -> None:
        """One message from Redis: wrapped once, then a plain call per socket."""
        kind, topics, body = frames.unpack(message)
        if kind == frames.CONTROL:
            order = json.loads(body)
            for topic in topics:
                self._obey(topic, order)
        elif kind == frames.FRAME:
            event = text_event(body)
            for topic in topics:
                if topic in self._conflation.waiting:
                    # The last place of a car may not come after the end of its ride.
                    self._conflation.flush(topic)
                if topic in self._newcomers:
                    self._show_from_version(topic, event, len(message), json.loads(body).get("version"))
                else:
                    self._show(topic, event, len(message))
        elif kind == frames.NEWEST:
            frame_type, version, seconds, frame = frames.read_newest(body)
            for topic in topics:
                self._conflation.offer((topic, frame_type), version, seconds, frame)

    def _show(self, topic: str, event: Event, size: int) -> None:
        for connection in self._topics.get(topic, ()):
            connection.push(event, size)

    def _show_from_version(self, topic: str, event: Event, size: int, version: int | None) -> None:
        newcomers = self._newcomers[topic]
        for connection in self._topics.get(topic, ()):
            if version is None or version >= newcomers.get(connection, version):
                connection.push(event, size)

    def _begin_at(self, connection: Connection, topic: str, version: int) -> None:
        """For as long as something older may still come from a process that was held up."""
        self._newcomers.setdefault(topic, {})[connection] = version

        def forget() -> None:
            newcomers = self._newcomers.get(topic, {})
            # Somebody who came twice has a later time of their own.
            if newcomers.get(connection) == version:
                del newcomers[connection]
            if not newcomers:
                self._newcomers.pop(topic, None)

        asyncio.get_running_loop().call_later(NEWCOMER_SECONDS, forget)

    def _obey(self, topic: str, order: dict[str, Any]) -> None:
        for connection in list(self._topics.get(topic, ())):
            match order["op"]:
                case "join":
                    connection.dropped.discard(order["topic"])
                    for dropped in self._reviews.get(connection, ()):
                        dropped.discard(order["topic"])
                    if "from_version" in order:
                        self._begin_at(connection, order["topic"], order["from_version"])
                    if order["topic"] not in connection.topics:
                        channels = self._listen(connection, [order["topic"]])
                        self._later(self._catch_up(connection, order["topic"], channels))
                case "drop":
                    if connection.muted:
                        connection.dropped.add(order["topic"])
                    for dropped in self._reviews.get(connection, ()):
                        dropped.add(order["topic"])
                    if order["topic"] in connection.topics:
                        self._lose(connection, order["topic"])
                case "review":
                    self._later(self._review_or_log(connection))
                case "close":
                    older = connection.id < order.get("before", connection.id + 1)
                    if connection.device_id == order["device_id"] and older:
                        self._later(connection.close(order["code"]))

    def _lose(self, connection: Connection, topic: str) -> None:
        self.leave(connection, topic)
        connection.push_frame(frames.encode("topic.lost", {}, topic=topic))

    async def _catch_up(self, connection: Connection, topic: str, channels: set[str]) -> None:
        """Between the order and the subscription something may have been published: the client looks for itself."""
        await self._subscription.want(channels, patience_seconds=SUBSCRIBE_PATIENCE_SECONDS)
        if topic in connection.topics:
            connection.push_frame(frames.encode("resync", {}, topic=topic))

    def _resync_all(self) -> None:
        """Redis was away: what was pushed is fetched by the clients, what was ordered is found out here."""
        if self._resyncing is not None:
            # Redis went away again meanwhile: those who were told already may have missed more since.
            self._resyncing.cancel()
        self._resyncing = self._later(self._resync_one_by_one())

    async def _resync_one_by_one(self) -> None:
        """Not all at once: each of them asks ``/sync/`` next. Who is pushed something meanwhile sees the gap before it.

        An order that nobody heard is not repeated, so everybody's rights are read anew as well, a few at a time.
        """
        waiting = list(self.connections)
        random.shuffle(waiting)
        seconds = min(len(waiting) / settings.REALTIME_RESYNCS_PER_SECOND, settings.REALTIME_RESYNC_SECONDS)
        began, free = time.monotonic(), asyncio.Semaphore(settings.REALTIME_THREADS)

        async def review(connection: Connection) -> None:
            async with free:
                await self._review_or_log(connection)

        async with asyncio.TaskGroup() as reviews:
            for number, connection in enumerate(waiting):
                early = began + seconds * number / len(waiting) - time.monotonic()
                if early > 0:
                    await asyncio.sleep(early)
                connection.push(RESYNC, len(RESYNC["text"]))
                reviews.create_task(review(connection))

    async def _review_or_log(self, connection: Connection) -> None:
        try:
            await self._review(connection)
        except Exception:
            log.exception("realtime.review_failed", user_id=connection.user_id)

    async def _review(self, connection: Connection) -> None:
        dropped: set[str] = set()
        self._reviews.setdefault(connection, []).append(dropped)
        try:
            await self._compare(connection, dropped)
        finally:
            # By identity: two empty sets are equal.
            others = [one for one in self._reviews.pop(connection) if one is not dropped]
            if others:
                self._reviews[connection] = others

    async def _compare(self, connection: Connection, dropped: set[str]) -> None:
        """``dropped`` fills while this waits: what was read before an order is out of date."""
        user_id, device_id = connection.user_id, connection.device_id
        expires_at, topics = await in_thread(
            lambda: (
                accounts.access_expiry(user_id=user_id, device_id=device_id),
                registry.topics.initial_topics([user_id])[user_id],
            )
        )
        if expires_at is None:
            is_banned = await in_thread(accounts.banned, [user_id])
            await connection.close(Close.BANNED if is_banned else Close.UNAUTHENTICATED)
            return
        for topic in topics - connection.topics:
            # Whoever has gone meanwhile would be listened for until the process ends.
            if topic not in dropped and connection in self.connections:
                await self._catch_up(connection, topic, self._listen(connection, [topic]))
        for topic in connection.topics - topics - {frames.user_topic(user_id)}:
            kind, reference = registry.topics.find(topic)
            if kind is None or not await in_thread(kind.may_join, user_id, reference):
                self._lose(connection, topic)

    async def _sweep(self) -> None:
        """Once a second: sockets that are silent, stalled or out of time. One timer for all of them, not one each."""
        unsubscribed_at = time.monotonic()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now, wall = time.monotonic(), time.time()
            for connection in self.connections:
                try:
                    self._check(connection, now, wall)
                except Exception:
                    # One odd socket must not end the care for all the others.
                    log.exception("realtime.check_failed", user_id=connection.user_id)
            if now - unsubscribed_at > UNUSED_SLOTS_SECONDS:
                unsubscribed_at = now
                gone, self._unused_slots = self._unused_slots, set()
                await self._subscription.forget(map(frames.channel, gone))

    def _check(self, connection: Connection, now: float, wall: float) -> None:
        stalled = (
            connection.stalled_since is not None and now - connection.stalled_since > settings.REALTIME_STALLED_SECONDS
        )
        if connection.unsent_bytes > settings.REALTIME_QUEUE_BYTES:
            # Our own frames wait for room. This is what the server answers by itself: pongs that nobody reads.
            connection.abort()
        elif stalled or now - connection.heard_at > settings.REALTIME_SILENCE_SECONDS:
            self._later(connection.close(Close.SLOW))
        elif connection.expires_at <= wall:
            self._later(connection.close(Close.UNAUTHENTICATED))
        elif connection.expires_at - wall <= SWEEP_SECONDS:
            # Nothing is delivered after the end, not even until the next round.
            asyncio.get_running_loop().call_later(connection.expires_at - wall, self._end_on_time, connection)
        elif connection.muted:
            # On its way in: what it would be told now would be lost.
            return
        elif not connection.warned and connection.expires_at - wall <= settings.REALTIME_EXPIRY_WARNING_SECONDS:
            connection.warned = True
            connection.push_frame(frames.encode("auth.expiring", {"at": _time(connection.expires_at)}))

    def _end_unheard(self, connection: Connection, code: int) -> None:
        """The order to do so was lost."""
        self._later(connection.close(code))

    def _review_later(self, connection: Connection) -> None:
        self._later(self._review_or_log(connection))

    def _end_on_time(self, connection: Connection) -> None:
        left = connection.expires_at - time.time()
        if left <= 0:
            self._later(connection.close(Close.UNAUTHENTICATED))
        elif left <= SWEEP_SECONDS:
            # Not prolonged: timers are rounded, and this one came early.
            asyncio.get_running_loop().call_later(max(left, 0.001), self._end_on_time, connection)

    def _later(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task


def _time(seconds: float) -> str:
    return rfc3339(datetime.fromtimestamp(seconds, UTC))


_hub: Hub | None = None


def running_hub() -> Hub:
    """This process's hub, started by whoever needs it first. Call it on the event loop."""
    global _hub
    if _hub is None:
        _hub = Hub()
        _hub.start()
    return _hub


async def stop_hub() -> None:
    global _hub
    if _hub is not None:
        hub, _hub = _hub, None
        await hub.stop()


def open_sockets() -> int | None:
    """How many this process holds now; None where it serves none. From any thread."""
    hub = _hub
    return None if hub is None else len(hub.connections)
