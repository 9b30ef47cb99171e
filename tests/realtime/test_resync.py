"""After a time without Redis everybody is told to look, but not everybody at once."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from superapp.bench.chat.people import crowd_of, tickets_for
from superapp.realtime import push
from tests.processes import Gateway
from tests.realtime.sockets import PATIENCE_SECONDS, Socket, gateway, knock
from tests.sizes import sizes

AT_ONCE = 50
SPREAD_SECONDS = 4.0


@pytest.fixture(scope="module")
def server(own_services: Any) -> Iterator[Gateway]:
    pace = {
        "REALTIME_RESYNCS_PER_SECOND": sizes.resynced_sockets / SPREAD_SECONDS,
        "REALTIME_RESYNC_SECONDS": SPREAD_SECONDS,
    }
    with gateway(own_services.addresses, REDIS_TIMEOUT_SECONDS=1.0, **pace) as running:
        yield running


async def crowd(server: Gateway) -> list[Socket]:
    tickets = await asyncio.to_thread(lambda: tickets_for(crowd_of(sizes.resynced_sockets)))
    free = asyncio.Semaphore(AT_ONCE)

    async def join(ticket: str) -> Socket:
        async with free:
            socket = await knock(server, open_timeout=60)
            socket.hello = await socket.ask("auth", {"ticket": ticket})
            return socket

    return list(await asyncio.gather(*map(join, tickets)))


def told(sockets: list[Socket]) -> int:
    return sum(bool(socket.all("resync")) for socket in sockets)


async def test_everybody_is_told_to_look_over_some_seconds(own_services: Any, server: Gateway) -> None:
    sockets = await crowd(server)
    everybody = [int(socket.hello["user_id"]) for socket in sockets]
    assert told(sockets) == 0
    await asyncio.to_thread(own_services.servers.stop_redis)
    await asyncio.to_thread(own_services.servers.start_redis)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (first := told(sockets)):  # noqa: ASYNC110 (state of many sockets)
            await asyncio.sleep(0.01)
    began = time.monotonic()
    # Not all of them in one go; and meanwhile everybody hears what is pushed.
    assert first < len(sockets)
    await asyncio.to_thread(push.to_users, everybody, type="test.personal", payload={"n": 1})
    await asyncio.gather(*(socket.pushed("test.personal") for socket in sockets))
    await asyncio.gather(*(socket.pushed("resync") for socket in sockets))
    assert time.monotonic() - began >= SPREAD_SECONDS / 2
    # Once each.
    assert [len(socket.all("resync")) for socket in sockets] == [1] * len(sockets)
    assert await asyncio.gather(*(socket.ask("ping") for socket in sockets)) == [{}] * len(sockets)
    await asyncio.gather(*(socket.close() for socket in sockets))


def test_it_takes_seconds_and_not_minutes(settings: Any) -> None:
    assert settings.REALTIME_RESYNC_SECONDS <= 30
    # A handful of sockets is told at once.
    assert 10 / settings.REALTIME_RESYNCS_PER_SECOND <= 0.2
