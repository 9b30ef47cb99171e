"""A device that stays connected, misses nothing, shows nothing twice and says everything once."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from superapp.client import Api, ApiError, Client, SignedOut, Socket, SocketClosed, State, Timing
from superapp.client.socket import FrameTooLarge
from superapp.client.updates import MessageAdded, PeerRead, ReadMoved, Refused, Sent, StateChanged, Typing, Update
from tests.client.conditions import until
from tests.client.fake_server import PASSWORD, FakeServer, two_friends

FAST = Timing(gap=0.05, reconnect_first=0.02, reconnect_most=0.1, after_flooding=0.2, reading=0.02)


@dataclass
class Phone:
    """A client and everything that it has told us."""

    client: Client
    updates: list[Update]

    @property
    def texts(self) -> list[str]:
        return [update.message["body"]["text"] for update in self.updates if isinstance(update, MessageAdded)]

    def of(self, kind: type[Update]) -> list[Any]:
        return [update for update in self.updates if isinstance(update, kind)]


@dataclass
class Stage:
    server: FakeServer
    ada: str
    bo: str
    chat: str

    @contextlib.asynccontextmanager
    async def phone(self, handle: str = "ada", *, timing: Timing = FAST, **options: Any) -> AsyncIterator[Phone]:
        async with Api(self.server.url) as api:
            await api.sign_in_with_password(handle, PASSWORD, insist=options.pop("insist", False))
            updates: list[Update] = []
            async with Client(api, timing=timing, on_update=updates.append, **options) as client:
                yield Phone(client, updates)

    async def says(self, *texts: str) -> None:
        for text in texts:
            await self.server.say(self.chat, self.bo, text)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with two_friends() as parts:
        yield Stage(*parts)


# --- coming in --------------------------------------------------------------------------------------------------------


async def test_history_then_live_messages_in_one_order(stage: Stage) -> None:
    await stage.says("one", "two")
    async with stage.phone() as phone:
        await phone.client.online()
        await stage.says("three")
        await until(lambda: phone.texts == ["one", "two", "three"])
        assert phone.client.store.logs[stage.chat].unread == 3


async def test_recent_history_first_older_on_demand(stage: Stage) -> None:
    await stage.says(*"abcdefg")
    async with stage.phone(recent=3) as phone:
        await phone.client.online()
        assert phone.texts == ["e", "f", "g"]
        older = await phone.client.load_older(stage.chat, limit=3)
        assert [message["body"]["text"] for message in older] == ["b", "c", "d"]
        assert phone.texts == ["e", "f", "g"]


async def test_whole_history_when_asked_for(stage: Stage) -> None:
    await stage.says(*"abcdefg")
    async with stage.phone(recent=None) as phone:
        await phone.client.online()
        assert phone.texts == list("abcdefg")


async def test_lost_push_is_fetched(stage: Stage) -> None:
    async with stage.phone() as phone:
        await phone.client.online()
        stage.server.lose_pushes = 2
        await stage.says("one", "two", "three")
        await until(lambda: phone.texts == ["one", "two", "three"])
        # The first message of a conversation shows that there is one.
        assert stage.server.seen[f"GET conversations/{stage.chat}"] == 1


async def test_what_only_came_in_another_order_is_not_fetched(stage: Stage) -> None:
    await stage.says("zero")
    async with stage.phone(timing=Timing(gap=30)) as phone:
        await phone.client.online()
        stage.server.lose_pushes = 3
        await stage.says("one", "two", "three")
        for message in reversed(stage.server.conversations[stage.chat].messages):
            topic = f"conversation:{message['conversation_id']}"
            frame = {"type": "message.created", "topic": topic, "version": message["seq"], "payload": message}
            await stage.server.push([stage.ada], frame)
            # One at a time; and a fetch that began at the gap would have been seen by the end of another call.
            with pytest.raises(ApiError):
                await phone.client.send_text(stage.chat, "forbidden").acknowledged()
            await phone.client.api.conversation(stage.chat)
        await until(lambda: phone.texts == ["zero", "one", "two", "three"])
        assert stage.server.seen[f"GET conversations/{stage.chat}/messages"] == 1


async def test_lost_pushes_are_found_by_resync_and_by_the_regular_sync(stage: Stage) -> None:
    async with stage.phone(timing=Timing(sync_every=0.3)) as phone:
        await phone.client.online()
        stage.server.lose_pushes = 2
        await stage.says("one")
        await stage.server.push([stage.ada], {"type": "resync", "payload": {}})
        await until(lambda: phone.texts == ["one"])
        await stage.says("two")
        await until(lambda: phone.texts == ["one", "two"])


async def test_messages_during_an_absence_and_during_the_sync_arrive_once(stage: Stage) -> None:
    await stage.says("one")
    async with stage.phone() as phone:
        await phone.client.online()
        await stage.server.close_sockets(1012)
        await stage.says("two", "three")
        await until(lambda: stage.server.sockets)
        await stage.says("four")
        await until(lambda: phone.texts == ["one", "two", "three", "four"])


async def test_conversation_of_which_one_hears_only_now(stage: Stage) -> None:
    async with stage.phone() as phone:
        await phone.client.online()
        group = stage.server.open("group", "Trip", stage.ada, stage.bo)
        await stage.server.push([stage.ada], {"type": "conversation.joined", "payload": {"conversation_id": group}})
        await until(lambda: group in phone.client.store.logs)
        summary = phone.client.store.logs[group].summary
        assert summary is not None
        assert summary["title"] == "Trip"


async def test_typing_is_passed_on_at_most_every_three_seconds(stage: Stage) -> None:
    async with stage.phone() as ada, stage.phone("bo") as bo:
        await asyncio.gather(ada.client.online(), bo.client.online())
        for _ in range(5):
            ada.client.typing(stage.chat)
        await until(lambda: bo.of(Typing) == [Typing(stage.chat, stage.ada)])
        # The server answers in order: after this one nothing else is under way.
        await ada.client.send_text(stage.chat, "done").acknowledged()
        assert stage.server.seen["typing"] == 1
        assert ada.of(Typing) == []


async def test_read_marks_are_gathered_and_reach_both_sides(stage: Stage) -> None:
    await stage.says("one", "two", "three")
    async with stage.phone() as ada, stage.phone("bo") as bo:
        await asyncio.gather(ada.client.online(), bo.client.online())
        for seq in (1, 2, 3, 2):
            ada.client.mark_read(stage.chat, seq)
        await ada.client.told()
        await until(lambda: bo.of(PeerRead) == [PeerRead(stage.chat, stage.ada, 3)])
        assert ada.of(ReadMoved) == [ReadMoved(stage.chat, 3, 0)]
        assert stage.server.seen["message.read"] == 1


# --- going out --------------------------------------------------------------------------------------------------------


async def test_read_marks_that_a_busy_server_refused_are_told_again(stage: Stage) -> None:
    await stage.says("one")
    async with stage.phone() as phone:
        await phone.client.online()
        await until(lambda: phone.texts == ["one"])
        stage.server.unavailable = 2
        phone.client.mark_read(stage.chat, 1)
        async with asyncio.timeout(10):
            await phone.client.told()
        assert stage.server.conversations[stage.chat].read[stage.ada] == 1
        assert stage.server.seen["message.read"] == 3


async def test_read_mark_that_is_refused_for_good_holds_nobody_up(stage: Stage) -> None:
    await stage.says("one")
    async with stage.phone() as phone:
        await phone.client.online()
        await until(lambda: phone.texts == ["one"])
        stage.server.conversations[stage.chat].member_ids.remove(stage.ada)
        phone.client.mark_read(stage.chat, 1)
        async with asyncio.timeout(10):
            await phone.client.told()


async def test_answers_of_somebody_in_between_are_no_answers(stage: Stage) -> None:
    """A network that wants somebody to sign in answers 200 or 302 with a page of its own."""
    async with stage.phone() as phone:
        await phone.client.online()
        stage.server.pages = [200, 302, 200]
        await stage.server.close_sockets(1012)
        await stage.says("one")
        await until(lambda: phone.texts == ["one"])
        assert stage.server.pages == []
        await until(lambda: phone.client.state is State.ONLINE)


async def test_client_that_breaks_says_so(stage: Stage) -> None:
    def choke(update: Update) -> None:
        if isinstance(update, MessageAdded):
            raise ZeroDivisionError

    await stage.says("one")
    async with Api(stage.server.url) as api:
        await api.sign_in_with_password("ada", PASSWORD)
        async with Client(api, timing=FAST, on_update=choke) as client, asyncio.timeout(10):
            assert "ZeroDivisionError" in str(await client.stopped())
            assert client.state is State.STOPPED


async def test_own_message_is_shown_once_and_acknowledged(stage: Stage) -> None:
    async with stage.phone() as phone:
        await phone.client.online()
        outgoing = phone.client.send_text(stage.chat, "hello")
        message = await outgoing.acknowledged()
        await phone.client.told()
        assert (message["seq"], message["client_id"]) == (1, outgoing.client_id)
        assert phone.texts == ["hello"]
        assert phone.of(Sent) == [Sent(outgoing, message)]


async def test_lost_answer_means_the_same_client_id_again(stage: Stage) -> None:
    async with stage.phone() as phone:
        await phone.client.online()
        stage.server.lose_answers, stage.server.lose_pushes = 2, 1
        outgoing = phone.client.send_text(stage.chat, "hello")
        await outgoing.acknowledged()
        await until(lambda: phone.client.state is State.ONLINE)
        assert stage.server.texts(stage.chat) == phone.texts == ["hello"]
        assert set(stage.server.attempts) == {outgoing.client_id}
        assert len(stage.server.attempts) >= 2


async def test_push_of_the_own_message_is_an_acknowledgement(stage: Stage) -> None:
    async with stage.phone(timing=Timing()) as phone:
        await phone.client.online()
        stage.server.lose_answers = 1
        # The push is on its way before the connection ends; no second attempt is needed.
        outgoing = phone.client.send_text(stage.chat, "hello")
        assert (await outgoing.acknowledged())["seq"] == 1
        assert outgoing.attempts == 1


async def test_order_is_kept_through_a_restart(stage: Stage) -> None:
    texts = [f"text {number}" for number in range(8)]
    async with stage.phone() as phone:
        await phone.client.online()
        await stage.server.stop()
        outgoing = [phone.client.send_text(stage.chat, text) for text in texts]
        await until(lambda: phone.client.state is State.WAITING and outgoing[0].attempts > 0)
        await stage.server.start()
        await phone.client.told()
        await until(lambda: phone.texts == texts)
        assert stage.server.texts(stage.chat) == texts
        assert [each.attempts for each in outgoing[1:]] == [1] * 7


async def test_sending_works_over_rest_while_there_is_no_socket(stage: Stage) -> None:
    stage.server.close_at_auth = [1012] * 1000
    async with stage.phone() as phone:
        await phone.client.send_text(stage.chat, "hello").acknowledged()
        assert stage.server.texts(stage.chat) == ["hello"]
        assert stage.server.seen["message.send"] == 0


async def test_busy_server_is_asked_again(stage: Stage) -> None:
    async with stage.phone() as phone:
        await phone.client.online()
        stage.server.unavailable = 2
        outgoing = phone.client.send_text(stage.chat, "hello")
        await outgoing.acknowledged()
        assert outgoing.attempts == 3
        assert stage.server.texts(stage.chat) == ["hello"]


async def test_refused_message_does_not_hold_up_the_next(stage: Stage) -> None:
    async with stage.phone() as phone:
        await phone.client.online()
        refused, accepted = (phone.client.send_text(stage.chat, text) for text in ("forbidden", "hello"))
        with pytest.raises(ApiError, match="blocked"):
            await refused.acknowledged()
        await accepted.acknowledged()
        assert [update.outgoing for update in phone.of(Refused)] == [refused]
        assert stage.server.texts(stage.chat) == ["hello"]


async def test_text_that_is_too_long_for_a_frame_goes_over_rest(stage: Stage) -> None:
    stage.server.limits["max_frame_bytes"] = 1000
    async with stage.phone() as phone:
        await phone.client.online()
        text = "你好" * 300
        await phone.client.send_text(stage.chat, text).acknowledged()
        assert stage.server.texts(stage.chat) == phone.texts == [text]
        assert stage.server.seen["message.send"] == 0


# --- the connection ---------------------------------------------------------------------------------------------------


async def stopped_by(stage: Stage, code: int) -> Phone:
    async with stage.phone() as phone:
        await phone.client.online()
        await stage.server.close_sockets(code)
        error = await phone.client.stopped()
        assert isinstance(error, SocketClosed)
        assert error.code == code
        with pytest.raises(SocketClosed):
            await phone.client.online()
        assert stage.server.seen["POST realtime/tickets"] == 1
        return phone


@pytest.mark.parametrize("code", [1009, 4400, 4403, 4409])
async def test_code_that_means_stop_stops(stage: Stage, code: int) -> None:
    phone = await stopped_by(stage, code)
    assert phone.client.state is State.STOPPED


@pytest.mark.parametrize("code", [1000, 1011, 1012, 4408])
async def test_code_that_means_come_back_reconnects(stage: Stage, code: int) -> None:
    connected = [State.CATCHING_UP, State.ONLINE]
    async with stage.phone() as phone:
        await phone.client.online()
        await stage.server.close_sockets(code)
        await until(lambda: stage.server.sockets and phone.client.state is State.ONLINE)
        states = [update.state for update in phone.of(StateChanged)]
        assert states == [*connected, State.WAITING, State.CONNECTING, *connected]
        assert stage.server.seen["POST realtime/tickets"] == 2


async def test_flooding_waits_before_it_comes_back(stage: Stage) -> None:
    async with stage.phone() as phone:
        await phone.client.online()
        closed_at = time.monotonic()
        await stage.server.close_sockets(4429)
        await until(lambda: stage.server.sockets)
        assert time.monotonic() - closed_at >= FAST.after_flooding


async def test_4401_refreshes_the_tokens_and_takes_a_new_ticket(stage: Stage) -> None:
    async with stage.phone() as phone:
        await phone.client.online()
        before = phone.client.api.signed_in["access_token"]
        await stage.server.close_sockets(4401)
        await until(lambda: stage.server.seen["POST realtime/tickets"] == 2 and stage.server.sockets)
        assert stage.server.seen["POST auth/refresh"] == 1
        assert phone.client.api.signed_in["access_token"] != before


async def test_bad_ticket_is_replaced(stage: Stage) -> None:
    stage.server.close_at_auth = [4401]
    async with stage.phone() as phone:
        await phone.client.online()
        assert stage.server.seen["POST auth/refresh"] == 1


async def test_device_that_was_signed_out_stops(stage: Stage) -> None:
    async with stage.phone() as phone:
        await phone.client.online()
        stage.server.devices.clear()
        await stage.server.close_sockets(4401)
        assert isinstance(await phone.client.stopped(), SignedOut)


async def test_expiring_sign_in_is_renewed_on_the_same_socket(stage: Stage) -> None:
    async with stage.phone() as phone:
        await phone.client.online()
        (socket,) = stage.server.sockets
        await stage.server.push([stage.ada], {"type": "auth.expiring", "payload": {"at": "2026-01-01T00:00:00Z"}})
        await until(lambda: stage.server.seen["auth"] == 1)
        assert stage.server.seen["POST auth/refresh"] == 1
        await stage.says("still here")
        await until(lambda: phone.texts == ["still here"])
        assert stage.server.sockets == [socket]


async def test_silent_server_is_given_up(stage: Stage) -> None:
    stage.server.limits |= {"ping_seconds": 0.05, "silence_seconds": 0.2}
    async with stage.phone() as phone:
        await phone.client.online()
        await until(lambda: stage.server.seen["ping"] >= 3)
        (half_open,) = stage.server.sockets
        stage.server.is_mute = True
        await until(lambda: phone.client.state is State.WAITING)
        assert "nothing heard" in str(phone.client.trouble)
        stage.server.is_mute = False
        await until(lambda: phone.client.state is State.ONLINE)
        assert half_open not in stage.server.sockets


async def test_rest_that_is_away_delays_the_pushes_but_loses_none(stage: Stage) -> None:
    async with stage.phone() as phone:
        await phone.client.online()
        await stage.says("one")
        stage.server.unavailable = 7
        await stage.server.close_sockets(1012)
        await until(lambda: stage.server.sockets)
        await stage.says("two")
        await until(lambda: phone.texts == ["one", "two"])


async def test_access_that_ends_while_connected_is_renewed_for_rest(stage: Stage) -> None:
    async with stage.phone() as phone:
        await phone.client.online()
        for device in stage.server.devices:
            device.access_ends -= timedelta(hours=1)
        await phone.client.catch_up()
        assert stage.server.seen["POST auth/refresh"] == 1


async def test_socket_alone_reports_its_end_and_refuses_large_frames(stage: Stage) -> None:
    async with Api(stage.server.url) as api:
        await api.sign_in_with_password("ada", PASSWORD)
        frames: list[Any] = []
        socket = await Socket.open(api, on_push=frames.append)
        with pytest.raises(ApiError, match="unknown_command"):
            await socket.command("dance", {})
        with pytest.raises(FrameTooLarge):
            await socket.command("typing", {"conversation_id": "x" * 20_000})
        await stage.server.push([stage.ada], {"type": "test.anything", "payload": {}})
        await until(lambda: frames == [{"type": "test.anything", "payload": {}}])
        await stage.server.close_sockets(4408)
        assert (await socket.closed()).code == 4408
        with pytest.raises(SocketClosed):
            await socket.command("ping", {})
        await socket.close()


async def test_closing_leaves_nothing_running(stage: Stage) -> None:
    before = asyncio.all_tasks()
    async with stage.phone() as phone:
        await phone.client.online()
        assert asyncio.all_tasks() > before
    await until(lambda: asyncio.all_tasks() <= before and not stage.server.sockets)
    assert await phone.client.stopped() is None
