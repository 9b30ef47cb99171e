"""Who is there, who was seen when, and who may no longer be there although no order said so."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from messaging.models import Membership
from superapp.accounts.models import Device as DeviceRow
from superapp.accounts.models import User
from superapp.core.redis import client, reset_clients
from superapp.realtime import presence, push
from tests.processes import Gateway
from tests.realtime.people import Device, another_device, friends, group, person, say
from tests.realtime.proxy import Proxy
from tests.realtime.sockets import Rest, enter, entered, gateway, knock, until
from tests.sizes import sizes

SILENCE_SECONDS = sizes.silence_seconds
QUICK = {
    "REALTIME_PULSE_SECONDS": 0.5,
    "REALTIME_SILENCE_SECONDS": SILENCE_SECONDS,
    "REALTIME_REVIEW_SECONDS": 0.5,
}


@pytest.fixture(scope="module")
def servers(committed_db: Any) -> Iterator[tuple[Gateway, Gateway]]:
    """Two gateways on which everything that takes a minute takes a few seconds; silence does at full size."""
    with ExitStack() as running:
        yield tuple(running.enter_context(gateway(committed_db, **QUICK)) for _ in range(2))  # type: ignore[misc]


def is_online(*people: Device) -> bool:
    return presence.online(one.user_id for one in people) == {one.user_id for one in people}


def is_offline(*people: Device) -> bool:
    return presence.online(one.user_id for one in people) == set()


def seen_at(device: Device) -> Any:
    return DeviceRow.objects.get(user_id=device.user_id, id=device.device_id).last_seen_at


def seen_long_ago(device: Device, *, seconds: float) -> None:
    ago = timezone.now() - timedelta(seconds=seconds)
    DeviceRow.objects.filter(user_id=device.user_id, id=device.device_id).update(last_seen_at=ago)


async def test_people_are_online_from_any_process_until_their_last_device_leaves(
    servers: tuple[Gateway, Gateway],
) -> None:
    ada, bo = await asyncio.to_thread(person), await asyncio.to_thread(person)
    other = await asyncio.to_thread(another_device, ada)
    one, two = await enter(servers[0], ada), await enter(servers[1], other)
    await until(lambda: is_online(ada) and client().zcard(f"here:{ada.user_id}") == 2)
    assert await asyncio.to_thread(presence.online, [ada.user_id, bo.user_id]) == {ada.user_id}
    await one.close()
    await until(lambda: client().zcard(f"here:{ada.user_id}") == 1)
    assert await asyncio.to_thread(is_online, ada)
    await two.close()
    await until(lambda: is_offline(ada))


async def test_who_was_on_a_killed_process_is_offline_soon(servers: tuple[Gateway, Gateway]) -> None:
    ada = await asyncio.to_thread(person)
    await enter(servers[1], ada)
    await until(lambda: is_online(ada))
    await asyncio.to_thread(servers[1].kill)
    try:
        await until(lambda: is_offline(ada), seconds=SILENCE_SECONDS)
    finally:
        await asyncio.to_thread(servers[1].restart)


async def test_a_line_that_died_without_a_word_is_offline_and_what_it_missed_is_in_sync(
    servers: tuple[Gateway, Gateway],
) -> None:
    """Packets are dropped in both directions; nothing says that the connection has ended."""
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    async with Proxy.to(servers[0].port) as line:

        class Through:
            url, ws_url = servers[0].url, f"ws://127.0.0.1:{line.port}/ws/"

        socket = await knock(Through())
        socket.hello = await socket.ask("auth", {"ticket": await Rest(servers[0], ada).ticket()})
        await until(lambda: is_online(ada))
        line.answers.clear()
        line.requests.clear()
        seq = await asyncio.to_thread(say, bo, conversation_id, "are you there?")
        await until(lambda: is_offline(ada), seconds=SILENCE_SECONDS)
        assert socket.messages() == []
    async with entered(servers[0], ada) as (again,):
        assert await again.ask("ping") == {}
        missed = await Rest(servers[0], ada).get("sync/", cursor=socket.hello["sync_cursor"])
        assert [(one["id"], one["last_seq"]) for one in missed["conversations"]] == [(str(conversation_id), seq)]
        history = await Rest(servers[0], ada).history(conversation_id)
        assert history[-1]["body"] == {"text": "are you there?"}


async def test_a_device_is_seen_while_its_socket_is_open_at_most_once_a_minute(
    servers: tuple[Gateway, Gateway],
) -> None:
    ada = await asyncio.to_thread(person)
    await asyncio.to_thread(seen_long_ago, ada, seconds=50)
    before = await asyncio.to_thread(seen_at, ada)
    async with entered(servers[0], ada):
        await until(lambda: is_online(ada))
        assert await asyncio.to_thread(seen_at, ada) == before
        await asyncio.to_thread(seen_long_ago, ada, seconds=61)
        await until(lambda: timezone.now() - seen_at(ada) < timedelta(seconds=20))


async def test_a_revocation_of_which_no_order_arrived_is_found_out(servers: tuple[Gateway, Gateway]) -> None:
    """As if the process that signed the device out had died between its commit and its publish."""
    ada, bo, cy = [await asyncio.to_thread(person) for _ in range(3)]
    async with entered(servers[0], ada, bo, cy) as (signed_out, banned, untouched):
        rows = DeviceRow.objects.filter(user_id=ada.user_id, id=ada.device_id)
        await asyncio.to_thread(lambda: rows.update(revoked_at=timezone.now()))
        ban = {"is_active": False, "banned_at": timezone.now()}
        await asyncio.to_thread(lambda: User.objects.filter(id=bo.user_id).update(**ban))
        assert await signed_out.closed() == 4401
        assert await banned.closed() == 4403
        assert await untouched.ask("ping") == {}


async def test_a_newer_socket_of_which_no_order_arrived_is_found_out(
    servers: tuple[Gateway, Gateway], committed_db: Any
) -> None:
    async with deaf_gateway(committed_db) as (deaf, line):
        ada = await asyncio.to_thread(person)
        async with await enter(deaf, ada) as older:
            line.answers.clear()
            async with await enter(servers[0], ada) as newer:
                line.answers.set()
                assert await older.closed() == 4409
                await until(lambda: client().zcard(f"here:{ada.user_id}") == 1)
                assert await newer.ask("ping") == {}


async def test_a_place_that_was_lost_without_an_order_is_found_out(
    servers: tuple[Gateway, Gateway], committed_db: Any
) -> None:
    async with deaf_gateway(committed_db) as (deaf, line):
        ada, bo, cy = [await asyncio.to_thread(person) for _ in range(3)]
        conversation_id = await asyncio.to_thread(group, ada, bo, cy)
        topic = f"conversation:{conversation_id}"
        async with entered(deaf, bo, cy) as (put_out, stays):
            line.answers.clear()
            rows = Membership.objects.filter(conversation_id=conversation_id, user_id=bo.user_id)
            await asyncio.to_thread(lambda: rows.update(left_seq=1, left_message_no=0))
            await asyncio.to_thread(push.drop, topic=topic, user_ids=[bo.user_id])
            line.answers.set()
            assert (await put_out.pushed("topic.lost"))["topic"] == topic
            assert await stays.ask("ping") == {}
            assert stays.all("topic.lost") == []


async def test_a_place_that_was_won_without_an_order_is_found_out(servers: tuple[Gateway, Gateway]) -> None:
    ada, bo, cy = [await asyncio.to_thread(person) for _ in range(3)]
    conversation_id = await asyncio.to_thread(group, ada, cy)
    async with entered(servers[0], bo) as (socket,):
        row = Membership(conversation_id=conversation_id, user_id=bo.user_id)
        await asyncio.to_thread(row.save, force_insert=True)
        resync = await socket.pushed("resync")
        assert resync["topic"] == f"conversation:{conversation_id}"


async def test_what_somebody_asked_for_is_not_taken_from_them(servers: tuple[Gateway, Gateway]) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    async with entered(servers[0], ada) as (socket,):
        topic = f"conversation:{conversation_id}"
        await socket.ask("subscribe", {"topic": topic})
        await until(lambda: is_online(ada))
        # Some rounds of looking.
        await asyncio.sleep(2)
        assert socket.all("topic.lost") == socket.all("resync") == []
        seq = await asyncio.to_thread(say, bo, conversation_id)
        await socket.pushed("message.created", seq=seq)


@asynccontextmanager
async def deaf_gateway(addresses: Any) -> AsyncIterator[tuple[Gateway, Proxy]]:
    """A gateway to which, while ``answers`` of the line are cleared, nothing comes from Redis."""
    parts = urlsplit(addresses.redis_url)
    line = Proxy.to_socket(parts.path) if parts.scheme == "unix" else Proxy.to(parts.port or 6379)
    async with line:
        through = replace(addresses, redis_url=f"redis://127.0.0.1:{line.port}")
        with ExitStack() as cleanup:
            yield await asyncio.to_thread(cleanup.enter_context, gateway(through, **QUICK)), line


def test_a_lost_order_is_found_out_within_a_minute(settings: Any) -> None:
    assert settings.REALTIME_PULSE_SECONDS <= 60
    assert settings.REALTIME_REVIEW_SECONDS <= 600
    assert timedelta(minutes=1) == settings.DEVICE_SEEN_EVERY


def test_without_redis_nobody_is_online_and_nothing_raises(settings: Any) -> None:
    settings.REDIS_URL = "unix:///nonexistent/redis.sock"
    reset_clients()
    assert presence.online([1, 2]) == set()
    assert presence.online([]) == set()
