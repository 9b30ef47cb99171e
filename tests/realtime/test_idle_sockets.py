"""How many sockets one process holds while nothing happens."""

import asyncio
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from superapp.bench.chat.people import crowd_of, tickets_for
from superapp.realtime import push
from tests.processes import Gateway
from tests.realtime.sockets import Socket, gateway, knock
from tests.sizes import sizes

# Connections that are being made at the same time.
AT_ONCE = 50


@pytest.fixture(scope="module")
def server(committed_db: Any) -> Iterator[Gateway]:
    with gateway(committed_db) as running:
        yield running


async def test_idle_sockets_are_cheap_and_all_of_them_answer(server: Gateway) -> None:
    tickets = await asyncio.to_thread(lambda: tickets_for(crowd_of(sizes.idle_sockets)))
    free = asyncio.Semaphore(AT_ONCE)
    memory = psutil.Process(server.pid).memory_info

    async def join(ticket: str) -> Socket:
        async with free:
            socket = await knock(server, open_timeout=60)
            socket.hello = await socket.ask("auth", {"ticket": ticket})
            return socket

    # The first few load what every process loads once.
    sockets = list(await asyncio.gather(*map(join, tickets[:20])))
    before = memory().rss
    sockets += await asyncio.gather(*map(join, tickets[20:]))
    each = (memory().rss - before) / (len(tickets) - 20)
    print(f"{len(sockets)} sockets, {each / 1024:.0f} KiB each, {memory().rss / 2**20:.0f} MiB in all")
    assert await asyncio.gather(*(socket.ask("ping") for socket in sockets)) == [{}] * len(tickets)
    everybody = [int(socket.hello["user_id"]) for socket in sockets]
    await asyncio.to_thread(push.to_users, everybody, type="test.personal", payload={"n": 1})
    await asyncio.gather(*(socket.pushed("test.personal") for socket in sockets))
    assert each <= 100 * 1024
    await asyncio.gather(*(socket.close() for socket in sockets))
