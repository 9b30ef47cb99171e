"""Two people talk through the real product, by ``manage.py talk``, while its gateway is killed and started again."""

import asyncio
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from messaging import services as messaging
from superapp.accounts import services as accounts
from superapp.client import Api
from superapp.client.talk import DEMO_PASSWORD, DEMO_PIN
from tests.accounts.outbox import deliver
from tests.client.talking import Talker
from tests.client.talking import talk as talk_by
from tests.payments.money import fund
from tests.payments.security import set_pin
from tests.processes import Gateway
from tests.realtime.people import Device, befriend, group, person
from tests.realtime.sockets import gateway

talk = partial(talk_by, program=[sys.executable, "manage.py", "talk"])


@pytest.fixture(scope="module")
def server(committed_db: Any) -> Iterator[Gateway]:
    with gateway(committed_db) as running:
        yield running


def with_password(name: str) -> Device:
    somebody = person(name)
    accounts.set_password(actor_id=somebody.user_id, device_id=somebody.device_id, new_password=DEMO_PASSWORD)
    messaging.change_preferences(actor_id=somebody.user_id, shares_read_marks=True)
    return somebody


def two_people() -> tuple[Device, Device, str]:
    ada, bo = with_password("Ada"), with_password("Bo")
    return ada, bo, str(befriend(ada, bo, greeting="we met at the pool"))


def group_of(owner: Device, *members: Device) -> str:
    """The title of a group of these and one more."""
    title = f"Tea {owner.handle}"
    group(owner, *members, person("Cy"), title=title)
    return title


async def history(server: Gateway, somebody: Device, conversation_id: str) -> list[str]:
    async with Api(server.url) as api:
        await api.sign_in_with_password(somebody.handle, DEMO_PASSWORD)
        page = await api.messages(conversation_id, after=0)
        return [message["body"].get("text", message["kind"]) for message in page["results"]]


def shown(talker: Talker, texts: list[str]) -> list[str]:
    """Which of ``texts`` the talk has shown, in its order, as often as it has."""
    return [text for line in talker.lines for text in texts if f": {text}" in line and not line.startswith("*")]


async def test_killed_gateway_loses_and_doubles_nothing(server: Gateway) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(two_people)
    async with talk(server.url, ada.handle, bo.handle) as hers, talk(server.url, bo.handle, ada.handle) as his:
        await hers.shows("you asked, and now you are friends: “we met at the pool”")
        await his.shows("Ada asked, and now you are friends: “we met at the pool”")
        hers.type("first")
        await his.shows("Ada: first")
        his.type("second")
        await hers.shows("Bo: second")
        hers.type("third")
        await hers.shows("✓✓ Bo has read this")

        await asyncio.to_thread(server.kill)
        hers.type("fourth", "fifth")
        his.type("sixth")
        await hers.shows("reconnecting… 2 messages waiting")
        await his.shows("reconnecting… 1 message waiting")
        await asyncio.to_thread(server.restart)
        for talker in (hers, his):
            await talker.shows("* connected again")
            for text in ("fourth", "fifth", "sixth"):
                await talker.shows(text)
        hers.type("seventh")
        await his.shows("Ada: seventh")
        assert await hers.ends_when_asked() == 0
        assert await his.ends_when_asked() == 0

    stored = await history(server, ada, conversation_id)
    texts = stored[1:]
    assert sorted(texts) == sorted(["first", "second", "third", "fourth", "fifth", "sixth", "seventh"])
    assert texts.index("fourth") < texts.index("fifth")
    assert shown(hers, texts) == shown(his, texts) == texts
    assert await history(server, bo, conversation_id) == stored


async def test_script_sends_and_leaves(server: Gateway) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(two_people)
    async with talk(server.url, ada.handle, bo.handle, "--leave-when-done") as hers:
        hers.type("hello", "你好 👋")
        hers.end_of_input()
        assert await hers.leaves() == 0
    assert await history(server, bo, conversation_id) == ["friends_now", "hello", "你好 👋"]


async def test_photo_arrives_as_an_address_that_opens(server: Gateway, tmp_path: Path) -> None:
    ada, bo, _conversation_id = await asyncio.to_thread(two_people)
    await asyncio.to_thread(lambda: Image.new("RGB", (40, 30), "teal").save(tmp_path / "teal.png"))
    async with talk(server.url, ada.handle, bo.handle) as hers, talk(server.url, bo.handle, ada.handle) as his:
        await his.shows("friends")
        await hers.shows("friends")
        hers.type(f"/photo {tmp_path / 'teal.png'}")
        await hers.shows("you: [photo, 40×30, ")
        await his.shows("Ada: [photo, 40×30, ")
        (line,) = [line for line in his.lines if "[photo" in line]
        async with httpx.AsyncClient() as anybody:
            picture = await anybody.get(line.rpartition(" ")[2])
        assert picture.status_code == 200
        assert picture.headers["content-type"].startswith("image/")


async def test_strangers_become_friends_and_talk(server: Gateway) -> None:
    ada, chi = await asyncio.to_thread(lambda: (with_password("Ada"), with_password("Chi")))
    async with talk(server.url, ada.handle, chi.handle) as hers, talk(server.url, chi.handle, ada.handle) as his:
        await hers.shows("* You and Chi are not friends yet")
        await his.shows("* You and Ada are not friends yet")
        hers.type(f"/add {chi.handle} hello neighbour")
        await his.shows(f"* Ada asks to be your friend (“hello neighbour”). /accept {ada.handle} accepts.")
        his.type(f"/accept {ada.handle}", "come in")
        await hers.shows("Chi: come in")
        hers.type("thank you")
        await his.shows("Ada: thank you")


