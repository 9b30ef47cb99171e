"""Money of two people and of a group, told over the public API and sockets of two gateways by real clients.

Whatever happens to it, everybody is shown the same: by pushes, by fetching it, and on its card in the chat.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db.models import F

from messaging import services as messaging
from payments.models import RedPacket, Transfer
from superapp.client import ApiError
from superapp.client.wallet import Wallet, money
from tests.flows.talkers import Talker, all_level, talking, until
from tests.payments.money import fund, house
from tests.payments.packets import end_day
from tests.processes import Gateway, Loops
from tests.realtime.people import Device, befriend, group, people
from tests.realtime.sockets import Socket, enter, gateway

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("ledger_is_sound")]
Json = dict[str, Any]
PIN = "284913"
#: Where REST has what is pushed.
PATHS = {"transfer": "transfers", "money_request": "money-requests", "split": "splits"}


@pytest.fixture(scope="module")
def gateways(committed_db: Any) -> Iterator[list[Gateway]]:
    # The loops give back what nobody took, and bring what happened onto the cards.
    with gateway(committed_db) as first, gateway(committed_db) as second, Loops(committed_db):
        yield [first, second]


@dataclass(frozen=True)
class Phone:
    """Somebody's: a client that keeps the chat, a socket whose pushes are looked at, and a wallet."""

    device: Device
    talker: Talker
    socket: Socket
    wallet: Wallet

    @property
    def id(self) -> str:
        return self.device.id

    async def fetch(self, path: str) -> Json:
        return dict(await self.talker.client.api.get(path))

    async def balance(self) -> int:
        """As fetched; and the newest push says the same."""
        (found,) = [row for row in await self.wallet.balances() if row["currency"] == "CNY"]

        def is_told() -> bool:
            pushed = [frame["payload"] for frame in self.socket.all("wallet.changed")]
            newest = max(pushed, key=lambda wallet: wallet["as_of"], default=None)
            return newest is not None and newest | {"as_of": ""} == found | {"as_of": ""}

        await until(is_told)
        return int(found["balance"]["amount"])

    async def sees_card(self, conversation_id: int, reference: str, state: str) -> None:
        """The chat shows it so, by what was pushed."""
        log = self.talker.client.store.logs[str(conversation_id)]

        def is_shown() -> bool:
            cards = [row["body"] for row in log.messages if row["kind"] == "card"]
            return [card["data"]["state"] for card in cards if card["reference"] == reference] == [state]

        await until(is_shown)


@asynccontextmanager
async def phones(gateways: Sequence[Gateway], devices: Sequence[Device], here: int) -> AsyncIterator[list[Phone]]:
    """People at different gateways, who have just chosen a PIN."""
    places = [gateways[number % 2] for number in range(len(devices))]
    spread = [(device, place.url, [str(here)]) for device, place in zip(devices, places, strict=True)]
    async with talking(spread) as talkers, AsyncExitStack() as cleanup:
        found = []
        for device, place, talker in zip(devices, places, talkers, strict=True):
            socket = await cleanup.enter_async_context(await enter(place, device))
            found.append(Phone(device, talker, socket, Wallet(talker.client.api)))
            await found[-1].wallet.choose_pin(PIN)
        yield found


async def all_see(everybody: Sequence[Phone], here: int, kind: str, reference: str, state: str) -> None:
    """A push, a fetch and the card say the same, on every phone."""
    for phone in everybody:
        await phone.socket.pushed(f"{kind}.updated", id=reference, state=state)
        fetched = await phone.fetch(f"{PATHS[kind]}/{reference}/")
        assert fetched["state"] == state
        await phone.socket.find(partial(_says, fetched))
        await phone.sees_card(here, reference, state)


def _says(payload: Json, frame: Json) -> bool:
    return frame.get("payload") == payload


async def refusal_of(attempt: Any) -> str:
    with pytest.raises(ApiError) as refused:
        await attempt
    return refused.value.code


async def nothing_differs(everybody: Sequence[Phone]) -> None:
    """The chats, kept by pushes, are those of a fresh look."""
    talkers = [phone.talker for phone in everybody]
    await all_level(talkers)
    assert [line for talker in talkers for line in await talker.differences()] == []


