"""Coming and going while one is connected, through two real gateways."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from messaging import handlers, services
from messaging.events import MemberLeft, MembersJoined
from messaging.models import Membership
from tests.messaging.groups import NO_LIMITS, know_each_other
from tests.processes import Gateway
from tests.realtime import sockets
from tests.realtime.people import Device, another_device, group, people, say
from tests.realtime.sockets import Refused, Rest, entered, gateway


@pytest.fixture(scope="module")
def server(committed_db: Any) -> Iterator[Gateway]:
    with gateway(committed_db, LIMITS_OVERRIDES=NO_LIMITS | sockets.NO_LIMITS) as running:
        yield running


@pytest.fixture(scope="module")
def other(committed_db: Any) -> Iterator[Gateway]:
    with gateway(committed_db, LIMITS_OVERRIDES=NO_LIMITS | sockets.NO_LIMITS) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_limits(settings: Any) -> None:
    settings.LIMITS_OVERRIDES = NO_LIMITS | sockets.NO_LIMITS


def left_seq(who: Device, conversation_id: int) -> int:
    found = Membership.objects.get(conversation_id=conversation_id, user_id=who.user_id).left_seq
    assert found is not None
    return found


async def test_who_is_removed_hears_nothing_more_however_much_is_said(server: Gateway, other: Gateway) -> None:
    """Others talk through both processes while somebody is removed and added again, time after time."""
    ada, bo, cy = await asyncio.to_thread(people, 3)
    conversation_id = await asyncio.to_thread(group, ada, bo, cy)
    topic = f"conversation:{conversation_id}"
    talking = threading.Event()
    talking.set()

    def talk(who: Device) -> None:
        try:
            while talking.is_set():
                say(who, conversation_id)
        finally:
            connections.close_all()

    tablet = await asyncio.to_thread(another_device, bo)
    async with entered(server, bo, cy) as (theirs, mine), entered(other, tablet) as (second,):
        talkers = [asyncio.create_task(asyncio.to_thread(talk, who)) for who in (ada, cy)]
        windows: list[tuple[int, int]] = []
        try:
            for _ in range(4):
                await theirs.find(lambda frame: frame["type"] == "message.created", start=len(theirs.frames))
                gone = await Rest(server, ada).call("DELETE", f"conversations/{conversation_id}/members/{bo.id}/")
                assert gone.status_code == 204
                last = await asyncio.to_thread(left_seq, bo, conversation_id)
                for socket in (theirs, second):
                    await socket.pushed("conversation.left", left_seq=last)
                    with pytest.raises(Refused) as refused:
                        await socket.ask("subscribe", {"topic": topic})
                    assert refused.value.code == "not_found"
                heard = len(theirs.messages()), len(second.messages())
                # The others go on talking meanwhile.
                await mine.find(
                    lambda frame: frame["type"] == "message.created" and frame["payload"]["seq"] > last + 5  # noqa: B023
                )
                for socket in (theirs, second):
                    await socket.settled()
                assert (len(theirs.messages()), len(second.messages())) == heard
                await asyncio.to_thread(
                    services.add_members, actor_id=ada.user_id, conversation_id=conversation_id, user_ids=[bo.user_id]
                )
                joined = await asyncio.to_thread(
                    lambda: Membership.objects.get(conversation_id=conversation_id, user_id=bo.user_id).joined_seq
                )
                windows.append((last, joined))
        finally:
            talking.clear()
            await asyncio.gather(*talkers)
        for socket in (theirs, second):
            await socket.settled()
            seqs = [message["seq"] for message in socket.messages()]
            for last, joined in windows:
                assert [seq for seq in seqs if last < seq < joined] == []
            assert len(socket.all("topic.lost")) == 4
    # The same is what they can fetch: from the last time they came.
    history = await Rest(server, bo).history(conversation_id)
    assert history[0]["seq"] == windows[-1][1]


async def test_who_comes_by_link_is_joined_on_every_device_at_once(server: Gateway, other: Gateway) -> None:
    ada, bo, cy = await asyncio.to_thread(people, 3)
    conversation_id = await asyncio.to_thread(group, ada, bo)
    tablet = await asyncio.to_thread(another_device, cy)
    async with entered(server, cy) as (mine,), entered(other, tablet) as (second,):
        issued = await Rest(other, ada).call("POST", f"conversations/{conversation_id}/links/")
        joined = await Rest(other, cy).call("POST", "group-joins/", {"link": issued.json()["url"]})
        assert joined.json() == {"conversation_id": str(conversation_id), "is_in": True}
        for socket in (mine, second):
            await socket.pushed("conversation.joined", conversation_id=str(conversation_id))
        seq = await asyncio.to_thread(say, ada, conversation_id)
        for socket in (mine, second):
            await socket.pushed("message.created", seq=seq)
        await mine.send_text(conversation_id, "hello")


async def test_who_may_not_remove_disturbs_nobodys_subscription(server: Gateway) -> None:
    ada, bo, cy = await asyncio.to_thread(people, 3)
    conversation_id = await asyncio.to_thread(group, ada, bo, cy)
    await asyncio.to_thread(know_each_other, bo, cy)
    async with entered(server, bo) as (theirs,):
        refused = await Rest(server, cy).call("DELETE", f"conversations/{conversation_id}/members/{bo.id}/")
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "admins_only")
        seq = await asyncio.to_thread(say, ada, conversation_id)
        await theirs.pushed("message.created", seq=seq)
        assert theirs.all("topic.lost") == theirs.all("conversation.left") == []


async def test_a_disbanded_group_says_so_and_takes_nothing_more(server: Gateway) -> None:
    ada, bo = await asyncio.to_thread(people, 2)
    conversation_id = await asyncio.to_thread(group, ada, bo)
    async with entered(server, bo) as (theirs,):
        ended = await Rest(server, ada).call("POST", f"conversations/{conversation_id}/disband/")
        assert ended.status_code == 204
        await theirs.pushed("message.created", kind="group_disbanded")
        with pytest.raises(Refused) as refused:
            await theirs.send_text(conversation_id, "still there?")
        assert refused.value.code == "conversation_closed"


async def test_orders_that_come_late_change_nothing(server: Gateway) -> None:
    """A process may hang between its commit and what it tells the gateways; meanwhile others go on."""
    ada, bo = await asyncio.to_thread(people, 2)
    conversation_id = await asyncio.to_thread(group, ada, bo)
    late_join = MembersJoined(conversation_id=conversation_id, member_ids=(bo.user_id,))
    place: dict[str, int] = {"actor_id": ada.user_id, "conversation_id": conversation_id}
    async with entered(server, bo) as (theirs,):
        await asyncio.to_thread(services.remove_member, **place, user_id=bo.user_id)
        last = await asyncio.to_thread(left_seq, bo, conversation_id)
        await asyncio.to_thread(handlers.join_who_has_come, late_join)
        await theirs.settled()
        behind = await asyncio.to_thread(say, ada, conversation_id)
        await theirs.settled()
        assert behind not in [message["seq"] for message in theirs.messages()]
        await asyncio.to_thread(services.add_members, **place, user_ids=[bo.user_id])
        late_drop = MemberLeft(conversation_id=conversation_id, user_id=bo.user_id, left_seq=last)
        await asyncio.to_thread(handlers.drop_who_has_left, late_drop)
        await theirs.settled()
        heard = await asyncio.to_thread(say, ada, conversation_id)
        await theirs.pushed("message.created", seq=heard)
