"""A push is made into bytes once. What goes over the wire is what the server would have made of its text."""

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from websockets.frames import Opcode

from superapp.realtime import push
from tests.processes import Gateway
from tests.realtime.people import person
from tests.realtime.sockets import enter, gateway


@pytest.fixture(scope="module")
def server(committed_db: Any) -> Iterator[Gateway]:
    with gateway(committed_db) as running:
        yield running


# Lengths at which a frame's head grows by two and by six bytes more; characters of one to four bytes.
@pytest.mark.parametrize("length", [1, 40, 125, 126, 1_000, 65_535, 65_536, 200_000])
@pytest.mark.parametrize("letter", ["x", "é", "茶", "🍵"])
async def test_pushes_of_any_length_arrive_as_they_are(server: Gateway, length: int, letter: str) -> None:
    async with await enter(server, await asyncio.to_thread(person)) as socket:
        text = letter * length
        await asyncio.to_thread(push.to_users, [int(socket.hello["user_id"])], type="test.text", payload={"text": text})
        assert (await socket.pushed("test.text"))["payload"] == {"text": text}


async def test_pushes_pongs_and_answers_share_a_socket_in_order(server: Gateway) -> None:
    async with await enter(server, await asyncio.to_thread(person)) as socket:
        user_id = int(socket.hello["user_id"])
        for number in range(20):
            socket.frame(Opcode.PING, b"are you there")
            await asyncio.to_thread(push.to_users, [user_id], type="test.number", payload={"number": number})
            await socket.ask("ping")
        await socket.settled()
        assert [frame["payload"]["number"] for frame in socket.all("test.number")] == list(range(20))


async def test_nothing_is_pushed_behind_a_goodbye(server: Gateway) -> None:
    device = await asyncio.to_thread(person)
    socket = await enter(server, device)
    goodbye = asyncio.create_task(socket.connection.close())
    for _ in range(5):
        await asyncio.to_thread(push.to_users, [device.user_id], type="test.mark", payload={"mark": str(uuid4())})
    await goodbye
    assert await socket.closed() == 1000
    async with await enter(server, device) as again:
        assert await again.ask("ping") == {}
    assert "Traceback" not in server.last_lines(1_000_000)