async def balances(everybody: Sequence[Phone]) -> list[int]:
    return [await phone.balance() for phone in everybody]


async def test_money_of_two_people(gateways: list[Gateway]) -> None:
    ada_, bo_ = await asyncio.to_thread(people, 2)
    here = await asyncio.to_thread(befriend, ada_, bo_)
    await asyncio.to_thread(fund, ada_.user_id, 100_000)
    async with phones(gateways, [ada_, bo_], here) as both:
        ada, bo = both

        # Lunch is paid back, and taken.
        lunch = await ada.wallet.transfer(bo.id, money(1_250, "CNY"), note="lunch")
        await all_see(both, here, "transfer", lunch["id"], "pending")
        assert await refusal_of(ada.wallet.end_transfer(lunch["id"], "accept")) == "forbidden"
        await bo.wallet.end_transfer(lunch["id"], "accept")
        await all_see(both, here, "transfer", lunch["id"], "accepted")
        assert await balances(both) == [98_750, 1_250]
        assert await refusal_of(ada.wallet.end_transfer(lunch["id"], "cancel")) == "transfer_ended"

        # Three more come back: not wanted, thought better of, not looked at for a day.
        for how, who, state in (("decline", bo, "declined"), ("cancel", ada, "cancelled"), ("", None, "returned")):
            sent = await ada.wallet.transfer(bo.id, money(30_000, "CNY"))
            assert await ada.balance() == 68_750
            if who is not None:
                await who.wallet.end_transfer(sent["id"], how)
            else:
                await asyncio.to_thread(end_day_of_transfer, sent["id"])
            await all_see(both, here, "transfer", sent["id"], state)
            assert await ada.balance() == 98_750

        # What Bo does not have cannot be sent, and nobody hears of it.
        assert await refusal_of(bo.wallet.transfer(ada.id, money(1_251, "CNY"))) == "insufficient_funds"

        # Bo asks for the taxi, which Ada pays, and for more, which she does not.
        taxi = await bo.wallet.request(ada.id, money(2_000, "CNY"), note="taxi")
        await all_see(both, here, "money_request", taxi["id"], "pending")
        await ada.wallet.pay_request(taxi["id"])
        await all_see(both, here, "money_request", taxi["id"], "paid")
        assert await balances(both) == [96_750, 3_250]
        more = await bo.wallet.request(ada.id, money(90_000, "CNY"))
        await ada.talker.client.api.post(f"money-requests/{more['id']}/decline/", {}, repeatable=True)
        await all_see(both, here, "money_request", more["id"], "declined")
        assert await refusal_of(ada.wallet.pay_request(more["id"])) == "request_ended"

        # A red packet, with what there is; it is opened once, however often it is tapped.
        packet = await bo.wallet.send_red_packet(str(here), "one_to_one", money(1_000, "CNY"), greeting="Good luck")
        taps = await asyncio.gather(*(ada.wallet.open_red_packet(packet["id"]) for _ in range(3)))
        assert [tap["mine"]["opened"]["amount"] for tap in taps] == [money(1_000, "CNY")] * 3
        await all_see_packet(both, here, packet["id"], [ada], "finished")
        assert await balances(both) == [97_750, 2_250]
        await nothing_differs(both)
    assert await asyncio.to_thread(house, "escrow", "transfers") == 0
    assert await asyncio.to_thread(house, "escrow", "red_packets") == 0


def end_day_of_transfer(transfer_id: str) -> None:
    Transfer.objects.filter(id=transfer_id).update(expires_at=F("expires_at") - timedelta(days=1, minutes=1))


