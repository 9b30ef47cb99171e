"""Conversations over sockets of two real gateways: duplicates, lost answers, order, devices, and who hears what."""

import asyncio
import os
import random
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import redis.asyncio
from django.core.files.uploadedfile import SimpleUploadedFile

from messaging import services
from messaging.models import Membership, Message
from superapp.media import services as media
from tests.media import images
from tests.processes import Gateway
from tests.realtime.people import Device, another_device, friends, group, people, person, say
from tests.realtime.proxy import Proxy
from tests.realtime.sockets import (
    NO_LIMITS,
    Refused,
    Rest,
    Socket,
    as_all_see_them,
    enter,
    entered,
    gateway,
    knock,
    until,
)
from tests.sizes import sizes


@pytest.fixture(scope="module")
def server(committed_db: Any) -> Iterator[Gateway]:
    with gateway(committed_db, LIMITS_OVERRIDES=NO_LIMITS) as running:
        yield running


@pytest.fixture(scope="module")
def other(committed_db: Any) -> Iterator[Gateway]:
    """Another process of the same product."""
    with gateway(committed_db, LIMITS_OVERRIDES=NO_LIMITS) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_limits(settings: Any) -> None:
    """For what the tests themselves send past the gateways."""
    settings.LIMITS_OVERRIDES = NO_LIMITS


def text(conversation_id: int, words: str, client_id: str) -> dict[str, str]:
    return {"conversation_id": str(conversation_id), "client_id": client_id, "kind": "text", "text": words}


# --- once, whatever happens to the answer -----------------------------------------------------------------------------


async def test_the_same_message_twenty_times_at_once_is_one(server: Gateway, other: Gateway) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    tablet = await asyncio.to_thread(another_device, ada)
    async with entered(server, ada, bo) as (mine, theirs), entered(other, tablet) as (second,):
        key = str(uuid4())

        async def by_rest(through: Gateway) -> dict:
            response = await Rest(through, ada).send_text(conversation_id, "once", key=key)
            assert response.status_code == 201, response.text
            return dict(response.json())

        sockets = [socket.send_text(conversation_id, "once", client_id=key) for socket in (mine, second) * 5]
        answers = await asyncio.gather(
            *sockets, *(by_rest(server) for _ in range(5)), *(by_rest(other) for _ in range(5))
        )
        assert answers == [answers[0]] * 20
        assert answers[0]["seq"] == 2
        for refused in (
            mine.send_text(conversation_id, "another", client_id=key),
            second.ask("message.send", {**text(conversation_id, "", key), "text": "one more"}),
        ):
            with pytest.raises(Refused) as refusal:
                await refused
            assert refusal.value.code == "idempotency_conflict"
        response = await Rest(server, ada).send_text(conversation_id, "another", key=key)
        assert (response.status_code, response.json()["error"]["code"]) == (409, "idempotency_conflict")
        for socket in (mine, second, theirs):
            await socket.settled()
            assert socket.messages() == [answers[0]]
        assert (await Rest(server, bo).history(conversation_id))[1:] == [answers[0]]


async def test_an_answer_that_got_lost_is_given_again(server: Gateway) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    async with Proxy.to(server.port) as proxy, entered(server, bo) as (theirs,):
        ticket = await Rest(server, ada).ticket()
        mine = await knock_through(proxy)
        await mine.ask("auth", {"ticket": ticket})
        proxy.answers.clear()
        key = str(uuid4())
        await mine.say("message.send", text(conversation_id, "did it arrive?", key))
        stored = await until(lambda: Message.objects.filter(conversation_id=conversation_id, client_id=key).first())
        proxy.cut()
        assert await mine.closed() in {None, 1006}
        assert mine.messages() == []
        async with await enter(server, ada) as again:
            answer = await again.send_text(conversation_id, "did it arrive?", client_id=key)
            assert answer["seq"] == stored.seq == 2
            assert (await Rest(server, ada).send_text(conversation_id, "did it arrive?", key=key)).json() == answer
            await again.send_text(conversation_id, "good")
            await theirs.pushed("message.created", seq=3)
            assert [message["seq"] for message in theirs.messages()] == [2, 3]
        assert [row["seq"] for row in await Rest(server, bo).history(conversation_id)] == [1, 2, 3]


