"""Gateways, Redis and PostgreSQL are killed while people talk. Nothing that was acknowledged is lost or doubled."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

import pytest
import redis
from django.db import connections

from messaging.models import Conversation, Membership
from superapp.accounts import services as accounts
from superapp.core import tokens
from superapp.realtime.models import Ticket
from superapp.settings import base
from tests.flows.talkers import all_level, check_nothing_lost_or_doubled, talking
from tests.flows.talkers import until as until_now
from tests.processes import Gateway
from tests.realtime.people import Device, friends, group, people, say
from tests.realtime.sockets import (
    NO_LIMITS,
    PATIENCE_SECONDS,
    ConnectionClosed,
    Refused,
    Rest,
    Socket,
    enter,
    entered,
    gateway,
    knock,
    refusals,
)
from tests.sizes import sizes

GROUP_OF = 10
# These gateways lose Redis, so it matters how long they wait for it.
AS_IN_PRODUCTION = {"LIMITS_OVERRIDES": NO_LIMITS, "REDIS_TIMEOUT_SECONDS": base.REDIS_TIMEOUT_SECONDS}


@pytest.fixture(scope="module")
def first(own_services: Any) -> Iterator[Gateway]:
    with gateway(own_services.addresses, **AS_IN_PRODUCTION) as running:
        yield running


@pytest.fixture(scope="module")
def second(own_services: Any) -> Iterator[Gateway]:
    with gateway(own_services.addresses, **AS_IN_PRODUCTION) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_limits(settings: Any) -> None:
    """For what the tests themselves send past the gateways."""
    settings.LIMITS_OVERRIDES = NO_LIMITS


@pytest.fixture(autouse=True)
def _nothing_broke(first: Gateway, second: Gateway) -> Iterator[None]:
    yield
    for running in (first, second):
        said = running.last_lines(1_000_000)
        for failure in ("_broke", "Exception in ASGI", "never retrieved", "handler_failed", "code=500"):
            assert failure not in said


@contextmanager
def refusals_into(codes: list[str]) -> Iterator[None]:
    """A refusal that says when to come back is one; anything else is a failure."""
    try:
        yield
    except Refused as refusal:
        if refusal.details.get("retry_after_seconds", 0) < 1:
            raise
        codes.append(refusal.code)


async def pushes_arrive(speaker: Socket, conversation_id: int, *listeners: Socket) -> None:
    """Soon, what is said is pushed again: after a failure Redis is left alone for some seconds."""
    everybody_heard = False
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not everybody_heard:
            seq = 0
            with refusals_into([]):
                seq = (await speaker.send_text(conversation_id, "can you hear me?"))["seq"]
            await asyncio.sleep(0.1)
            everybody_heard = all(any(row["seq"] == seq for row in listener.messages()) for listener in listeners)


async def enter_at_last(server: Gateway, device: Device) -> Socket:
    """As a client would: sent away by a thread whose connection has died, it comes again."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            with suppress(ConnectionClosed, AssertionError):
                return await enter(server, device)


def is_unused(ticket: str) -> bool:
    # Our own connection ended with the server as well.
    connections.close_all()
    token = tokens.parse("ticket", ticket)
    return token is not None and Ticket.objects.filter(user_id=token.owner_id, digest=token.digest).exists()


def unread_of_all() -> dict[tuple[int, int], int]:
    last = dict(Conversation.objects.values_list("id", "last_message_no"))
    rows = Membership.objects.values_list("conversation_id", "user_id", "read_message_no")
    return {(where, who): last[where] - read for where, who, read in rows}


async def test_gateways_and_redis_are_killed_while_people_talk(
    own_services: Any, first: Gateway, second: Gateway
) -> None:
    def meet() -> list[tuple[Device, str, list[str]]]:
        """Groups whose members are spread over both gateways."""
        found = []
        everybody = people(sizes.talking_clients)
        for start in range(0, len(everybody), GROUP_OF):
            members = everybody[start : start + GROUP_OF]
            ids = [str(group(members[0], *members[1:], title=title)) for title in ("Tea", "Coffee")]
            found += [(who, (first if n % 2 else second).url, ids) for n, who in enumerate(members)]
        return found

    async with talking(await asyncio.to_thread(meet)) as talkers:

        async def all_say(count: int) -> None:
            for talker in talkers:
                talker.say(count)
            # Some are on their way, some are stored: the blow falls in the middle.
            acknowledged = sum(outgoing.answer.done() for talker in talkers for outgoing in talker.sent)
            await until_now(
                lambda: (
                    sum(outgoing.answer.done() for talker in talkers for outgoing in talker.sent)
                    >= acknowledged + len(talkers)
                )
            )

        await all_say(4)
        first.kill()
        await all_say(2)
        await asyncio.to_thread(first.restart)
        await all_say(4)
        await asyncio.to_thread(own_services.servers.stop_redis)
        await all_say(4)
        await asyncio.to_thread(own_services.servers.start_redis)
        await all_say(4)
        second.kill()
        await asyncio.to_thread(second.restart)
        await all_say(2)
        await all_level(talkers)
        assert all(outgoing.answer.done() for talker in talkers for outgoing in talker.sent)
        await check_nothing_lost_or_doubled(talkers)


