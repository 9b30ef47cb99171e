"""How many sockets one process holds while nothing happens."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psutil
import pytest
from django.utils import timezone

from superapp.accounts.models import Device as DeviceRow
from superapp.accounts.models import User
from superapp.core import tokens
from superapp.core.ids import new_id
from superapp.realtime import push
from superapp.realtime.models import Ticket
from tests.processes import Gateway
from tests.realtime.sockets import Socket, gateway, knock
from tests.sizes import sizes

# Connections that are being made at the same time.
AT_ONCE = 50


@pytest.fixture(scope="module")
def server(committed_db: Any) -> Iterator[Gateway]:
    with gateway(committed_db) as running:
        yield running


def crowd(count: int) -> list[str]:
    """Tickets of as many people, made in bulk: signing each of them in is not what is tested here."""
    later = timezone.now() + timedelta(hours=1)
    ids = [new_id() for _ in range(count)]
    User.objects.bulk_create(User(id=user_id, display_name="One of many", password="") for user_id in ids)
    DeviceRow.objects.bulk_create(
        DeviceRow(
            user_id=user_id,
            id=user_id,
            name="Test",
            platform="ios",
            last_seen_at=later,
            access_digest=str(user_id),
            access_expires_at=later,
        )
        for user_id in ids
    )
    made = [tokens.issue("ticket", owner_id=user_id) for user_id in ids]
    Ticket.objects.bulk_create(
        Ticket(user_id=token.owner_id, device_id=token.owner_id, digest=token.digest, expires_at=later)
        for token in made
    )
    return [token.text for token in made]


async def test_idle_sockets_are_cheap_and_all_of_them_answer(server: Gateway) -> None:
    tickets = await asyncio.to_thread(crowd, sizes.idle_sockets)
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
