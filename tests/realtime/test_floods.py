"""Frames that cost the server work before anybody of ours sees them: one connection gets its share and no more."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.frames import Frame, Opcode

from tests.processes import Gateway
from tests.realtime.people import person
from tests.realtime.sockets import enter, entered, gateway, knock

MIB = 1024 * 1024
TINY = {
    "pings": Frame(Opcode.PING, b"", True),
    "empty fragments": Frame(Opcode.CONT, b"", False),
    "texts": Frame(Opcode.TEXT, b'{"type":"ping"}', True),
}


@pytest.fixture(scope="module")
def server(committed_db: Any) -> Iterator[Gateway]:
    with gateway(committed_db) as running:
        yield running
        assert "Traceback" not in running.last_lines(100_000)


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize("kind", TINY)
async def test_a_flood_of_tiny_frames_is_cut_off_at_its_beginning(server: Gateway, kind: str, signed_in: bool) -> None:
    async with entered(server, await asyncio.to_thread(person)) as (witness,):
        flooding = await enter(server, await asyncio.to_thread(person)) if signed_in else await knock(server)
        transport = flooding.connection.transport
        if kind == "empty fragments":
            flooding.frame(Opcode.TEXT, b"", fin=False)
        frame = TINY[kind].serialize(mask=True)
        transport.write(frame * (2 * MIB // len(frame)))
        # Who is still talking when the door closes may not hear why. A first frame that is no auth has its own reason.
        assert await flooding.closed() in {4429, 1006, *(() if signed_in else (4401,))}
        assert await witness.ask("ping") == {}


async def test_pings_at_a_walk_and_messages_in_pieces_are_fine(server: Gateway) -> None:
    async with await enter(server, await asyncio.to_thread(person)) as socket:
        for _ in range(50):
            socket.frame(Opcode.PING, b"")
        whole = b'{"type":"ping","ref":"in pieces"}'
        socket.frame(Opcode.TEXT, whole[:1], fin=False)
        for byte in whole[1:-1]:
            socket.frame(Opcode.CONT, bytes([byte]), fin=False)
        socket.frame(Opcode.CONT, whole[-1:])
        assert await socket.answer("in pieces") == {}


@pytest.mark.parametrize("path", ["/ws", "/ws/x/", "/", "/api/v1/me/"])
def test_a_socket_anywhere_else_is_not_found(server: Gateway, path: str) -> None:
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    response = httpx.get(server.url + path, headers=headers, trust_env=False)
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")
