"""A client that stops reading: it is told that it missed something, or cut off, and nobody else notices."""

import asyncio
import socket as sockets_of_the_system
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.conf import settings as current

from superapp.realtime import push
from tests.processes import Gateway
from tests.realtime.inside import InsideGateway, inside_gateway
from tests.realtime.people import Device, group, people, person
from tests.realtime.sockets import NO_LIMITS, PATIENCE_SECONDS, Rest, Socket, enter, entered, gateway
from tests.sizes import sizes

MIB = 1024 * 1024
OTHERS = 50


def kernel_keeps() -> int:
    """How much of what was sent the system holds for a reader who takes nothing. Their own side holds a few KiB."""
    limits = Path("/proc/sys/net/ipv4/tcp_wmem")
    return int(limits.read_text().split()[2]) if limits.exists() else 8 * MIB


# More than the system's buffers and our own queue (1 MiB) together.
FLOOD = kernel_keeps() + 4 * MIB
PIECE = 32 * 1024


@pytest.fixture(scope="module")
def server(committed_db: Any) -> Iterator[Gateway]:
    with gateway(committed_db, LIMITS_OVERRIDES=NO_LIMITS) as running:
        yield running


@pytest.fixture(scope="module")
def inside(committed_db: Any) -> Iterator[InsideGateway]:
    with inside_gateway() as running:
        yield running


async def enter_slowly(server: Any, device: Device) -> Socket:
    """A socket with as little room on our side as the system allows, which then stops reading."""
    own = sockets_of_the_system.socket()
    own.setsockopt(sockets_of_the_system.SOL_SOCKET, sockets_of_the_system.SO_RCVBUF, 4096)
    own.setblocking(False)
    await asyncio.get_running_loop().sock_connect(own, ("127.0.0.1", server.port))
    socket = await enter(server, device, sock=own)
    socket.connection.transport.pause_reading()
    return socket


def flood(user_id: int) -> int:
    """More than fits anywhere; returns how many frames."""
    count = FLOOD // PIECE
    for number in range(count):
        push.to_users([user_id], type="test.flood", payload={"n": number, "stuff": "x" * PIECE})
    return count


async def test_who_reads_again_is_told_once_that_something_is_missing(server: Gateway) -> None:
    slow, *others = await asyncio.to_thread(people, OTHERS + 1)
    conversation_id = await asyncio.to_thread(group, slow, *others)
    async with entered(server, *others) as lively:
        lazy = await enter_slowly(server, slow)
        memory = psutil.Process(server.pid).memory_info
        before = memory().rss
        flooding = asyncio.create_task(asyncio.to_thread(flood, slow.user_id))
        for number in range(20):
            await lively[number].send_text(conversation_id, str(number))
        sent = await flooding
        await lively[0].send_text(conversation_id, "the last")
        # Everybody else has everything, while the slow one still does not read.
        for socket in lively:
            await socket.pushed("message.created", body={"text": "the last"})
            assert [message["seq"] for message in socket.messages()] == list(range(2, 23))
            assert socket.all("resync") == []
        # Its queue holds a MiB at most, the transport a little more.
        assert memory().rss - before <= 10 * MIB

        lazy.connection.transport.resume_reading()
        await lazy.find(lambda frame: frame["type"] == "resync")
        await lazy.settled()
        kinds = [frame["type"] for frame in lazy.frames]
        numbers = [frame["payload"]["n"] for frame in lazy.all("test.flood")]
        assert len(numbers) < sent
        assert numbers == sorted(numbers)
        # What was dropped is a stretch that ends in a resync, with the frames after it in order.
        gaps = sum(after != before + 1 for before, after in zip([-1, *numbers], [*numbers, sent], strict=False))
        assert 1 <= gaps <= kinds.count("resync")
        # It is a socket like any other again, and can fetch what it missed.
        answer = await lazy.send_text(conversation_id, "I am back")
        history = await Rest(server, slow).history(conversation_id)
        assert [row["seq"] for row in history] == list(range(1, answer["seq"] + 1))
        await lazy.close()


async def test_who_reads_nothing_for_too_long_is_cut_off(inside: InsideGateway, settings: Any) -> None:
    settings.REALTIME_STALLED_SECONDS = sizes.stalled_seconds
    ada, bo = await asyncio.to_thread(person), await asyncio.to_thread(person)
    async with entered(inside, bo) as (lively,):
        lazy = await enter_slowly(inside, ada)
        await asyncio.to_thread(flood, ada.user_id)

        def is_there(hub: Any) -> bool:
            return any(connection.user_id == ada.user_id for connection in hub.connections)

        async with asyncio.timeout(sizes.stalled_seconds + PATIENCE_SECONDS):
            while await inside.on_its_loop(is_there):
                await asyncio.sleep(0.05)
                assert await lively.ask("ping") == {}
        lazy.connection.transport.resume_reading()
        assert await lazy.closed() in {4408, 1006}
        # Nothing of it is left behind.
        assert await inside.on_its_loop(lambda hub: f"user:{ada.id}" in hub._topics) is False


async def test_who_reads_slowly_but_steadily_is_left_alone(inside: InsideGateway, settings: Any) -> None:
    """Stalled is who takes nothing at all; a thin line is not a dead one."""
    settings.REALTIME_STALLED_SECONDS = 1.5
    ada = await asyncio.to_thread(person)
    lazy = await enter_slowly(inside, ada)
    await asyncio.to_thread(flood, ada.user_id)
    transport = lazy.connection.transport
    for _ in range(20):
        transport.resume_reading()
        await asyncio.sleep(0.01)
        transport.pause_reading()
        await asyncio.sleep(0.09)
    transport.resume_reading()
    assert await lazy.ask("ping") == {}
    await lazy.close()


def test_the_bounds_are_those_of_the_architecture() -> None:
    assert (current.REALTIME_QUEUE_FRAMES, current.REALTIME_QUEUE_BYTES) == (256, MIB)
    assert (current.REALTIME_STALLED_SECONDS, current.REALTIME_SILENCE_SECONDS) == (20.0, 70.0)
