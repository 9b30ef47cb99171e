"""What a socket listens to: joining, snapshots, versions, losing the right, and joining late."""

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.utils import timezone

from superapp.accounts.models import Device as AccountDevice
from superapp.core.errors import Conflict, Unavailable
from superapp.core.redis import reset_clients
from superapp.realtime import frames, push, registry
from tests.realtime.inside import InsideGateway, inside_gateway
from tests.realtime.people import Device, another_device, friends, person
from tests.realtime.sockets import Refused, Socket, enter, entered


class Rooms:
    """A kind of topic as an app would register it. ``members`` may join; ``state`` is what late joiners are shown."""

    def __init__(self) -> None:
        self.members: dict[str, set[int]] = {}
        self.state: dict[str, tuple[int, dict[str, Any]]] = {}
        self.initial: dict[int, list[str]] = {}
        self.looking = threading.Event()
        self.may_look = threading.Event()
        self.may_look.set()

    def may_join(self, user_id: int, reference: str) -> bool:
        return reference == "open" or user_id in self.members.get(reference, ())

    def initial_of(self, user_id: int) -> list[str]:
        found = self.initial.get(user_id, [])
        if found:
            self.looking.set()
            assert self.may_look.wait(timeout=20)
        return found

    def snapshot(self, reference: str) -> tuple[int, dict[str, Any]]:
        self.looking.set()
        assert self.may_look.wait(timeout=20)
        return self.state.get(reference, (0, {}))

    def say(self, reference: str, words: str, *, version: int | None = None) -> None:
        push.to_topic(f"test.room:{reference}", type="test.said", payload={"words": words}, version=version)


rooms = Rooms()


