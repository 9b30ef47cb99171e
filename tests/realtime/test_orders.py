"""Who is joined, dropped or closed by order, and what becomes of orders that get lost; pushes to people."""

import asyncio
import functools
import json
import os
import time
from typing import Any

import pytest
import redis
from django.utils import timezone

from superapp.accounts.models import Device as AccountDevice
from superapp.core.redis import reset_clients
from superapp.realtime import frames, hub, push
from tests.realtime.inside import InsideGateway
from tests.realtime.people import another_device, person
from tests.realtime.rooms import room, rooms, said, server_with_rooms, tell  # noqa: F401  (the fixture `server`)
from tests.realtime.sockets import enter, entered


async def test_who_is_dropped_is_told_and_hears_nothing_more(server: InsideGateway) -> None:
    ada, bo = await asyncio.to_thread(person), await asyncio.to_thread(person)
    topic = room("club", ada, bo)
    async with entered(server, ada, bo) as (mine, theirs):
        for socket in (mine, theirs):
            await socket.ask("subscribe", {"topic": topic})
        await tell("club", "before")

        def drop() -> None:
            push.drop(topic=topic, user_ids=[ada.user_id])
            rooms.say("club", "after")

        await asyncio.to_thread(drop)
        await asyncio.to_thread(drop)
        await theirs.pushed("test.said", words="after")
        await mine.settled()
        assert said(mine) == ["before"]
        assert said(theirs) == ["before", "after", "after"]
        assert mine.all("topic.lost") == [{"type": "topic.lost", "topic": topic, "payload": {}}]
        assert theirs.all("topic.lost") == []


@pytest.mark.parametrize("again", [False, True], ids=["for good", "and joined again"])
async def test_who_is_dropped_while_coming_in_does_not_hear_it(server: InsideGateway, again: bool) -> None:
    """What a newcomer belongs to has been read, and changes before they listen to it."""
    ada = await asyncio.to_thread(person)
    rooms.initial[ada.user_id] = ["lost", "kept"]
    rooms.looking.clear()
    rooms.may_look.clear()
    try:
        entering = asyncio.create_task(enter(server, ada))
        assert await asyncio.to_thread(rooms.looking.wait, 20)
        await asyncio.to_thread(push.drop, topic="test.room:lost", user_ids=[ada.user_id])
        if again:
            await asyncio.to_thread(push.join, topic="test.room:lost", user_ids=[ada.user_id])
        # By now the orders before this one have been obeyed.
        await asyncio.to_thread(push.join, topic="test.room:later", user_ids=[ada.user_id])
        async with asyncio.timeout(20):
            while not await server.on_its_loop(lambda hub: "test.room:later" in hub._topics):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    finally:
        rooms.may_look.set()
    async with await entering as socket:
        for name in ("lost", "kept"):
            await tell(name, name)
        await socket.settled()
        assert said(socket) == (["lost", "kept"] if again else ["kept"])


@pytest.mark.parametrize("again", [False, True], ids=["for good", "and joined again"])
async def test_who_is_dropped_while_their_rights_are_read_does_not_hear_it(server: InsideGateway, again: bool) -> None:
    """What has been read by then is out of date."""
    ada = await asyncio.to_thread(person)
    async with await enter(server, ada) as socket:
        rooms.initial[ada.user_id] = ["taken", "left-to-her"]
        rooms.looking.clear()
        rooms.may_look.clear()
        try:
            (connection,) = [one for one in server.hub.connections if one.user_id == ada.user_id]
            reviewed = await server.on_its_loop(lambda hub: asyncio.ensure_future(hub._review(connection)))
            assert await asyncio.to_thread(rooms.looking.wait, 20)
            await asyncio.to_thread(push.drop, topic="test.room:taken", user_ids=[ada.user_id])
            if again:
                await asyncio.to_thread(push.join, topic="test.room:taken", user_ids=[ada.user_id])
            # By now the orders before this one have been obeyed.
            await asyncio.to_thread(push.join, topic="test.room:and-more", user_ids=[ada.user_id])
            await socket.find(lambda frame: frame.get("topic") == "test.room:and-more")
        finally:
            rooms.may_look.set()
            del rooms.initial[ada.user_id]
        async with asyncio.timeout(20):
            while not await server.on_its_loop(lambda hub: reviewed.done()):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        for name in ("taken", "left-to-her"):
            await tell(name, name)
        await socket.settled()
        assert said(socket) == (["taken", "left-to-her"] if again else ["left-to-her"])


