"""Who sends too much hears so and loses nothing; everybody else goes on as if nobody did."""

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from messaging.models import Message
from tests.processes import Gateway
from tests.realtime.people import friends, group, people
from tests.realtime.sockets import Refused, Socket, entered, gateway

# Ten, forty and three, in seconds that are long enough for the slowest machine.
LONG_SECONDS = {
    "messaging.send.user": (10, 3600),
    "messaging.send.conversation": (40, 14_400),
    "messaging.typing.user": (3, 3600),
}
# Within the burst of frames that a socket may send.
TYPINGS = 150


@pytest.fixture(scope="module")
def server(committed_db: Any) -> Iterator[Gateway]:
    with gateway(committed_db, LIMITS_OVERRIDES=LONG_SECONDS) as running:
        yield running
        assert "Traceback" not in running.last_lines(100_000)


async def stored(conversation_id: int) -> int:
    return await Message.objects.filter(conversation_id=conversation_id, kind="text").acount()


async def test_the_eleventh_message_of_a_second_is_refused_with_the_time_to_wait(server: Gateway) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    async with entered(server, ada, bo) as (mine, theirs):
        # Without waiting for an answer in between, as a flood does.
        refs = [await mine.say("message.send", text(conversation_id, n)) for n in range(11)]
        sent = [await mine.answer(ref) for ref in refs[:10]]
        with pytest.raises(Refused) as refusal:
            await mine.answer(refs[10])
        assert refusal.value.code == "too_many_requests"
        assert 1 <= refusal.value.details["retry_after_seconds"] <= 360
        assert [message["body"]["text"] for message in sent] == [str(n) for n in range(10)]
        await theirs.settled()
        assert theirs.messages() == sent
        assert await stored(conversation_id) == 10
        # Making sure of what was sent is no flood, and the socket stays.
        assert await mine.ask("message.send", text(conversation_id, 0, client_id=sent[0]["client_id"])) == sent[0]
        assert await mine.ask("ping") == {}
        assert (await theirs.send_text(conversation_id, "slowly"))["seq"] == sent[-1]["seq"] + 1


async def test_a_conversation_takes_forty_a_second_from_all_of_its_members(server: Gateway) -> None:
    members = await asyncio.to_thread(people, 5)
    conversation_id, elsewhere_id = [await asyncio.to_thread(group, *members) for _ in range(2)]
    async with entered(server, *members) as (*writers, last):
        refs = [
            (writer, await writer.say("message.send", text(conversation_id, n)))
            for n in range(10)
            for writer in writers
        ]
        seqs = [(await writer.answer(ref))["seq"] for writer, ref in refs]
        assert sorted(seqs) == list(range(2, 42))
        with pytest.raises(Refused) as refusal:
            await last.send_text(conversation_id, "the forty-first")
        assert refusal.value.code == "too_many_requests"
        assert refusal.value.details["retry_after_seconds"] >= 1
        assert await stored(conversation_id) == 40
        # What a conversation refuses has cost its sender nothing elsewhere.
        for n in range(5):
            await last.send_text(elsewhere_id, str(n))
        await last.settled()
        # Pushes may cross; a client sorts by seq.
        heard = [message["seq"] for message in last.messages() if message["conversation_id"] == str(conversation_id)]
        assert sorted(heard) == list(range(2, 42))


async def test_floods_of_typing_do_not_delay_messages(server: Gateway) -> None:
    *noisy, ada, bo = await asyncio.to_thread(people, 8)
    conversation_id = await asyncio.to_thread(group, ada, bo, *noisy)
    async with entered(server, ada, bo, *noisy) as (mine, theirs, *flooding):
        for socket in flooding:
            for n in range(TYPINGS):
                await socket.say("typing", {"conversation_id": str(conversation_id)}, ref=f"typing {n}")
        for n in range(5):
            seq = (await mine.send_text(conversation_id, str(n)))["seq"]
            await theirs.pushed("message.created", seq=seq)
        # They went in between: at this moment the flood is still being answered.
        assert sum(answered(socket) for socket in flooding) < TYPINGS * len(flooding)
        for socket in flooding:
            await socket.answer(f"typing {TYPINGS - 1}")
        await theirs.settled()
        # Three of each are shown; the others are nobody's business.
        assert len(theirs.all("typing")) == 3 * len(flooding)
        assert [await socket.ask("ping") for socket in flooding] == [{}] * len(flooding)


def answered(socket: Socket) -> int:
    return sum(str(frame.get("ref", "")).startswith("typing ") for frame in socket.frames)


def text(conversation_id: int, number: int, *, client_id: str = "") -> dict[str, str]:
    return {
        "conversation_id": str(conversation_id),
        "client_id": client_id or str(uuid4()),
        "kind": "text",
        "text": str(number),
    }
