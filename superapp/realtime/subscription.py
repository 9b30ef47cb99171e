"""A process's one Redis subscription, whatever happens to Redis meanwhile."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable

import redis.asyncio
import structlog

from superapp.core.redis import RedisFailure, async_client

log = structlog.get_logger(__name__)

# A connection that says nothing, not even to a ping, for this long is taken for dead.
PING_SECONDS = 10.0
SILENCE_SECONDS = 25.0


class Subscription:
    """Channels that are wanted are subscribed now or as soon as Redis is back.

    ``deliver`` gets each message. ``recovered`` is called after a time without Redis, in which messages may have been
    missed, as soon as everything that is wanted is subscribed again.
    """

    def __init__(self, *, deliver: Callable[[bytes], None], recovered: Callable[[], None]) -> None:
        self._deliver, self._recovered = deliver, recovered
        self._wanted: set[str] = set()
        self._confirmed: set[str] = set()
        # What was wanted while Redis was away or late, and is not confirmed yet.
        self._unheard: set[str] = set()
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._connection: redis.asyncio.Connection | None = None
        self._writing = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._ping())]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def want(self, channels: Iterable[str], *, patience_seconds: float) -> bool:
        """True once all are subscribed; False when Redis did not confirm in time (they stay wanted)."""
        missing = set(channels) - self._confirmed
        if not missing:
            return True
        fresh = missing - self._wanted
        self._wanted |= missing
        loop = asyncio.get_running_loop()
        futures = [self._waiting.setdefault(channel, loop.create_future()) for channel in missing]
        if fresh:
            await self._command("SUBSCRIBE", *fresh)
        _done, late = await asyncio.wait(futures, timeout=patience_seconds)
        if late:
            self._unheard |= missing - self._confirmed
        return not late

    async def forget(self, channels: Iterable[str]) -> None:
        gone = set(channels) & self._wanted
        if gone:
            self._wanted -= gone
            self._confirmed -= gone
            await self._command("UNSUBSCRIBE", *gone)

    async def _command(self, *words: str) -> None:
        # A failure here is the reader's to notice; what is wanted is subscribed again after its reconnect.
        connection = self._connection
        if connection is not None:
            async with self._writing:
                with contextlib.suppress(*RedisFailure):
                    await connection.send_command(*words)

    async def _run(self) -> None:
        pause, missed = 0.1, False
        while True:
            client = async_client(socket_connect_timeout=2, socket_timeout=None)
            connection = client.connection_pool.make_connection()
            try:
                await connection.connect()
                pause, self._connection = 0.1, connection
                if self._wanted:
                    self._unheard = set(self._wanted) if missed else self._unheard & self._wanted
                    await self._command("SUBSCRIBE", *self._wanted)
                await self._read(connection)
            except (*RedisFailure, TimeoutError) as error:
                missed = True
                log.warning("realtime.redis_lost", error=str(error) or type(error).__name__)
            except Exception:
                # Whatever it was: a process that no longer listens is worse than one that tries again.
                missed = True
                log.exception("realtime.subscription_broke")
            finally:
                self._connection = None
                self._confirmed.clear()
                with contextlib.suppress(Exception):
                    await connection.disconnect(nowait=True)
                    await client.aclose()
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)

    async def _read(self, connection: redis.asyncio.Connection) -> None:
        while True:
            async with asyncio.timeout(SILENCE_SECONDS):
                answer = await connection.read_response(disable_decoding=True, push_request=True)
            match answer:
                case [b"message", _, message]:
                    self._hand_over(message)
                case [b"subscribe", channel, _]:
                    self._confirm(channel.decode())

    def _hand_over(self, message: bytes) -> None:
        try:
            self._deliver(message)
        except Exception:
            # Another version of this program may publish what this one does not understand; the rest must still arrive.
            log.exception("realtime.message_not_understood")

    def _confirm(self, channel: str) -> None:
        if channel in self._wanted:
            self._confirmed.add(channel)
        future = self._waiting.pop(channel, None)
        if future is not None and not future.done():
            future.set_result(None)
        if channel in self._unheard:
            self._unheard.remove(channel)
            if not self._unheard:
                # Only now: whoever looks before Redis listens again misses what is published in between.
                log.info("realtime.redis_back")
                self._recovered()

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(PING_SECONDS)
            await self._command("PING")