@pytest.fixture(scope="module")
def server(committed_db: Any) -> Iterator[InsideGateway]:
    registry.topics.register("test.room", may_join=rooms.may_join, initial=rooms.initial_of, snapshot=rooms.snapshot)
    registry.topics.register("test.bare", may_join=lambda _user_id, _reference: True)

    def refuse() -> dict[str, Any]:
        raise Conflict(state="moved")

    def be_away() -> dict[str, Any]:
        raise Unavailable

    def parse(payload: Any) -> dict[str, Any]:
        return dict(payload)

    registry.commands.register(
        {
            "test.echo": registry.Command(parse, lambda actor, **payload: {"who": str(actor.user_id), **payload}),
            "test.refuse": registry.Command(lambda _payload: {}, lambda _actor: refuse()),
            "test.away": registry.Command(lambda _payload: {}, lambda _actor: be_away()),
            "test.break": registry.Command(lambda _payload: {}, lambda _actor: {"broken": 1 // 0}),
            "test.hang": registry.Command(
                lambda _payload: {}, lambda _actor: {"hung": rooms.may_look.wait(timeout=20)}
            ),
        }
    )
    with inside_gateway() as running:
        yield running
    for name in ("test.room", "test.bare"):
        del registry.topics._kinds[name]
    for name in ("test.echo", "test.refuse", "test.away", "test.break", "test.hang"):
        del registry.commands._by_type[name]


def said(socket: Socket) -> list[str]:
    return [frame["payload"]["words"] for frame in socket.all("test.said")]


async def tell(reference: str, words: str, *, version: int | None = None) -> None:
    await asyncio.to_thread(rooms.say, reference, words, version=version)


def room(name: str, *members: Device) -> str:
    rooms.members[name] = {member.user_id for member in members}
    return f"test.room:{name}"


# --- answers ----------------------------------------------------------------------------------------------------------


async def test_answers_carry_the_ref_of_what_they_answer(server: InsideGateway) -> None:
    ada = await asyncio.to_thread(person)
    async with await enter(server, ada) as socket:
        for ref in ("a", "x" * 64, "漢👍", "", 'with "quotes"'):
            await socket.say("ping", ref=ref or None)
        await socket.raw('{"type":"ping","ref":""}')
        await socket.raw('{"type":"ping"}')
        await socket.raw('{"type":"ping","ref":null}')
        assert await socket.ask("test.echo", {"n": 1}) == {"who": ada.id, "n": 1}
        pongs = [frame.get("ref", "-") for frame in socket.all("pong")]
        assert pongs[:3] == ["a", "x" * 64, "漢👍"]
        assert pongs[-3:] == ["", "-", "-"]
        assert all(frame["payload"] == {} for frame in socket.all("pong"))


async def test_refusals_failures_and_absences_are_error_frames_and_the_socket_lives(server: InsideGateway) -> None:
    async with await enter(server, await asyncio.to_thread(person)) as socket:
        for command, code, details in (
            ("test.refuse", "conflict", {"state": "moved"}),
            ("test.away", "unavailable", {"retry_after_seconds": 2}),
            ("test.break", "internal", {}),
            ("test.absent", "unknown_command", {}),
        ):
            with pytest.raises(Refused) as refusal:
                await socket.ask(command)
            assert (refusal.value.code, refusal.value.details) == (code, details)
        assert await socket.ask("ping") == {}


async def test_command_that_hangs_is_given_up_and_the_socket_lives(server: InsideGateway, settings: Any) -> None:
    settings.REALTIME_COMMAND_TIMEOUT_SECONDS = 0.2
    rooms.may_look.clear()
    try:
        async with await enter(server, await asyncio.to_thread(person)) as socket:
            with pytest.raises(Refused) as refusal:
                await socket.ask("test.hang")
            assert refusal.value.code == "unavailable"
            assert await socket.ask("ping") == {}
    finally:
        rooms.may_look.set()


async def test_commands_of_one_socket_are_done_in_the_order_they_came(server: InsideGateway) -> None:
    async with await enter(server, await asyncio.to_thread(person)) as socket:
        refs = [await socket.say("test.echo", {"n": number}) for number in range(50)]
        await socket.answer(refs[-1])
        assert [frame["ref"] for frame in socket.all("reply")] == refs


# --- subscribing ------------------------------------------------------------------------------------------------------


async def test_a_subscriber_hears_the_topic_until_it_unsubscribes(server: InsideGateway) -> None:
    ada, bo = await asyncio.to_thread(person), await asyncio.to_thread(person)
    topic = room("hall", ada)
    async with entered(server, ada, bo) as (socket, outsider):
        await tell("hall", "too early")
        assert await socket.ask("subscribe", {"topic": topic}) == {}
        await tell("hall", "one", version=7)
        frame = await socket.pushed("test.said", words="one")
        assert frame == {"type": "test.said", "topic": topic, "version": 7, "payload": {"words": "one"}}
        await tell("hall", "without a version")
        assert "version" not in await socket.pushed("test.said", words="without a version")
        assert await socket.ask("unsubscribe", {"topic": topic}) == {}
        await tell("hall", "too late")
        for each in (socket, outsider):
            await each.settled()
        assert said(socket) == ["one", "without a version"]
        assert said(outsider) == []


async def test_a_late_joiner_is_shown_where_things_stand(server: InsideGateway) -> None:
    ada = await asyncio.to_thread(person)
    topic = room("board", ada)
    rooms.state["board"] = (41, {"pieces": 32})
    async with await enter(server, ada) as socket:
        ref = await socket.say("subscribe", {"topic": topic})
        snapshot = await socket.find(lambda frame: frame["type"] == "topic.snapshot")
        assert snapshot == {"type": "topic.snapshot", "topic": topic, "version": 41, "payload": {"pieces": 32}}
        order = [frame.get("ref") or frame["type"] for frame in socket.frames]
        assert order.index(ref) < order.index("topic.snapshot")
        # Asking again shows it again, and hears everything once.
        await socket.ask("subscribe", {"topic": topic})
        await tell("board", "move")
        await socket.settled()
        assert (len(socket.all("topic.snapshot")), said(socket)) == (2, ["move"])


async def test_nothing_is_missed_between_joining_and_the_snapshot(server: InsideGateway) -> None:
    """What happens while the snapshot is read is pushed as well, with a higher version."""
    ada = await asyncio.to_thread(person)
    topic = room("race", ada)
    rooms.state["race"] = (1, {})
    async with await enter(server, ada) as socket:
        rooms.looking.clear()
        rooms.may_look.clear()
        try:
            await socket.say("subscribe", {"topic": topic})
            assert await asyncio.to_thread(rooms.looking.wait, 20)
            await tell("race", "meanwhile", version=2)
            assert (await socket.pushed("test.said", words="meanwhile"))["version"] == 2
        finally:
            rooms.may_look.set()
        assert (await socket.find(lambda frame: frame["type"] == "topic.snapshot"))["version"] == 1


async def test_topics_without_a_snapshot_answer_and_no_more(server: InsideGateway) -> None:
    async with await enter(server, await asyncio.to_thread(person)) as socket:
        await socket.ask("subscribe", {"topic": "test.bare:1"})
        await socket.settled()
        assert socket.all("topic.snapshot") == []


async def test_what_one_may_not_join_is_not_there(server: InsideGateway) -> None:
    ada, _bo, conversation_id = await asyncio.to_thread(friends)
    eve = await asyncio.to_thread(person)
    room("private", ada)
    async with entered(server, eve) as (socket,):
        topics = [
            "test.room:private",
            "test.room:absent",
            f"conversation:{conversation_id}",
            f"user:{ada.id}",
            f"user:{eve.id}",
            "no.such:1",
            "test.room",
            "",
        ]
        for topic in topics:
            with pytest.raises(Refused) as refusal:
                await socket.ask("subscribe", {"topic": topic})
            assert refusal.value.code == "not_found", topic
            assert await socket.ask("unsubscribe", {"topic": topic}) == {}
        await tell("private", "secret")
        await asyncio.to_thread(push.to_users, [ada.user_id], type="test.personal", payload={})
        await socket.settled()
        assert (said(socket), socket.all("test.personal")) == ([], [])
        # Its own events cannot be unsubscribed from either.
        await asyncio.to_thread(push.to_users, [eve.user_id], type="test.personal", payload={})
        await socket.pushed("test.personal")


async def test_a_right_that_is_lost_while_joining_lets_nobody_in(server: InsideGateway) -> None:
    ada = await asyncio.to_thread(person)
    topic = room("closing", ada)
    asked: list[int] = []

    def once(user_id: int, reference: str) -> bool:
        asked.append(user_id)
        return len(asked) == 1

    registry.topics.register("test.closing", may_join=once)
    try:
        async with await enter(server, ada) as socket:
            with pytest.raises(Refused) as refusal:
                await socket.ask("subscribe", {"topic": "test.closing:1"})
            assert refusal.value.code == "not_found"
            await asyncio.to_thread(push.to_topic, "test.closing:1", type="test.said", payload={"words": "secret"})
            await socket.settled()
            assert said(socket) == []
            assert await socket.ask("subscribe", {"topic": topic}) == {}
    finally:
        del registry.topics._kinds["test.closing"]


async def test_fifty_topics_of_ones_own_are_enough(server: InsideGateway) -> None:
    ada = await asyncio.to_thread(person)
    async with await enter(server, ada) as socket:
        for number in range(50):
            await socket.ask("subscribe", {"topic": f"test.bare:{number}"})
        with pytest.raises(Refused) as refusal:
            await socket.ask("subscribe", {"topic": "test.bare:50"})
        assert (refusal.value.code, refusal.value.details) == ("too_many_topics", {"most": 50})
        # One that it has already is no new one; one that it gives back makes room.
        await socket.ask("subscribe", {"topic": "test.bare:49"})
        await socket.ask("unsubscribe", {"topic": "test.bare:0"})
        await socket.ask("unsubscribe", {"topic": "test.bare:0"})
        await socket.ask("subscribe", {"topic": "test.bare:50"})
        with pytest.raises(Refused):
            await socket.ask("subscribe", {"topic": "test.bare:51"})


async def test_topics_that_were_taken_away_make_room_too(server: InsideGateway) -> None:
    ada = await asyncio.to_thread(person)
    async with await enter(server, ada) as socket:
        for number in range(50):
            await socket.ask("subscribe", {"topic": f"test.bare:{number}"})
        for number in range(50):
            await asyncio.to_thread(push.drop, topic=f"test.bare:{number}", user_ids=[ada.user_id])
        await socket.settled()
        assert len(socket.all("topic.lost")) == 50
        await socket.ask("subscribe", {"topic": "test.bare:50"})


async def test_leaving_what_one_was_joined_to_makes_no_room(server: InsideGateway) -> None:
    ada = await asyncio.to_thread(person)
    rooms.initial[ada.user_id] = [f"first{number}" for number in range(10)]
    async with await enter(server, ada) as socket:
        for number in range(50):
            await socket.ask("subscribe", {"topic": f"test.bare:{number}"})
        for number in range(10):
            await socket.ask("unsubscribe", {"topic": f"test.room:first{number}"})
        with pytest.raises(Refused) as refusal:
            await socket.ask("subscribe", {"topic": "test.bare:50"})
        assert refusal.value.code == "too_many_topics"


async def test_topics_joined_at_connect_are_heard_from_hello_on(server: InsideGateway) -> None:
    ada = await asyncio.to_thread(person)
    rooms.initial[ada.user_id] = ["home"]
    async with await enter(server, ada) as socket:
        await tell("home", "welcome")
        await socket.pushed("test.said", words="welcome")
        assert socket.all("topic.snapshot") == []


async def test_hello_comes_before_anything_else_however_busy_it_is(server: InsideGateway) -> None:
    ada = await asyncio.to_thread(person)
    rooms.initial[ada.user_id] = ["busy"]
    talking = threading.Event()
    talking.set()

    def talk() -> None:
        while talking.is_set():
            rooms.say("busy", "chatter")
            push.to_users([ada.user_id], type="test.personal", payload={})

    talker = asyncio.create_task(asyncio.to_thread(talk))
    try:
        for _ in range(10):
            socket = await enter(server, ada)
            await socket.pushed("test.said")
            await socket.pushed("test.personal")
            assert socket.frames[0]["type"] == "hello"
            await socket.close()
    finally:
        talking.clear()
        await talker


# --- orders -----------------------------------------------------------------------------------------------------------


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
