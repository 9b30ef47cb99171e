"""The client against the real gateway: what pushes have made of a device is what a fresh fetch shows."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from messaging import services as messaging
from superapp.accounts import services as accounts
from superapp.client import Api, Client
from superapp.client.conversation_log import ConversationLog
from superapp.media import services as media
from tests.client.conditions import until
from tests.media import films
from tests.processes import Gateway
from tests.realtime.people import Device, befriend, person
from tests.realtime.sockets import NO_LIMITS, as_all_see_them, gateway

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def server(committed_db: Any) -> Iterator[Gateway]:
    with gateway(committed_db, LIMITS_OVERRIDES=NO_LIMITS) as running:
        yield running


def three_friends() -> list[Device]:
    people = [person(name) for name in ("Ada", "Bo", "Chi")]
    for somebody in people:
        accounts.set_password(actor_id=somebody.user_id, device_id=somebody.device_id, new_password=PASSWORD)
        messaging.change_preferences(actor_id=somebody.user_id, shares_read_marks=True)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        befriend(people[one], people[other])
    return people


@asynccontextmanager
async def online(server: Gateway, somebody: Device) -> AsyncIterator[Client]:
    async with Api(server.url) as api:
        await api.sign_in_with_password(somebody.handle, PASSWORD)
        async with Client(api, recent=None) as client:
            await client.online()
            yield client


def marks(log: ConversationLog) -> dict[str, Any]:
    return {
        "read_seq": log.read_seq,
        "unread": log.unread,
        "peer_read_seq": log.peer_read_seq,
        "last_seq": log.last_seq,
    }


async def fetched(client: Client) -> dict[str, Any]:
    """Marks and messages of every conversation, as REST shows them to this person but for ``mine``."""
    everything = {}
    async for conversation in client.api.conversations():
        mine, page = conversation["mine"], await client.api.messages(conversation["id"], after=0)
        shown = {name: mine[name] for name in ("read_seq", "unread", "peer_read_seq")}
        everything[conversation["id"]] = (
            {**shown, "last_seq": conversation["last_seq"]},
            as_all_see_them(page["results"]),
        )
    return everything


def known(client: Client) -> dict[str, Any]:
    return {log.id: (marks(log), as_all_see_them(log.messages)) for log in client.store.logs.values()}


async def test_what_was_pushed_is_what_is_fetched(server: Gateway) -> None:
    people = await asyncio.to_thread(three_friends)
    choices = random.Random(5)
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(online(server, somebody)) for somebody in people]
        members = [somebody.id for somebody in people]
        group = await clients[0].api.create_group("Three", members[1:])
        await until(lambda: all(group["id"] in client.store.logs for client in clients))
        for number in range(60):
            client = choices.choice(clients)
            log = client.store.logs[choices.choice(sorted(client.store.logs))]
            if choices.random() < 0.6:
                client.send_text(log.id, f"text {number}")
            elif log.has:
                client.mark_read(log.id, choices.randint(1, log.has))
            if choices.random() < 0.3:
                await client.told()
        await asyncio.gather(*(client.told() for client in clients))
        for client in clients:
            await settled(client)


async def settled(client: Client) -> None:
    """What was pushed and what is fetched become the same; a failure shows the difference."""
    expected = await fetched(client)
    assert len(expected) == 3
    with contextlib.suppress(TimeoutError):
        await until(lambda: known(client) == expected, seconds=5)
    assert known(client) == expected


async def test_rest_and_socket_agree_on_every_call(server: Gateway) -> None:
    """The calls that ``talk`` does not make, once each."""
    ada, bo, chi = await asyncio.to_thread(three_friends)
    async with online(server, ada) as client:
        api = client.api
        me = await api.me()
        assert me["handle"] == ada.handle
        assert (await api.change_me(time_zone="Europe/Paris"))["time_zone"] == "Europe/Paris"
        assert (await api.person(bo.handle))["id"] == bo.id
        assert (await api.person_by_id(chi.id))["handle"] == chi.handle
        direct = await api.direct_conversation(bo.id)
        assert direct["mine"]["peer"] is not None
        assert direct["mine"]["peer"]["id"] == bo.id
        assert [member["user"]["id"] async for member in api.members(direct["id"])] == [ada.id, bo.id]
        await api.typing(direct["id"])
        assert (await api.mark_read(direct["id"], 1))["unread"] == 0
        await api.block(bo.id)
        await api.unblock(bo.id)
        await api.end_friendship(chi.id)
        assert [friend["user"]["id"] async for friend in api.friends()] == [bo.id]
        devices = [device async for device in api.devices()]
        assert [device["is_current"] for device in devices].count(True) == 1
        await api.revoke_device(next(device["id"] for device in devices if not device["is_current"]))
        challenge = await api.request_code("+33612999999")
        assert challenge


async def test_voice_and_files_are_uploaded_and_waited_for(server: Gateway, tmp_path: Path) -> None:
    ada = (await asyncio.to_thread(three_friends))[0]
    voice, report = tmp_path / "voice.m4a", tmp_path / "report.pdf"
    voice.write_bytes(films.sound(1.0))
    report.write_bytes(b"%PDF-1.7" + bytes(3 * 1024 * 1024))
    async with online(server, ada) as client:
        sent = await client.api.upload(report, kind="file")
        assert (sent["state"], sent["name"], sent["size_bytes"]) == ("ready", "report.pdf", report.stat().st_size)
        asset = await client.api.upload(voice, kind="voice")
        assert (asset["state"], asset["variants"]) == ("processing", {})
        waiting = asyncio.create_task(client.api.processed(asset["id"]))
        # In place of the worker, on the directory of the server.
        await asyncio.to_thread(media.make_variants, asset_id=int(asset["id"]))
        made = await waiting
        assert (made["state"], made["content_type"]) == ("ready", "audio/mp4")
        assert made["duration_ms"]
        assert made["waveform"]
