"""A process's one Redis subscription, and what it promises when Redis goes and comes back."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis.asyncio

from superapp.realtime.subscription import Subscription
from tests.realtime.proxy import Proxy
from tests.realtime.sockets import PATIENCE_SECONDS


class Listener:
    """A subscription through a proxy that can lose it."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.recoveries = 0
        self.news = asyncio.Event()
        self.subscription = Subscription(deliver=self._deliver, recovered=self._recovered)

    def _deliver(self, message: bytes) -> None:
        self.heard.append(message)
        self.news.set()
        if message == b"choke":
            raise ValueError(message)

    def _recovered(self) -> None:
        self.recoveries += 1
        self.news.set()

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():
                self.news.clear()
                await self.news.wait()

    async def want(self, *channels: str, patience_seconds: float = PATIENCE_SECONDS) -> bool:
        return await self.subscription.want(channels, patience_seconds=patience_seconds)


@pytest.fixture
def there() -> str:
    return os.environ["REDIS_URL"]


def proxied(url: str) -> Proxy:
    parts = urlsplit(url)
    return Proxy.to_socket(parts.path) if parts.scheme == "unix" else Proxy.to(parts.port or 6379)


@asynccontextmanager
async def listening(proxy: Proxy, settings: Any) -> AsyncIterator[Listener]:
    settings.REDIS_URL = f"redis://127.0.0.1:{proxy.port}"
    listener = Listener()
    listener.subscription.start()
    try:
        yield listener
    finally:
        await listener.subscription.stop()


async def say(url: str, channel: str, words: bytes) -> int:
    async with redis.asyncio.Redis.from_url(url) as client:
        return int(await client.publish(channel, words))


async def test_what_is_wanted_is_heard_once_it_is_confirmed(settings: Any, there: str) -> None:
    async with proxied(there) as proxy, listening(proxy, settings) as listener:
        assert await listener.want("t:1", "t:2")
        assert [await say(there, channel, channel.encode()) for channel in ("t:1", "t:2", "t:3")] == [1, 1, 0]
        await listener.until(lambda: len(listener.heard) == 2)
        await listener.subscription.forget(["t:1"])
        assert await listener.want("t:3")
        assert await say(there, "t:1", b"forgotten") == 0
        assert listener.recoveries == 0


async def test_a_message_that_chokes_us_does_not_end_the_listening(settings: Any, there: str) -> None:
    async with proxied(there) as proxy, listening(proxy, settings) as listener:
        assert await listener.want("t:1")
        for words in (b"choke", b"next"):
            await say(there, "t:1", words)
        await listener.until(lambda: listener.heard == [b"choke", b"next"])
        assert listener.recoveries == 0


async def test_a_lost_connection_is_made_again_with_all_that_is_wanted(settings: Any, there: str) -> None:
    async with proxied(there) as proxy, listening(proxy, settings) as listener:
        assert await listener.want("t:1", "t:2")
        proxy.cut()
        await listener.until(lambda: listener.recoveries == 1)
        assert await say(there, "t:2", b"again") == 1
        await listener.until(lambda: listener.heard == [b"again"])


async def test_nobody_is_told_to_look_before_redis_listens_again(settings: Any, there: str) -> None:
    """Told earlier, they would look, and miss what is published between their look and the subscription."""
    async with proxied(there) as proxy, listening(proxy, settings) as listener:
        assert await listener.want("t:1")
        proxy.held = b"SUBSCRIBE"
        proxy.cut()
        proxy.requests.clear()
        async with asyncio.timeout(PATIENCE_SECONDS):
            # The new connection is there; what it asks for has not reached Redis.
            while listener.subscription._connection is None or listener.subscription._confirmed:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await say(there, "t:1", b"lost") == 0
        assert listener.recoveries == 0
        proxy.requests.set()
        await listener.until(lambda: listener.recoveries == 1)
        assert await say(there, "t:1", b"heard") == 1
        await listener.until(lambda: listener.heard == [b"heard"])


async def test_what_is_wanted_while_redis_is_away_is_heard_when_it_is_back(settings: Any, there: str) -> None:
    async with proxied(there) as proxy:
        proxy.requests.clear()
        async with listening(proxy, settings) as listener:
            assert await listener.want("t:1", patience_seconds=0.05) is False
            proxy.requests.set()
            assert await listener.want("t:1")
            # Whoever wanted it has heard nothing until now, and has to look.
            await listener.until(lambda: listener.recoveries == 1)
            assert await say(there, "t:1", b"at last") == 1
            await listener.until(lambda: listener.heard == [b"at last"])