async def knock_through(proxy: Proxy) -> Socket:
    class Door:
        url, ws_url = "", f"ws://127.0.0.1:{proxy.port}/ws/"

    return await knock(Door)  # type: ignore[arg-type]


# --- order ------------------------------------------------------------------------------------------------------------


async def test_sixteen_writers_in_one_group_make_one_sequence(server: Gateway, other: Gateway) -> None:
    each = sizes.messages_per_writer
    writers = await asyncio.to_thread(people, 16)
    reader = await asyncio.to_thread(person)
    conversation_id = await asyncio.to_thread(group, *writers, reader)
    expected = list(range(1, 16 * each + 2))
    async with entered(server, *writers[:8]) as here, entered(other, *writers[8:], reader) as (*there, listening):
        finished = asyncio.Event()
        looks: list[int] = []

        async def look() -> None:
            """A reader who polls never sees a row without all those before it."""
            api, have = Rest(server, reader), 0
            while not finished.is_set() or have < len(expected):
                page = await api.get(f"conversations/{conversation_id}/messages/", after=have, limit=100)
                found = [row["seq"] for row in page["results"]]
                assert found == list(range(have + 1, have + 1 + len(found)))
                have += len(found)
                looks.append(have)

        async def write(socket: Socket, name: int) -> list[int]:
            return [(await socket.send_text(conversation_id, f"{name}:{n}"))["seq"] for n in range(each)]

        looking = asyncio.create_task(look())
        answered = await asyncio.gather(*(write(socket, name) for name, socket in enumerate([*here, *there])))
        finished.set()
        await looking
        assert len(set(looks)) > 2
        assert sorted(seq for seqs in answered for seq in seqs) == expected[1:]
        # Each writer's own messages are in the order in which they were written.
        assert all(seqs == sorted(seqs) for seqs in answered)
        history = await Rest(other, reader).history(conversation_id)
        assert [row["seq"] for row in history] == expected
        for socket in (*here, *there, listening):
            await socket.find(
                lambda frame: frame["type"] == "resync" or frame.get("payload", {}).get("seq") == expected[-1]
            )
            await socket.settled()
            pushed = {message["seq"]: message for message in socket.messages()}
            assert len(socket.messages()) == len(pushed)
            # Whoever missed something, because there was more than the machine could take, was told to look.
            assert len(pushed) == len(expected) - 1 or socket.all("resync")
            assert [{**row, **pushed.get(row["seq"], {})} for row in history] == history


async def test_who_was_away_in_the_middle_ends_with_everything_once(server: Gateway) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    async with entered(server, ada) as (mine,):
        theirs = await enter(server, bo)
        api = Rest(server, bo)
        cursor = (await api.get("sync/"))["cursor"]
        seen: dict[int, dict] = {row["seq"]: row for row in await api.history(conversation_id)}
        for number in range(37):
            await mine.send_text(conversation_id, str(number))
        await theirs.pushed("message.created", seq=38)
        await theirs.close()
        seen |= {message["seq"]: message for message in theirs.messages()}
        for number in range(37, 70):
            await mine.send_text(conversation_id, str(number))
        async with await enter(server, bo) as back:
            # Live frames arrive before the sync is answered.
            for number in range(70, 80):
                await mine.send_text(conversation_id, str(number))
            await back.pushed("message.created", seq=81)
            page = await api.get("sync/", cursor=cursor)
            (changed,) = [found for found in page["conversations"] if found["id"] == str(conversation_id)]
            assert changed["last_seq"] == 81
            missed = await api.get(f"conversations/{conversation_id}/messages/", after=max(seen), limit=100)
            for message in [*as_all_see_them(missed["results"]), *back.messages()]:
                assert seen.setdefault(message["seq"], message) == message
            for number in range(80, 100):
                await mine.send_text(conversation_id, str(number))
            await back.pushed("message.created", seq=101)
            seen |= {message["seq"]: message for message in back.messages()}
        assert [seen[seq] for seq in sorted(seen)] == await api.history(conversation_id)
        assert [seen[seq]["body"].get("text") for seq in sorted(seen)][1:] == [str(number) for number in range(100)]