async def test_who_leaves_while_their_rights_are_read_leaves_nothing_behind(server: InsideGateway) -> None:
    ada = await asyncio.to_thread(person)
    socket = await enter(server, ada)
    rooms.initial[ada.user_id] = ["deserted"]
    rooms.looking.clear()
    rooms.may_look.clear()
    try:
        (connection,) = [one for one in server.hub.connections if one.user_id == ada.user_id]
        reviewed = await server.on_its_loop(lambda hub: asyncio.ensure_future(hub._review(connection)))
        assert await asyncio.to_thread(rooms.looking.wait, 20)
        socket.connection.transport.abort()
        async with asyncio.timeout(20):
            while await server.on_its_loop(lambda hub: connection in hub.connections):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    finally:
        rooms.may_look.set()
        del rooms.initial[ada.user_id]
    async with asyncio.timeout(20):
        while not await server.on_its_loop(lambda hub: reviewed.done()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert await server.on_its_loop(lambda hub: ("test.room:deserted" in hub._topics, hub._reviews)) == (False, {})


async def test_timer_that_fires_early_still_ends_a_sign_in_on_time(server: InsideGateway, monkeypatch: Any) -> None:
    """Timers of an event loop are rounded, and clocks drift; the sweep alone would come up to a second later."""
    monkeypatch.setattr(hub.Hub, "_check", lambda *_args: None)
    ada = await asyncio.to_thread(person)
    async with await enter(server, ada) as socket:
        (connection,) = [one for one in server.hub.connections if one.user_id == ada.user_id]

        def fire_early(running: Any) -> None:
            connection.expires_at = time.time() + 0.2
            running._end_on_time(connection)

        await server.on_its_loop(fire_early)
        assert await socket.closed() == 4401
        assert time.time() >= connection.expires_at


async def test_orders_that_follow_each_other_closely_are_obeyed_in_order(server: InsideGateway) -> None:
    ada = await asyncio.to_thread(person)
    topic = room("door", ada)

    def order(*names: str) -> None:
        # In one piece, so that the gateway reads them together.
        user = frames.user_topic(ada.user_id)
        body = {name: json.dumps({"op": name, "topic": topic}) for name in names}
        with redis.Redis.from_url(os.environ["REDIS_URL"]) as client, client.pipeline(transaction=False) as pipeline:
            for name in names:
                message = frames.pack(frames.CONTROL, [user], body[name])
                pipeline.publish(frames.channel(frames.slot_of(user)), message)
            pipeline.execute()

    async with await enter(server, ada) as socket:
        for _ in range(20):
            await asyncio.to_thread(order, "join", "drop")
            await tell("door", "outside")
        await socket.settled()
        assert said(socket) == []
        await asyncio.to_thread(order, "join", "drop", "join")
        await socket.settled()
        await tell("door", "inside")
        await socket.settled()
        assert said(socket) == ["inside"]


async def test_who_is_joined_late_is_told_to_look(server: InsideGateway) -> None:
    ada, bo = await asyncio.to_thread(person), await asyncio.to_thread(person)
    topic = room("party", ada)
    async with entered(server, ada, bo) as (mine, theirs):
        await asyncio.to_thread(push.join, topic=topic, user_ids=[ada.user_id])
        resync = await mine.find(lambda frame: frame["type"] == "resync")
        assert resync == {"type": "resync", "topic": topic, "payload": {}}
        await tell("party", "hello")
        await mine.pushed("test.said", words="hello")
        # Joined already: nothing may have been missed, so nothing is said.
        await asyncio.to_thread(push.join, topic=topic, user_ids=[ada.user_id])
        for socket in (mine, theirs):
            await socket.settled()
        assert len(mine.all("resync")) == 1
        assert (said(theirs), theirs.all("resync")) == ([], [])


async def test_who_is_joined_from_a_version_on_is_shown_nothing_older(server: InsideGateway) -> None:
    """It was published later than the order, by a process that was held up; the others are shown it."""
    ada, bo = await asyncio.to_thread(person), await asyncio.to_thread(person)
    topic = room("late", ada, bo)
    async with entered(server, ada, bo) as (mine, theirs):
        await asyncio.to_thread(push.join, topic=topic, user_ids=[bo.user_id])
        await asyncio.to_thread(push.join, topic=topic, user_ids=[ada.user_id], from_version=5)
        for version in (3, 5, 4, 6):
            await tell("late", str(version), version=version)
        await asyncio.to_thread(push.to_topic, topic, type="test.plain", payload={})
        for socket in (mine, theirs):
            await socket.settled()
            # What has no version is for everybody.
            assert len(socket.all("test.plain")) == 1
        assert (said(mine), said(theirs)) == (["5", "6"], ["3", "5", "4", "6"])
        # Who comes a second time begins anew.
        for order in (push.drop, functools.partial(push.join, from_version=8)):
            await asyncio.to_thread(order, topic=topic, user_ids=[ada.user_id])
        for version in (7, 8):
            await tell("late", str(version), version=version)
        await mine.settled()
        assert said(mine) == ["5", "6", "8"]


async def test_what_is_remembered_of_newcomers_is_forgotten(server: InsideGateway, monkeypatch: Any) -> None:
    monkeypatch.setattr(hub, "NEWCOMER_SECONDS", 0.05)
    ada = await asyncio.to_thread(person)
    topic = room("soon", ada)
    async with await enter(server, ada) as socket:
        await asyncio.to_thread(push.join, topic=topic, user_ids=[ada.user_id], from_version=5)
        await socket.find(lambda frame: frame["type"] == "resync")
        async with asyncio.timeout(20):
            while await server.on_its_loop(lambda running: topic in running._newcomers):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await tell("soon", "old", version=1)
        await socket.pushed("test.said", words="old")


async def test_a_push_to_people_reaches_each_of_their_devices_once(server: InsideGateway) -> None:
    ada, bo = await asyncio.to_thread(person), await asyncio.to_thread(person)
    tablet = await asyncio.to_thread(another_device, ada)
    async with entered(server, ada, tablet, bo) as sockets:
        ids = [ada.user_id, ada.user_id, bo.user_id]
        await asyncio.to_thread(push.to_users, ids, type="test.personal", payload={"n": 1})
        for socket in sockets:
            await socket.settled()
            assert [frame["payload"] for frame in socket.all("test.personal")] == [{"n": 1}]


async def test_sockets_that_left_leave_nothing_behind(server: InsideGateway) -> None:
    ada = await asyncio.to_thread(person)
    topic = room("gone", ada)

    def counts(hub: Any) -> tuple[int, bool, bool]:
        names = set(hub._topics)
        return len(hub.connections), topic in names, f"user:{ada.id}" in names

    before, *_ = await server.on_its_loop(counts)
    for _ in range(3):
        socket = await enter(server, ada)
        await socket.ask("subscribe", {"topic": topic})
        assert await server.on_its_loop(counts) == (before + 1, True, True)
        socket.connection.transport.abort()
        async with asyncio.timeout(10):
            while await server.on_its_loop(counts) != (before, False, False):  # noqa: ASYNC110 (another loop's state)
                await asyncio.sleep(0.01)


async def test_garbage_on_the_channel_deafens_nobody(server: InsideGateway) -> None:
    """Another version of this program may publish what this one does not understand."""
    ada = await asyncio.to_thread(person)
    async with await enter(server, ada) as socket:
        channel = frames.channel(frames.slot_of(f"user:{ada.id}"))

        def scatter() -> None:
            with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
                for message in (
                    b"",
                    b"\xff\xff",
                    b"Cuser:" + ada.id.encode() + b"\0{",
                    b"Cuser:" + ada.id.encode() + b"\0{}",
                    b"Cuser:" + ada.id.encode() + b'\0{"op":"dance"}',
                    b"Cuser:" + ada.id.encode() + b'\0{"op":"close"}',
                    b"Xuser:" + ada.id.encode() + b"\0{}",
                    b"Fuser:" + ada.id.encode() + b"\0\xff",
                ):
                    client.publish(channel, message)

        await asyncio.to_thread(scatter)
        await socket.settled()
        assert await socket.ask("ping") == {}


# --- after a time without Redis ---------------------------------------------------------------------------------------


async def test_an_order_that_redis_did_not_take_becomes_a_look_at_ones_rights(
    server: InsideGateway, settings: Any
) -> None:
    """It may be out of date by the time that Redis answers again; what is true then counts."""
    ada = await asyncio.to_thread(person)
    lost = room("lost-order", ada)
    async with entered(server, ada) as (socket,):
        await socket.ask("subscribe", {"topic": lost})
        rooms.members["lost-order"] = set()

        def drop_unheard() -> None:
            there = settings.REDIS_URL
            settings.REDIS_CIRCUIT_OPEN_SECONDS = 0.1
            settings.REDIS_URL = "unix:///nonexistent/redis.sock"
            reset_clients()
            push.drop(topic=lost, user_ids=[ada.user_id])
            settings.REDIS_URL = there
            reset_clients()

        await asyncio.to_thread(drop_unheard)
        assert (await socket.pushed("topic.lost"))["topic"] == lost
        assert await socket.ask("ping") == {}


async def test_orders_that_nobody_heard_are_found_out_when_redis_is_back(server: InsideGateway) -> None:
    """As if ``drop``, ``join`` and ``close`` had been published while the gateway was not subscribed."""
    ada, bo, cy = await asyncio.to_thread(lambda: [person(), person(), person()])
    left, joined = room("left", ada, bo), f"test.room:joined-{bo.id}"
    async with entered(server, ada, bo, cy) as (ada_socket, bo_socket, cy_socket):
        for socket in (ada_socket, bo_socket):
            await socket.ask("subscribe", {"topic": left})
        rooms.members["left"] = {ada.user_id}
        rooms.initial[bo.user_id] = [joined.removeprefix("test.room:")]
        await asyncio.to_thread(
            lambda: AccountDevice.objects.filter(user_id=cy.user_id, id=cy.device_id).update(revoked_at=timezone.now())
        )
        await server.on_its_loop(lambda hub: hub._resync_all())

        assert await cy_socket.closed() == 4401
        assert (await bo_socket.pushed("topic.lost"))["topic"] == left
        await bo_socket.find(lambda frame: frame["type"] == "resync" and frame.get("topic") == joined)
        await tell("left", "for Ada alone")
        await tell(joined.removeprefix("test.room:"), "for Bo")
        assert (await ada_socket.pushed("test.said"))["payload"] == {"words": "for Ada alone"}
        assert (await bo_socket.pushed("test.said"))["payload"] == {"words": "for Bo"}
        assert said(bo_socket) == ["for Bo"]
        assert ada_socket.all("topic.lost") == []
    del rooms.initial[bo.user_id]