async def all_see_packet(
    everybody: Sequence[Phone], conversation_id: int, packet_id: str, openers: Sequence[Phone], state: str
) -> list[Json]:
    """Who took what, the same for all; whoever took a part has heard of it, and so has the sender."""
    for phone in everybody:
        await phone.sees_card(conversation_id, packet_id, state)
    lists = [await phone.wallet.claims(packet_id) for phone in everybody]
    assert all(claims == lists[0] for claims in lists)
    assert {claim["user"]["id"] for claim in lists[0]} == {phone.id for phone in openers}
    fetched = await everybody[0].fetch(f"red-packets/{packet_id}/")
    sender_id = fetched["sender"]["id"]
    for phone in everybody:
        about = [phone.id] if phone.id != sender_id else [opener.id for opener in openers]
        for user_id in about if phone in openers or phone.id == sender_id else []:
            pushed = await phone.socket.find(
                lambda frame, user_id=user_id: (
                    frame["type"] == "red_packet.opened"
                    and frame["payload"]["red_packet"]["id"] == packet_id
                    and frame["payload"]["claim"]["user"]["id"] == user_id
                )
            )
            (claim,) = [claim for claim in lists[0] if claim["user"]["id"] == user_id]
            assert pushed["payload"]["claim"]["amount"] == claim["amount"]
    return lists[0]


async def test_money_of_a_group(gateways: list[Gateway]) -> None:
    devices = await asyncio.to_thread(people, 4)
    here = await asyncio.to_thread(group, *devices)
    for device in devices:
        await asyncio.to_thread(fund, device.user_id, 10_000)
    async with phones(gateways, devices, here) as everybody:
        ada, bo, cy, di = everybody

        # Three parts for four people, one of whom sent them: all who are quick have one.
        packet = await ada.wallet.send_red_packet(str(here), "random", money(1_000, "CNY"), parts=3, greeting="Tea!")
        taps = await asyncio.gather(*(phone.wallet.open_red_packet(packet["id"]) for phone in (bo, cy, di)))
        parts = [tap["mine"]["opened"]["amount"]["amount"] for tap in taps]
        assert sum(parts) == 1_000
        claims = await all_see_packet(everybody, here, packet["id"], [bo, cy, di], "finished")
        assert sorted(claim["amount"]["amount"] for claim in claims) == sorted(parts)
        assert [claim["amount"]["amount"] for claim in claims if claim["is_luckiest"]] == [max(parts)]
        late = await ada.wallet.open_red_packet(packet["id"])
        assert (late["state"], late["mine"]["opened"]) == ("finished", None)
        assert await balances(everybody) == [9_000, *(10_000 + part for part in parts)]

        # Two equal parts, one of which nobody wants for a day: it goes back.
        packet = await bo.wallet.send_red_packet(str(here), "equal", money(600, "CNY"), parts=2)
        await ada.wallet.open_red_packet(packet["id"])
        await asyncio.to_thread(lambda: end_day(RedPacket.objects.get(id=packet["id"])))
        await all_see_packet(everybody, here, packet["id"], [ada], "expired")
        assert (await cy.wallet.open_red_packet(packet["id"]))["mine"]["opened"] is None
        assert await balances(everybody) == [9_300, *(10_000 + part for part in (parts[0] - 300, *parts[1:]))]

        # The bill of the evening: Cy has paid it, and those who were there pay him their shares.
        bill = await cy.wallet.split(str(here), money(900, "CNY"), [ada.id, bo.id, di.id], note="tea")
        before = await balances(everybody)
        for number, phone in enumerate((ada, bo, di), 1):
            await phone.wallet.pay_share(bill["id"])
            assert await refusal_of(phone.wallet.pay_share(bill["id"])) == "share_paid"
            await all_see(everybody, here, "split", bill["id"], "completed" if number == 3 else "open")
            assert await cy.balance() == before[2] + 300 * number
        assert await balances(everybody) == [before[0] - 300, before[1] - 300, before[2] + 900, before[3] - 300]

        # Whoever is not there any more has no part in it.
        packet = await ada.wallet.send_red_packet(str(here), "equal", money(300, "CNY"), parts=3)
        await asyncio.to_thread(messaging.leave_group, actor_id=di.device.user_id, conversation_id=here)
        assert await refusal_of(di.wallet.open_red_packet(packet["id"])) == "not_found"
        await cy.wallet.open_red_packet(packet["id"])
        await bo.wallet.open_red_packet(packet["id"])
        await asyncio.to_thread(lambda: end_day(RedPacket.objects.get(id=packet["id"])))
        await all_see_packet([ada, bo, cy], here, packet["id"], [bo, cy], "expired")
        await nothing_differs([ada, bo, cy])
    assert await asyncio.to_thread(house, "escrow", "red_packets") == 0