async def test_order_and_times_are_the_servers_whatever_a_client_says(server: Gateway, other: Gateway) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    async with entered(server, ada) as (mine,), entered(other, bo) as (theirs,):
        for socket in (mine, theirs):
            for name, value in (("created_at", "2020-01-01T00:00:00Z"), ("seq", 1), ("sender_id", ada.id), ("time", 0)):
                with pytest.raises(Refused) as refusal:
                    await socket.ask("message.send", {**text(conversation_id, "x", str(uuid4())), name: value})
                assert (refusal.value.code, name in refusal.value.details["fields"]) == ("invalid_input", True)
        for number in range(10):
            await (mine if number % 2 else theirs).send_text(conversation_id, str(number))
        history = await Rest(server, ada).history(conversation_id)
        assert [row["body"].get("text") for row in history[1:]] == [str(number) for number in range(10)]
        times = [row["created_at"] for row in history]
        assert times == sorted(times)


# --- one's own devices ------------------------------------------------------------------------------------------------


async def test_what_one_device_sends_the_other_shows_as_own_and_read(server: Gateway, other: Gateway) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    tablet = await asyncio.to_thread(another_device, ada)
    async with entered(server, ada, bo) as (phone, theirs), entered(other, tablet) as (second,):
        sent = await phone.send_text(conversation_id, "from my phone")
        frame = await second.pushed("message.created", seq=sent["seq"])
        assert frame["payload"] == sent
        assert frame["payload"]["sender_id"] == second.hello["user_id"]
        mine = (await Rest(other, tablet).get(f"conversations/{conversation_id}/"))["mine"]
        assert (mine["unread"], mine["read_seq"]) == (0, sent["seq"])
        assert (await theirs.pushed("message.created", seq=sent["seq"]))["payload"] == sent


async def test_what_one_device_has_read_is_read_on_the_other(server: Gateway, other: Gateway) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    tablet = await asyncio.to_thread(another_device, bo)
    for _ in range(4):
        await asyncio.to_thread(say, ada, conversation_id)
    async with entered(server, ada, bo) as (theirs, phone), entered(other, tablet) as (second,):
        mark = await phone.ask("message.read", {"conversation_id": str(conversation_id), "seq": 5})
        assert mark == {"conversation_id": str(conversation_id), "read_seq": 5, "unread": 0}
        assert (await second.pushed("read.updated"))["payload"] == mark
        # The tablet was behind: its older position changes nothing, here or there.
        for seq in (3, 0, 5):
            assert await second.ask("message.read", {"conversation_id": str(conversation_id), "seq": seq}) == mark
        beyond = {"conversation_id": str(conversation_id), "seq": 2**63 - 1}
        assert await second.ask("message.read", beyond) == mark
        for socket in (phone, second, theirs):
            await socket.settled()
        assert [len(socket.all("read.updated")) for socket in (phone, second, theirs)] == [1, 1, 0]
        assert theirs.all("peer.read") == []
        assert (await Rest(other, tablet).get(f"conversations/{conversation_id}/"))["mine"]["unread"] == 0


async def test_marks_from_two_devices_at_once_end_at_the_furthest_for_both(server: Gateway, other: Gateway) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    tablet = await asyncio.to_thread(another_device, bo)
    for _ in range(20):
        await asyncio.to_thread(say, ada, conversation_id)
    async with entered(server, bo) as (phone,), entered(other, tablet) as (second,):

        async def read(socket: Socket) -> None:
            for seq in random.sample(range(1, 22), 21):
                mark = await socket.ask("message.read", {"conversation_id": str(conversation_id), "seq": seq})
                assert mark["read_seq"] >= seq
                assert mark["unread"] == 21 - mark["read_seq"]

        await asyncio.gather(read(phone), read(second))
        for socket in (phone, second):
            await socket.settled()
            assert max(frame["payload"]["read_seq"] for frame in socket.all("read.updated")) == 21


