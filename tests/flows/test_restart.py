"""A gateway with thousands of sockets is restarted. All of them come back by themselves, and miss nothing."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import connection
from django.utils import timezone

from messaging.models import Message
from superapp.bench.chat import people
from superapp.client import Api, Client, State, Timing
from superapp.core import tokens
from superapp.core.api.fields import rfc3339
from tests.processes import Gateway
from tests.realtime.people import Device, say
from tests.realtime.sockets import gateway
from tests.sizes import sizes

GROUP_OF = 10
# Clients that are started at the same time; how they come back is up to them.
STARTED_AT_ONCE = 40
GROUPS_OF_A_POOL = 20
PATIENCE_SECONDS = 600.0
# A crowd has one processor to itself: it waits for answers longer than a phone does.
HTTP = httpx.Timeout(60.0, pool=300.0)


@dataclass(frozen=True)
class Group:
    conversation_id: int
    members: Sequence[Device]

    def seqs(self) -> list[int]:
        """What has been said, from the database."""
        rows = Message.objects.filter(conversation_id=self.conversation_id).order_by("seq")
        return list(rows.values_list("seq", flat=True))


@pytest.fixture(scope="module")
def server(committed_db: Any) -> Iterator[Gateway]:
    with gateway(committed_db) as running:
        yield running


def groups(count: int) -> list[Group]:
    """So many people in groups, signed in with an access token each: what is looked at is how they come back."""
    made = people.groups(count=count // GROUP_OF, size=GROUP_OF)
    access = {user_id: tokens.issue("access", owner_id=user_id) for group in made for user_id in group.member_ids}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE accounts_device AS d SET access_digest = made.digest
            FROM unnest(%s::bigint[], %s::text[]) AS made(user_id, digest)
            WHERE d.user_id = made.user_id AND d.id = made.user_id
            """,
            [list(access), [token.digest for token in access.values()]],
        )

    def device(user_id: int) -> Device:
        return Device(user_id=user_id, device_id=user_id, token=access[user_id].text, handle="")

    return [Group(group.conversation_id, [device(user_id) for user_id in group.member_ids]) for group in made]


@asynccontextmanager
async def present(server: Gateway, found: Sequence[Group]) -> AsyncIterator[dict[Client, Group]]:
    """A client for everybody, with the pauses of a phone: they are spread at random, and grow."""
    free = asyncio.Semaphore(STARTED_AT_ONCE)
    clients: dict[Client, Group] = {}
    async with AsyncExitStack() as cleanup:
        for number, group in enumerate(found):
            if number % GROUPS_OF_A_POOL == 0:
                http = await cleanup.enter_async_context(pool())
            for member in group.members:
                api = Api(server.url, http=http)
                api.session = session_of(member)  # type: ignore[assignment]
                # As after a sign-in: what it was given is good for longer than this takes.
                api._access_ends = time.monotonic() + 3000
                clients[Client(api, recent=None, timing=Timing())] = group

        async def start(client: Client) -> None:
            async with free:
                client.start()
                await client.online()

        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await asyncio.gather(*map(start, clients))
            yield clients
        finally:
            await asyncio.gather(*(client.close() for client in clients))


def pool() -> httpx.AsyncClient:
    """Few connections for many clients. One pool for all would look at thousands of waiting requests at each answer."""
    return httpx.AsyncClient(timeout=HTTP, trust_env=False, verify=False, limits=httpx.Limits(max_connections=4))


def session_of(device: Device) -> dict[str, Any]:
    return {
        "access_token": device.token,
        "access_expires_at": rfc3339(timezone.now() + timedelta(minutes=50)),
        "refresh_token": "",
        "refresh_expires_at": "",
        "device_id": str(device.device_id),
        "is_new_user": False,
        "user": {"id": device.id},
    }


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 (state of many clients)
            await asyncio.sleep(0.05)


def has(client: Client, group: Group, seqs: list[int]) -> bool:
    log = client.store.logs.get(str(group.conversation_id))
    return log is not None and [message["seq"] for message in log.messages] == seqs


async def say_everywhere(found: Sequence[Group]) -> None:
    """Past the gateway, as REST in another process would."""
    await asyncio.to_thread(lambda: [say(group.members[0], group.conversation_id) for group in found])


@pytest.mark.long
async def test_all_sockets_come_back_after_a_restart_and_none_has_missed_anything(
    server: Gateway, soak_figure: Callable[[str, float], None]
) -> None:
    count = sizes.returning_sockets
    found = await asyncio.to_thread(groups, count)
    await say_everywhere(found)
    async with present(server, found) as clients:
        await asyncio.to_thread(server.stop)
        await until(lambda: all(client.state is not State.ONLINE for client in clients))
        # Nobody is told of this by a push.
        await say_everywhere(found)
        await asyncio.to_thread(server.start)
        began = time.monotonic()
        await until(lambda: all(client.state is State.ONLINE for client in clients))
        soak_figure(f"{count}_sockets_back_seconds", round(time.monotonic() - began, 1))
        # And this comes by push again, or is fetched where the push was early.
        await say_everywhere(found)
        expected = {group.conversation_id: await asyncio.to_thread(group.seqs) for group in found}
        assert {len(seqs) for seqs in expected.values()} == {3}
        await until(
            lambda: all(has(client, group, expected[group.conversation_id]) for client, group in clients.items())
        )
        assert [client.trouble for client in clients if client.state is not State.ONLINE] == []
    assert "Traceback" not in server.last_lines(1_000_000)
