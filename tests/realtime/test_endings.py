"""What ends a sign-in ends its sockets, on every process and in time, and nothing is delivered after it."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from superapp.accounts import services as accounts
from superapp.accounts.models import Device as DeviceRow
from tests.processes import Gateway
from tests.realtime.people import Device, another_device, friends, person
from tests.realtime.sockets import NO_LIMITS, ConnectionClosed, Rest, Socket, enter, entered, gateway
from tests.sizes import SIZE

# Within this an order has closed every socket; the table of a busy test machine may show more.
PROMISED_SECONDS = 2.0


@pytest.fixture(scope="module")
def servers(committed_db: Any) -> Iterator[tuple[Gateway, Gateway]]:
    """On which a lost order would not be found out: what closes here was closed by one."""
    options = {"LIMITS_OVERRIDES": NO_LIMITS, "REALTIME_PULSE_SECONDS": 3600.0, "REALTIME_EXPIRY_WARNING_SECONDS": 0.0}
    with ExitStack() as running:
        yield tuple(running.enter_context(gateway(committed_db, **options)) for _ in range(2))  # type: ignore[misc]


def ban(ada: Device) -> None:
    accounts.ban_user(user_id=ada.user_id)


def sign_out_everywhere(ada: Device) -> None:
    accounts.revoke_all_devices(user_id=ada.user_id)


def change_password(ada: Device) -> None:
    accounts.set_password(actor_id=ada.user_id, device_id=ada.device_id, new_password="a good long sentence")


@pytest.mark.parametrize(
    ("what", "code", "keeps_own"),
    [(ban, 4403, False), (sign_out_everywhere, 4401, False), (change_password, 4401, True)],
    ids=["a ban", "signing out everywhere", "another password"],
)
async def test_every_socket_on_every_process_is_closed_in_time(
    servers: tuple[Gateway, Gateway],
    what: Callable[[Device], None],
    code: int,
    keeps_own: bool,
    soak_figure: Callable[[str, float], None],
) -> None:
    ada, bo = await asyncio.to_thread(person), await asyncio.to_thread(person)
    devices = [ada, *[await asyncio.to_thread(another_device, ada) for _ in range(5)]]
    sockets = [await enter(servers[number % 2], device) for number, device in enumerate(devices)]
    async with entered(servers[0], bo) as (other,):
        await asyncio.to_thread(what, ada)
        began = time.monotonic()
        ending = sockets[1:] if keeps_own else sockets
        assert await asyncio.gather(*(socket.closed() for socket in ending)) == [code] * len(ending)
        seconds = time.monotonic() - began
        soak_figure(f"closed_after_{what.__name__}_seconds", round(seconds, 3))
        assert seconds <= PROMISED_SECONDS or SIZE != "full"
        if keeps_own:
            assert await sockets[0].ask("ping") == {}
            await sockets[0].close()
        assert await other.ask("ping") == {}


async def test_nothing_is_delivered_after_the_end_of_a_sign_in(servers: tuple[Gateway, Gateway]) -> None:
    """People go on talking; nothing that was said later than that has come in."""
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    async with entered(servers[1], bo) as (theirs,):
        socket, ends = await _enter_for_a_while(servers[0], ada)
        while timezone.now() < ends + timedelta(seconds=1.5):
            await theirs.send_text(conversation_id, "still there?")
            # Slower than what counts as flooding.
            await asyncio.sleep(0.05)
        assert await socket.closed() == 4401
        # By the clock of the same machine.
        assert socket.messages() != []
        assert all(message["created_at"] <= _text(ends) for message in socket.messages())
        assert theirs.messages()[-1]["created_at"] > _text(ends)


async def _enter_for_a_while(server: Gateway, device: Device) -> tuple[Socket, Any]:
    """A slow machine may need more time to get in before the end."""
    for seconds in (2.0, 6.0, 15.0):
        ends = timezone.now() + timedelta(seconds=seconds)
        rows = DeviceRow.objects.filter(user_id=device.user_id, id=device.device_id)
        await asyncio.to_thread(lambda rows=rows, ends=ends: rows.update(access_expires_at=ends))
        with suppress(ConnectionClosed, AssertionError):
            return await enter(server, device), ends
    raise AssertionError("nobody got in")


def _text(at: Any) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"


async def test_a_stream_goes_on_across_renewals_without_a_gap(servers: tuple[Gateway, Gateway]) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    async with entered(servers[0], ada) as (mine,), entered(servers[1], bo) as (theirs,):
        last = 0

        async def talk() -> None:
            nonlocal last
            for number in range(100):
                last = (await theirs.send_text(conversation_id, str(number)))["seq"]

        talking = asyncio.create_task(talk())
        renewals = 0
        while not talking.done() or renewals < 3:
            assert await mine.ask("auth", {"ticket": await Rest(servers[0], ada).ticket()}) == {}
            renewals += 1
        await talking
        await mine.pushed("message.created", seq=last)
        assert [message["body"]["text"] for message in mine.messages()] == [str(number) for number in range(100)]
        assert mine.all("resync") == []