# --- who hears what ---------------------------------------------------------------------------------------------------


async def test_a_stranger_can_do_nothing_and_hears_nothing(server: Gateway) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    eve = await asyncio.to_thread(person, "Eve")
    group_id = await asyncio.to_thread(group, ada, bo)
    async with entered(server, ada, bo, eve) as (mine, theirs, stranger):
        for found in (str(conversation_id), str(group_id), "1"):
            for frame_type, payload in (
                ("message.send", text(int(found), "let me in", str(uuid4()))),
                ("message.send", {**text(int(found), "", str(uuid4())), "kind": "photo", "asset_id": "1"}),
                ("message.read", {"conversation_id": found, "seq": 1}),
                ("typing", {"conversation_id": found}),
                ("subscribe", {"topic": f"conversation:{found}"}),
            ):
                payload.pop("text" if payload.get("kind") == "photo" else "-", None)
                with pytest.raises(Refused) as refusal:
                    await stranger.ask(frame_type, payload)
                assert refusal.value.code == "not_found", (frame_type, found)
        await stranger.ask("unsubscribe", {"topic": f"conversation:{conversation_id}"})
        await mine.send_text(conversation_id, "secret")
        await mine.send_text(group_id, "secret too")
        await mine.ask("typing", {"conversation_id": str(conversation_id)})
        await theirs.ask("message.read", {"conversation_id": str(conversation_id), "seq": 2})
        for socket in (stranger, mine, theirs):
            await socket.settled()
        assert [frame["type"] for frame in stranger.frames if frame["type"] not in {"error", "reply", "hello"}] == [
            "test.mark"
        ]
        assert not any("secret" in str(frame) for frame in stranger.frames)
        assert [message["body"] for message in theirs.messages()] == [{"text": "secret"}, {"text": "secret too"}]
        assert len(theirs.all("typing")) == 1


async def test_who_is_blocked_reaches_nobody_but_the_group(server: Gateway) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    group_id = await asyncio.to_thread(group, ada, bo)
    async with entered(server, ada, bo) as (mine, theirs):
        await asyncio.to_thread(services.block, actor_id=bo.user_id, user_id=ada.user_id)
        for frame_type, payload in (
            ("message.send", text(conversation_id, "hello?", str(uuid4()))),
            ("typing", {"conversation_id": str(conversation_id)}),
        ):
            with pytest.raises(Refused) as refusal:
                await mine.ask(frame_type, payload)
            assert refusal.value.code == "blocked"
        sent = await mine.send_text(group_id, "to all")
        await theirs.pushed("message.created", seq=sent["seq"])
        await asyncio.to_thread(services.unblock, actor_id=bo.user_id, user_id=ada.user_id)
        await theirs.settled()
        assert theirs.messages() == [sent]
        assert theirs.all("typing") == []
        assert (await mine.send_text(conversation_id, "thank you"))["seq"] == 2


async def test_a_new_conversation_is_heard_by_those_who_are_there_already(server: Gateway, other: Gateway) -> None:
    ada, bo = await asyncio.to_thread(people, 2)
    async with entered(server, ada) as (mine,), entered(other, bo) as (theirs,):
        request = (await Rest(server, ada).call("POST", "friend-requests/", {"handle": bo.handle})).json()
        pushed = (await theirs.pushed("friend.requested"))["payload"]
        assert {name: value for name, value in pushed.items() if name != "event_id"} == request
        friend = (await Rest(other, bo).call("POST", f"friend-requests/{request['id']}/accept/")).json()
        added = (await mine.pushed("friend.added"))["payload"]
        assert (added["user_id"], added["conversation_id"]) == (bo.id, friend["conversation_id"])
        conversation_id = int(friend["conversation_id"])
        topic = f"conversation:{conversation_id}"
        for socket in (mine, theirs):
            await socket.find(lambda frame: (frame["type"], frame.get("topic")) == ("resync", topic))
        sent = await theirs.send_text(conversation_id, "hello Ada")
        assert (await mine.pushed("message.created", seq=sent["seq"]))["payload"] == sent


