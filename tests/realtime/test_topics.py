"""What a socket listens to: answers, joining, snapshots and versions."""

import asyncio
import threading
from typing import Any

import pytest

from superapp.realtime import push, registry
from tests.realtime.inside import InsideGateway
from tests.realtime.people import friends, person
from tests.realtime.rooms import room, rooms, said, server_with_rooms, tell  # noqa: F401  (the fixture `server`)
from tests.realtime.sockets import Refused, enter, entered

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
        await asyncio.to_thread(push.to_topic, topic, type="test.plain", payload={"words": "two"})
        assert await socket.pushed("test.plain") == {"type": "test.plain", "topic": topic, "payload": {"words": "two"}}
        assert await socket.ask("unsubscribe", {"topic": topic}) == {}
        await tell("hall", "too late")
        for each in (socket, outsider):
            await each.settled()
        assert said(socket) == ["one"]
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
            await asyncio.to_thread(push.to_topic, "test.closing:1", type="test.closed", payload={"words": "secret"})
            await socket.settled()
            assert socket.all("test.closed") == []
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