async def test_people_are_looked_for_and_conversations_kept_on_top(server: Gateway) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(two_people)
    async with talk(server.url, ada.handle, bo.handle) as hers, talk(server.url, bo.handle, ada.handle) as his:
        await his.shows("friends")
        hers.type(f"/find {bo.handle[:-2]}", "/find nobody_at_all", "/online", "/pin on", "/mute on")
        await hers.shows(f"* @{bo.handle}: Bo")
        await hers.shows("* Nobody is called so.")
        await hers.shows("* Bo")
        await hers.shows("* pin is on")
        await hers.shows("* mute is on")
        assert await hers.ends_when_asked() == 0
    async with Api(server.url) as api:
        await api.sign_in_with_password(ada.handle, DEMO_PASSWORD)
        mine = (await api.conversation(conversation_id))["mine"]
        assert (mine["is_pinned"], mine["is_muted"]) == (True, True)


async def test_what_was_said_is_answered_changed_reacted_to_and_taken_back(server: Gateway) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(two_people)
    async with talk(server.url, ada.handle, bo.handle) as hers, talk(server.url, bo.handle, ada.handle) as his:
        hers.type("at sven?")
        await his.shows("Ada: at sven?")
        hers.type("/edit at seven?")
        await his.shows("Ada now says: at seven?")
        his.type("/reply yes")
        await hers.shows("Bo: (to “at seven?”) yes")
        his.type("/react 👍")
        await hers.shows("Bo reacted with 👍 to “at seven?”")
        hers.type("/recall")
        await his.shows("Ada took a message back")
    assert (await history(server, bo, conversation_id))[1:] == ["text", "edited", "yes", "reacted", "recalled"]


async def test_money_is_sent_taken_and_given_in_a_red_packet(server: Gateway) -> None:
    ada, bo, _conversation_id = await asyncio.to_thread(two_people)
    await asyncio.to_thread(fund, ada.user_id, 10_000)
    async with talk(server.url, ada.handle, bo.handle) as hers, talk(server.url, bo.handle, ada.handle) as his:
        await his.shows("friends")
        hers.type("/send 5 tea")
        await hers.shows("* You have no payment PIN yet: /pin and six digits choose one.")
        hers.type("/pin 27182", "/pin 271828", "/send 5 tea")
        await hers.shows("* A PIN has six digits.")
        await his.shows("Ada: [Transfer of CN¥5.00: waiting to be accepted]")
        his.type("/take")
        await his.shows("* 5.00 CNY: accepted")
        hers.type("/packet 3.33 for you", "/send 1", "/undo", "/wallet")
        await his.shows("Ada: [Red packet: for you]")
        await hers.shows("* 91.67 CNY")
        his.type("/open", "/open", "/wallet", "/statement", "/send nothing")
        await his.shows("* You got 3.33 CNY.", times=2)
        await his.shows("* 8.33 CNY")
        await his.shows("+5.00 CNY: ")
        await his.shows("* /send AMOUNT [NOTE] sends money to a friend")


async def test_money_is_asked_for_and_a_bill_is_shared_in_a_group(server: Gateway) -> None:
    ada, bo, _conversation_id = await asyncio.to_thread(two_people)
    await asyncio.to_thread(fund, bo.user_id, 10_000)
    await asyncio.to_thread(set_pin, bo.user_id, DEMO_PIN)
    title = await asyncio.to_thread(group_of, ada, bo)
    async with talk(server.url, ada.handle, bo.handle) as hers, talk(server.url, bo.handle, ada.handle) as his:
        hers.type("/request 5 tea")
        await his.shows("Ada: [Request for CN¥5.00]")
        hers.type("/pay")
        await hers.shows("* Nobody has asked you for money here.")
        his.type("/pay")
        await his.shows("* Paid: 5.00 CNY.")
        await asyncio.to_thread(deliver)
        await his.shows("now: [Request for CN¥5.00: paid]")
        his.type("/pay")
        await his.shows("* Nobody has asked you for money here.")
    async with talk(server.url, ada.handle, title) as hers, talk(server.url, bo.handle, title) as his:
        await his.shows("Ada")
        hers.type("/split 9 tea for three")
        await his.shows("Ada: [Bill of CN¥9.00: 1 of 3 have paid]")
        hers.type("/pay")
        await hers.shows("* Nobody has asked you for money here.")
        his.type("/pay", "/pay")
        await his.shows("* Paid: 3.00 CNY.")
        # His card says nothing of it yet: the product is asked.
        await his.shows("* Nobody has asked you for money here.")
        await asyncio.to_thread(deliver)
        await hers.shows("now: [Bill of CN¥9.00: 2 of 3 have paid]")


async def test_the_red_packet_that_is_opened_is_the_one_from_the_other(server: Gateway) -> None:
    ada, bo, _conversation_id = await asyncio.to_thread(two_people)
    for one in (ada, bo):
        await asyncio.to_thread(fund, one.user_id, 10_000)
        await asyncio.to_thread(set_pin, one.user_id, DEMO_PIN)
    async with talk(server.url, ada.handle, bo.handle) as hers, talk(server.url, bo.handle, ada.handle) as his:
        hers.type("/packet 1 for you")
        await his.shows("Ada: [Red packet: for you]")
        his.type("/packet 2 and you")
        await hers.shows("Bo: [Red packet: and you]")
        his.type("/open")
        await his.shows("* You got 1.00 CNY.")