async def test_typing_is_shown_and_too_much_of_it_is_swallowed(server: Gateway) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    async with entered(server, ada, bo) as (mine, theirs):
        for _ in range(12):
            assert await mine.ask("typing", {"conversation_id": str(conversation_id)}) == {}
        await theirs.settled()
        shown = theirs.all("typing")
        assert [frame["payload"] for frame in shown] == [
            {"conversation_id": str(conversation_id), "user_id": ada.id, "persona": None}
        ] * len(shown)
        # Three at once, and one more for each two seconds that the twelve took.
        assert 3 <= len(shown) < 12


async def test_a_photo_goes_over_the_socket_like_a_text(server: Gateway, committed_db: Any) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(friends)

    def upload(owner: Device) -> str:
        file = SimpleUploadedFile("p.jpg", images.jpeg())
        return str(media.store(owner_id=owner.user_id, file=file, purpose="message", client_id=uuid4()).id)

    mine_id, theirs_id = await asyncio.to_thread(upload, ada), await asyncio.to_thread(upload, bo)
    async with entered(server, ada, bo) as (mine, theirs):
        photo = {"conversation_id": str(conversation_id), "client_id": str(uuid4()), "kind": "photo"}
        sent = await mine.ask("message.send", {**photo, "asset_id": mine_id})
        assert sent["body"]["asset_id"] == mine_id
        assert await mine.ask("message.send", {**photo, "asset_id": mine_id}) == sent
        for asset_id in (theirs_id, mine_id, "1"):
            with pytest.raises(Refused) as refusal:
                await mine.ask("message.send", {**photo, "client_id": str(uuid4()), "asset_id": asset_id})
            assert refusal.value.code == "not_found"
        await theirs.settled()
        assert theirs.messages() == [sent]


@pytest.mark.parametrize("count", [2, 100])
async def test_a_message_is_published_once_whatever_the_size_of_the_group(server: Gateway, count: int) -> None:
    members = await asyncio.to_thread(people, 3)
    conversation_id = await asyncio.to_thread(group, *members)

    def fill() -> None:
        Membership.objects.bulk_create(
            Membership(conversation_id=conversation_id, user_id=10**13 + number) for number in range(count)
        )

    await asyncio.to_thread(fill)
    async with entered(server, *members) as sockets, redis.asyncio.Redis.from_url(os.environ["REDIS_URL"]) as client:

        async def published() -> int:
            statistics = await client.info("commandstats")
            return int(statistics.get("cmdstat_publish", {"calls": 0})["calls"])

        before = await published()
        for number in range(5):
            await sockets[0].send_text(conversation_id, str(number))
        for socket in sockets:
            await socket.pushed("message.created", seq=6)
        assert await published() - before == 5


async def test_limits_are_told_on_the_socket_as_in_rest(committed_db: Any) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    limits = {"messaging.send.user": (10, 3600)}
    with gateway(committed_db, LIMITS_OVERRIDES=limits) as server:
        async with entered(server, ada, bo) as (mine, theirs):
            for number in range(5):
                await mine.send_text(conversation_id, str(number))
                assert (await Rest(server, ada).send_text(conversation_id, str(number))).status_code == 201
            with pytest.raises(Refused) as refusal:
                await mine.send_text(conversation_id, "too much")
            response = await Rest(server, ada).send_text(conversation_id, "too much")
            assert (response.status_code, response.json()["error"]["code"]) == (429, "too_many_requests")
            assert refusal.value.code == "too_many_requests"
            waits = [refusal.value.details["retry_after_seconds"], int(response.headers["Retry-After"])]
            assert all(1 <= wait <= 360 for wait in waits)
            await theirs.settled()
            assert len(theirs.messages()) == 10
            # The socket lives on, and others may speak.
            assert await mine.ask("ping") == {}
            assert (await theirs.send_text(conversation_id, "calm down"))["seq"] == 12
