"""Every command and every kind of topic of the socket, asked by everybody: a new one without a row fails the build."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from websockets.exceptions import ConnectionClosed

from superapp.realtime import registry
from tests.matrix.world import ROLES, Json, Role, World, build, contents
from tests.realtime import sockets
from tests.realtime.conftest import _patient_redis  # noqa: F401  (a fixture)
from tests.realtime.sockets import Refused, Socket

OK = "ok"


@dataclass(frozen=True)
class Row:
    """``expected``: ok, or the code of the refusal."""

    name: str
    payload: Callable[[World], Json]
    expected: dict[Role, str]
    about: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.about}".strip()


def of_members(name: str, payload: Callable[[World], Json], *, about: str = "", **others: str) -> Row:
    expected: dict[Role, str] = {
        role: OK if role in {"owner", "member"} else "not_found" for role in ROLES if role != "anonymous"
    }
    return Row(name, payload, {**expected, **others}, about)


def in_group(world: World, **payload: Any) -> Json:
    return {"conversation_id": str(world.things["conversation_id"]), **payload}


def in_blocked(world: World, **payload: Any) -> Json:
    return {"conversation_id": str(world.blocked_direct_id), **payload}


def text(**payload: Any) -> Json:
    return {"client_id": str(uuid4()), "kind": "text", "text": "hello", **payload}


COMMANDS = [
    of_members("message.send", lambda world: in_group(world, **text())),
    of_members(
        "message.send",
        lambda world: in_group(world, **{**text(), "text": ""}) | {"kind": "photo"},
        about="with a field of another kind",
        **{role: "invalid_input" for role in ROLES if role != "anonymous"},
    ),
    of_members(
        "message.send",
        lambda world: in_blocked(world, **text()),
        about="to somebody who blocked",
        member="not_found",
        blocked="blocked",
    ),
    of_members("message.react", lambda world: in_group(world, seq=2, emoji="👍", is_added=True)),
    of_members(
        "message.react",
        lambda world: in_blocked(world, seq=2, emoji="👍", is_added=True),
        about="to somebody who blocked",
        member="not_found",
        blocked="blocked",
    ),
    of_members("message.edit", lambda world: in_group(world, seq=2, text="other"), member="forbidden"),
    # What the blocked one wrote: this world goes on, and whatever was recalled is recalled for all who ask again.
    of_members(
        "message.recall", lambda world: in_blocked(world, seq=2), owner="forbidden", member="not_found", blocked=OK
    ),
    of_members("message.read", lambda world: in_group(world, seq=1), ex_member=OK),
    of_members("typing", in_group),
    of_members("typing", in_blocked, about="to somebody who blocked", member="not_found", blocked="blocked"),
    of_members("red_packet.open", lambda world: {"packet_id": str(world.things["packet_id"])}),
]
TOPICS = [
    of_members("conversation", lambda world: {"topic": f"conversation:{world.things['conversation_id']}"}),
    of_members(
        "conversation",
        lambda world: {"topic": f"conversation:{world.blocked_direct_id}"},
        about="with somebody who was blocked",
        member="not_found",
        blocked=OK,
    ),
]


@pytest.fixture(scope="module")
def world(committed_db: Any) -> World:
    return build()


@pytest.fixture(scope="module")
def gateway(committed_db: Any) -> Any:
    with sockets.gateway(committed_db, LIMITS_OVERRIDES=sockets.NO_LIMITS) as running:
        yield running


@pytest_asyncio.fixture
async def everybody(world: World, gateway: Any) -> AsyncIterator[dict[Role, Socket]]:
    async with sockets.entered(gateway, *world.people.values()) as entered:
        yield dict(zip(world.people, entered, strict=True))


def test_every_command_has_a_row() -> None:
    assert {row.name for row in COMMANDS} == registry.commands.types()


def test_every_kind_of_topic_has_a_row() -> None:
    assert {row.name for row in TOPICS} == registry.topics.kinds()


@pytest.mark.parametrize("row", COMMANDS, ids=str)
async def test_commands_do_what_the_row_says(row: Row, world: World, everybody: dict[Role, Socket]) -> None:
    found: dict[Role, str] = {}
    for role, socket in everybody.items():
        before = await asyncio.to_thread(contents, prefix="messaging_")
        found[role] = await answer(socket, row.name, row.payload(world))
        assert found[role] == OK or await asyncio.to_thread(contents, prefix="messaging_") == before, role
    assert found == row.expected


@pytest.mark.parametrize("row", TOPICS, ids=str)
async def test_topics_let_in_whom_the_row_says(row: Row, world: World, everybody: dict[Role, Socket]) -> None:
    found = {role: await answer(socket, "subscribe", row.payload(world)) for role, socket in everybody.items()}
    assert found == row.expected


@pytest.mark.parametrize("row", [*COMMANDS, *TOPICS], ids=str)
async def test_whoever_has_not_said_who_they_are_is_shut_out(row: Row, world: World, gateway: Any) -> None:
    socket = await sockets.knock(gateway)
    frame_type = row.name if row in COMMANDS else "subscribe"
    with pytest.raises(ConnectionClosed) as closed:
        await socket.ask(frame_type, row.payload(world))
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


async def answer(socket: Socket, frame_type: str, payload: Json) -> str:
    try:
        await socket.ask(frame_type, payload)
    except Refused as refused:
        return str(refused.code)
    return OK