async def test_redis_is_emptied_and_restarted_under_load(own_services: Any, first: Gateway, second: Gateway) -> None:
    members = await asyncio.to_thread(people, 6)
    conversation_id = await asyncio.to_thread(group, *members)
    ada, bo, quiet_id = await asyncio.to_thread(friends)
    for _ in range(3):
        await asyncio.to_thread(say, ada, quiet_id)
    async with entered(first, *members[:3], bo) as (*here, idle), entered(second, *members[3:]) as there:
        unread = (await asyncio.to_thread(unread_of_all))[quiet_id, bo.user_id]
        talking_on = asyncio.Event()
        talking_on.set()
        answers: list[dict] = []

        async def talk(socket: Socket) -> None:
            while talking_on.is_set():
                answers.append(await socket.send_text(conversation_id, "on and on"))

        async def talk_by_rest(device: Device) -> None:
            while talking_on.is_set():
                response = await Rest(first, device).send_text(conversation_id, "on and on")
                assert response.status_code == 201, response.text
                answers.append(response.json())

        async def some_more() -> None:
            reached = len(answers) + 30
            await until_now(lambda: len(answers) >= reached)

        talkers = [asyncio.create_task(talk(socket)) for socket in (*here, *there)]
        talkers.append(asyncio.create_task(talk_by_rest(members[0])))
        await some_more()
        with redis.Redis.from_url(own_services.addresses.redis_url) as client:
            await asyncio.to_thread(client.flushall)
        await some_more()
        seen = {socket: len(socket.frames) for socket in (*here, idle, *there)}
        await asyncio.to_thread(own_services.servers.stop_redis)
        await some_more()
        await asyncio.to_thread(own_services.servers.start_redis)
        for socket, start in seen.items():
            await socket.find(lambda frame: frame["type"] == "resync" and "topic" not in frame, start=start)
        await some_more()
        talking_on.clear()
        await asyncio.gather(*talkers)

        history = await Rest(second, members[0]).history(conversation_id)
        assert [row["seq"] for row in history] == list(range(1, len(answers) + 2))
        assert sorted(answers, key=lambda message: message["seq"]) == history[1:]
        assert (await asyncio.to_thread(unread_of_all))[quiet_id, bo.user_id] == unread == 4
        # Whoever is there hears again what is said.
        await pushes_arrive(here[0], conversation_id, *here, *there)
        async with await enter(second, ada) as friend:
            await pushes_arrive(friend, quiet_id, idle)


async def test_sockets_that_come_while_redis_is_away_work_and_are_told_to_look(
    own_services: Any, first: Gateway, second: Gateway
) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    await asyncio.to_thread(own_services.servers.stop_redis)
    try:
        async with entered(first, ada) as (mine,), entered(second, bo) as (theirs,):
            for socket in (mine, theirs):
                await socket.find(lambda frame: frame["type"] == "resync")
            sent = await mine.send_text(conversation_id, "can you hear me?")
            assert sent["seq"] == 2
            assert (await Rest(second, bo).history(conversation_id))[-1] == sent
            told = {socket: len(socket.frames) for socket in (mine, theirs)}
            await asyncio.to_thread(own_services.servers.start_redis)
            for socket, start in told.items():
                await socket.find(lambda frame: frame["type"] == "resync", start=start)
            await pushes_arrive(mine, conversation_id, theirs)
    finally:
        if not own_services.servers.valkey.answers():
            await asyncio.to_thread(own_services.servers.start_redis)


