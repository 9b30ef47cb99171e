"""A kind of topic and some commands as an app would register them, on a gateway inside the test's process."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from superapp.core.errors import Conflict, Unavailable
from superapp.realtime import push, registry
from tests.realtime.inside import InsideGateway, inside_gateway
from tests.realtime.people import Device
from tests.realtime.sockets import Socket


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

    def initial_of(self, user_ids: Sequence[int]) -> list[tuple[int, str]]:
        found = [(user_id, reference) for user_id in user_ids for reference in self.initial.get(user_id, [])]
        if found:
            self.looking.set()
            assert self.may_look.wait(timeout=20)
        return found

    def snapshot(self, reference: str) -> tuple[int, dict[str, Any]]:
        self.looking.set()
        assert self.may_look.wait(timeout=20)
        return self.state.get(reference, (0, {}))

    def say(self, reference: str, words: str, *, version: int = 1) -> None:
        push.to_topic(f"test.room:{reference}", type="test.said", payload={"words": words}, version=version)


rooms = Rooms()


@pytest.fixture(scope="module", name="server")
def server_with_rooms(committed_db: Any) -> Iterator[InsideGateway]:
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


async def tell(reference: str, words: str, *, version: int = 1) -> None:
    await asyncio.to_thread(rooms.say, reference, words, version=version)


def room(name: str, *members: Device) -> str:
    rooms.members[name] = {member.user_id for member in members}
    return f"test.room:{name}"