async def test_who_is_signed_out_on_the_way_in_gets_no_further(own_services: Any, first: Gateway) -> None:
    """Between the ticket and the first subscription no order can reach a socket. Without Redis that takes a second."""
    ada, _bo, _conversation_id = await asyncio.to_thread(friends)
    ticket = await Rest(first, ada).ticket()
    await asyncio.to_thread(own_services.servers.stop_redis)
    try:
        socket = await knock(first)
        await socket.say("auth", {"ticket": ticket})
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await asyncio.to_thread(is_unused, ticket):  # noqa: ASYNC110
                # The database has no event for it.
                await asyncio.sleep(0.01)
        await asyncio.to_thread(accounts.revoke_device, actor_id=ada.user_id, device_id=ada.device_id)
        assert await socket.closed() == 4401
        assert socket.all("hello") == []
    finally:
        await asyncio.to_thread(own_services.servers.start_redis)


async def test_postgres_is_restarted_under_load(own_services: Any, first: Gateway, second: Gateway) -> None:
    members = await asyncio.to_thread(people, 6)
    conversation_id = await asyncio.to_thread(group, *members)
    talking_on = asyncio.Event()
    talking_on.set()
    acknowledged: list[dict] = []
    attempted: set[str] = set()
    refused: list[str] = []

    async def talk(socket: Socket) -> None:
        while talking_on.is_set():
            key = str(uuid4())
            attempted.add(key)
            with refusals_into(refused):
                acknowledged.append(await socket.send_text(conversation_id, "still there?", client_id=key))

    async def talk_by_rest(device: Device) -> None:
        while talking_on.is_set():
            key = str(uuid4())
            attempted.add(key)
            response = await Rest(second, device).send_text(conversation_id, "still there?", key=key)
            if response.status_code == 201:
                acknowledged.append(response.json())
            else:
                error = response.json()["error"]
                assert (response.status_code, int(response.headers["Retry-After"]) >= 1) == (503, True)
                refused.append(error["code"])

    async def some_more() -> None:
        reached = len(acknowledged) + 30
        await until_now(lambda: len(acknowledged) >= reached)

    async with entered(first, *members[:3]) as here, entered(second, *members[3:]) as there:
        talkers = [asyncio.create_task(talk(socket)) for socket in (*here, *there)]
        talkers += [asyncio.create_task(talk_by_rest(device)) for device in members[:2]]
        await some_more()
        await asyncio.to_thread(own_services.servers.restart_postgres, immediate=True)
        await some_more()
        talking_on.clear()
        await asyncio.gather(*talkers)
        # Clean refusals, and no more of them.
        assert set(refused) == {"unavailable"}
        assert [await socket.ask("ping") for socket in (*here, *there)] == [{}] * 6
        history = await Rest(first, members[0]).history(conversation_id)
        assert [row["seq"] for row in history] == list(range(1, len(history) + 1))
        by_key = {row["client_id"]: row for row in history[1:]}
        assert len(by_key) == len(history) - 1
        for message in acknowledged:
            assert by_key[message["client_id"]] == message
        # What was refused may have been stored: its answer was lost, as with any connection. Nothing else is there.
        assert by_key.keys() <= attempted
        assert len(acknowledged) <= len(by_key) <= len(acknowledged) + len(refused)


async def test_who_comes_while_postgres_is_away_is_sent_away_politely(own_services: Any, first: Gateway) -> None:
    ada, _bo, conversation_id = await asyncio.to_thread(friends)
    ticket = await Rest(first, ada).ticket()
    async with await enter_at_last(first, ada) as there:
        postgres = own_services.servers.postgres
        await asyncio.to_thread(postgres.kill)
        try:
            with pytest.raises(Refused) as refusal:
                await there.send_text(conversation_id, "anybody?")
            assert refusal.value.code == "unavailable"
            socket = await knock(first)
            await socket.say("auth", {"ticket": ticket})
            assert await socket.closed() == 1012
            assert refusals(socket) == ["unavailable"]
            response = await Rest(first, ada).call("GET", "conversations/")
            assert (response.status_code, response.json()["error"]["code"]) == (503, "unavailable")
        finally:
            await asyncio.to_thread(postgres.start)
        assert await there.ask("ping") == {}
        await pushes_arrive(there, conversation_id, there)
        # The ticket was not used up by the attempt that could not be answered.
        assert await asyncio.to_thread(is_unused, ticket)
        async with await enter_at_last(first, ada) as again:
            assert await again.ask("ping") == {}
