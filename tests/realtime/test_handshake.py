"""How a socket begins and how it ends: tickets, the first frame, renewal, and every close code."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.utils import timezone
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode

from superapp.accounts import services as accounts
from superapp.accounts.models import Device as DeviceRow
from superapp.accounts.models import User
from superapp.realtime.models import Ticket
from tests.accounts.people import code_for, new_phone, use_postbox
from tests.processes import Gateway
from tests.realtime.people import Device, another_device, friends, person
from tests.realtime.sockets import (
    ConnectionClosed,
    Refused,
    Rest,
    Socket,
    enter,
    entered,
    gateway,
    knock,
    refusals,
    until,
)


@pytest.fixture(scope="module")
def server(committed_db: Any) -> Iterator[Gateway]:
    with gateway(committed_db) as running:
        yield running


@pytest.fixture(scope="module")
def hasty(committed_db: Any) -> Iterator[Gateway]:
    """Another process of the same product, which waits for nobody."""
    with gateway(committed_db, REALTIME_AUTH_TIMEOUT_SECONDS=1.0, REALTIME_SILENCE_SECONDS=1.5) as running:
        yield running


def expire_access(device: Device, *, seconds: float) -> None:
    """As if the access token had been issued long ago: it ends in ``seconds``."""
    ends = timezone.now() + timedelta(seconds=seconds)
    DeviceRow.objects.filter(user_id=device.user_id, id=device.device_id).update(access_expires_at=ends)


async def offer(server: Gateway, frame_type: str, payload: Any) -> Socket:
    """A new socket whose first frame this is."""
    socket = await knock(server)
    await socket.say(frame_type, payload, ref="first")
    return socket


# --- being let in -----------------------------------------------------------------------------------------------------


async def test_hello_says_who_and_what_the_limits_are(server: Gateway) -> None:
    ada = await asyncio.to_thread(person)
    async with await enter(server, ada) as socket:
        hello = socket.hello
        assert hello.keys() == {"server_time", "user_id", "device_id", "sync_cursor", "limits"}
        assert (hello["user_id"], hello["device_id"]) == (ada.id, str(ada.device_id))
        assert hello["limits"] == {"max_frame_bytes": 16384, "ping_seconds": 25, "silence_seconds": 70.0}
        # The cursor is one that /sync/ takes.
        assert (await Rest(server, ada).get("sync/", cursor=hello["sync_cursor"]))["has_more"] is False


async def test_socket_speaks_the_language_of_its_person(server: Gateway) -> None:
    ada, bo = await asyncio.to_thread(person), await asyncio.to_thread(person)
    assert (await Rest(server, ada).call("PATCH", "me/", {"language": "fr"})).status_code == 200

    async def errors(socket: Socket) -> list[Any]:
        refs = [await socket.say("no.such"), await socket.say("message.read", {"conversation_id": 7, "seq": "x"})]
        return [(await socket.find(lambda frame, ref=ref: frame.get("ref") == ref))["error"] for ref in refs]

    async with entered(server, ada, bo) as sockets:
        (unknown, invalid), (english, _) = await asyncio.gather(*map(errors, sockets))
    assert unknown["code"] == english["code"] == "unknown_command"
    assert unknown["message"] == "Le socket ne connaît pas cette commande."
    assert english["message"] == "The socket does not know this command."
    assert invalid["details"]["fields"]["conversation_id"] == ["Un numéro est une chaîne de chiffres."]
    assert invalid["details"]["fields"]["seq"] == ["Un nombre entier valide est requis."]


async def test_hello_is_the_first_frame_and_echoes_the_ref_of_auth(server: Gateway) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    ticket = await Rest(server, ada).ticket()
    async with await enter(server, bo) as talker:
        for _ in range(3):
            await talker.send_text(conversation_id, "already here")
        socket = await knock(server)
        await socket.say("auth", {"ticket": ticket}, ref="my ref")
        await socket.find(lambda frame: frame["type"] == "hello")
        assert (socket.frames[0]["type"], socket.frames[0]["ref"]) == ("hello", "my ref")
        await socket.close()


async def test_ticket_works_once(server: Gateway) -> None:
    ada = await asyncio.to_thread(person)
    ticket = await Rest(server, ada).ticket()
    first = await offer(server, "auth", {"ticket": ticket})
    await first.answer("first")
    second = await offer(server, "auth", {"ticket": ticket})
    assert await second.closed() == 4401
    assert refusals(second) == ["ticket_invalid"]
    assert await first.ask("ping") == {}
    await first.close()


async def test_of_parallel_uses_of_a_ticket_one_gets_in(server: Gateway) -> None:
    ada = await asyncio.to_thread(person)
    ticket = await Rest(server, ada).ticket()
    sockets = await asyncio.gather(*(offer(server, "auth", {"ticket": ticket}) for _ in range(8)))
    answers = await asyncio.gather(*(socket.find(lambda _frame: True) for socket in sockets))
    assert sorted(answer["type"] for answer in answers) == ["error"] * 7 + ["hello"]
    await asyncio.gather(*(socket.close() for socket in sockets))


async def test_ticket_older_than_thirty_seconds_is_refused(server: Gateway) -> None:
    ada = await asyncio.to_thread(person)
    ticket = await Rest(server, ada).ticket()

    def age() -> None:
        row = Ticket.objects.get(user_id=ada.user_id)
        assert timedelta(seconds=25) < row.expires_at - timezone.now() <= timedelta(seconds=30)
        Ticket.objects.filter(user_id=ada.user_id).update(expires_at=row.expires_at - timedelta(seconds=30))

    await asyncio.to_thread(age)
    socket = await offer(server, "auth", {"ticket": ticket})
    assert await socket.closed() == 4401
    assert refusals(socket) == ["ticket_invalid"]


async def test_ticket_of_a_device_that_was_signed_out_is_refused(server: Gateway) -> None:
    ada = await asyncio.to_thread(person)
    ticket = await Rest(server, ada).ticket()
    assert (await Rest(server, ada).call("POST", "auth/sign-out/")).status_code == 204
    socket = await offer(server, "auth", {"ticket": ticket})
    assert await socket.closed() == 4401


async def test_ticket_of_an_expired_sign_in_is_refused(server: Gateway) -> None:
    ada = await asyncio.to_thread(person)
    ticket = await Rest(server, ada).ticket()
    await asyncio.to_thread(expire_access, ada, seconds=-1)
    socket = await offer(server, "auth", {"ticket": ticket})
    assert await socket.closed() == 4401


@pytest.mark.parametrize(
    "payload",
    [{}, {"ticket": None}, {"ticket": 7}, {"ticket": ""}, {"ticket": "ticket.1.x"}, {"ticket": ["a"]}],
    ids=["none", "null", "number", "empty", "made up", "list"],
)
async def test_what_is_no_ticket_closes_with_4401(server: Gateway, payload: Any) -> None:
    socket = await offer(server, "auth", payload)
    assert await socket.closed() == 4401
    assert refusals(socket) == ["ticket_invalid"]


@pytest.mark.parametrize("frame_type", ["ping", "message.send", "subscribe", "no.such"])
async def test_first_frame_must_be_auth(server: Gateway, frame_type: str) -> None:
    socket = await offer(server, frame_type, {})
    assert await socket.closed() == 4401
    assert [frame for frame in socket.frames if frame["type"] != "error"] == []


async def test_tickets_are_for_those_who_are_signed_in(server: Gateway) -> None:
    stranger = Device(user_id=1, device_id=1, token="access.1.none", handle="")
    response = await Rest(server, stranger).call("POST", "realtime/tickets/")
    assert (response.status_code, response.json()["error"]["code"]) == (401, "unauthenticated")


async def test_silent_newcomer_is_closed_with_4401(hasty: Gateway) -> None:
    socket = await knock(hasty)
    assert await socket.closed() == 4401
    assert socket.frames == []


def test_newcomers_have_five_seconds() -> None:
    assert settings.REALTIME_AUTH_TIMEOUT_SECONDS == 5.0


# --- origins ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://127.0.0.1:1", "http://[", "", "http://127.0.0.1.evil.example"],
)
async def test_pages_of_other_origins_are_refused(server: Gateway, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        await knock(server, additional_headers={"Origin": origin})
    assert refusal.value.response.status_code == 403


async def test_our_pages_and_native_apps_are_let_in(server: Gateway) -> None:
    ada = await asyncio.to_thread(person)
    for origin in (server.url, server.url.upper()):
        async with await enter(server, ada, additional_headers={"Origin": origin}) as socket:
            assert await socket.ask("ping") == {}


async def test_cookies_let_nobody_in(server: Gateway) -> None:
    ada = await asyncio.to_thread(person)
    socket = await knock(server, additional_headers={"Cookie": f"sessionid={ada.token}; access={ada.token}"})
    await socket.say("ping")
    assert await socket.closed() == 4401


# --- one socket for each device, eight devices for each person --------------------------------------------------------


async def test_second_socket_of_a_device_replaces_the_first(server: Gateway) -> None:
    ada = await asyncio.to_thread(person)
    first = await enter(server, ada)
    async with await enter(server, ada) as second:
        assert await first.closed() == 4409
        assert await second.ask("ping") == {}


async def test_second_socket_on_another_process_replaces_the_first(server: Gateway, hasty: Gateway) -> None:
    ada = await asyncio.to_thread(person)
    first = await enter(hasty, ada)
    async with await enter(server, ada) as second:
        assert await first.closed() == 4409
        assert await second.ask("ping") == {}


async def test_the_newer_socket_stays_whatever_the_clocks_of_hosts_say(
    server: Gateway, committed_db: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a host whose clock is an hour behind a socket is newer than one that was let in before it elsewhere."""
    (tmp_path / "sitecustomize.py").write_text(
        "import time\n_now, _now_ns = time.time, time.time_ns\n"
        "time.time = lambda: _now() - 3600\ntime.time_ns = lambda: _now_ns() - 3_600_000_000_000\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with ExitStack() as cleanup:
        behind = await asyncio.to_thread(cleanup.enter_context, gateway(committed_db))
        ada = await asyncio.to_thread(person)
        first = await enter(server, ada)
        second = await enter(behind, ada)
        assert await first.closed() == 4409
        assert await second.ask("ping") == {}
        async with await enter(server, ada) as third:
            assert await second.closed() == 4409
            assert await third.ask("ping") == {}


async def test_fifty_sockets_of_a_person_end_as_eight(server: Gateway) -> None:
    """Each with a device of its own: the oldest give way, wherever they are."""
    first = await asyncio.to_thread(person)
    sockets = [await enter(server, first)]
    for _ in range(49):
        sockets.append(await enter(server, await asyncio.to_thread(another_device, first)))
    assert [await socket.closed() for socket in sockets[:-8]] == [4409] * 42
    assert await asyncio.gather(*(socket.ask("ping") for socket in sockets[-8:])) == [{}] * 8
    await asyncio.gather(*(socket.close() for socket in sockets))


async def test_sockets_of_two_devices_live_side_by_side(server: Gateway) -> None:
    ada = await asyncio.to_thread(person)
    async with entered(server, ada, await asyncio.to_thread(another_device, ada)) as sockets:
        assert await asyncio.gather(*(socket.ask("ping") for socket in sockets)) == [{}, {}]


async def test_ninth_device_closes_the_oldest(server: Gateway) -> None:
    first = await asyncio.to_thread(person)
    others = [await asyncio.to_thread(another_device, first) for _ in range(7)]
    async with entered(server, first, *others) as (oldest, *rest):
        ninth = await asyncio.to_thread(another_device, first)
        assert await oldest.closed() == 4409
        assert await asyncio.gather(*(socket.ask("ping") for socket in rest)) == [{}] * 7
        async with await enter(server, ninth) as socket:
            assert await socket.ask("ping") == {}


async def test_signing_out_closes_the_socket_with_4401(server: Gateway) -> None:
    ada = await asyncio.to_thread(person)
    other = await asyncio.to_thread(another_device, ada)
    async with entered(server, ada, other) as (mine, others):
        assert (await Rest(server, ada).call("POST", "auth/sign-out/")).status_code == 204
        assert await mine.closed() == 4401
        assert await others.ask("ping") == {}


async def test_changing_the_password_closes_the_other_devices(server: Gateway) -> None:
    ada = await asyncio.to_thread(person)
    other = await asyncio.to_thread(another_device, ada)
    async with entered(server, ada, other) as (mine, others):
        await asyncio.to_thread(
            accounts.set_password,
            actor_id=ada.user_id,
            device_id=ada.device_id,
            new_password="a good long sentence",
        )
        assert await others.closed() == 4401
        assert await mine.ask("ping") == {}


async def test_leaving_closes_every_socket_at_once(server: Gateway) -> None:
    ada = await asyncio.to_thread(person)
    other = await asyncio.to_thread(another_device, ada)

    def leave() -> None:
        User.objects.filter(id=ada.user_id).update(password=make_password("a good long sentence"))
        accounts.deactivate(actor_id=ada.user_id, password="a good long sentence")

    async with entered(server, ada, other) as (mine, others):
        await asyncio.to_thread(leave)
        assert await mine.closed() == 4401
        assert await others.closed() == 4401


async def test_changing_the_number_tells_the_other_devices_and_closes_them(server: Gateway, settings: Any) -> None:
    use_postbox(settings)
    ada = await asyncio.to_thread(person)
    other = await asyncio.to_thread(another_device, ada)
    new = new_phone()

    def change() -> None:
        me = {"actor_id": ada.user_id, "device_id": ada.device_id}
        User.objects.filter(id=ada.user_id).update(password=make_password("a good long sentence"))
        token = accounts.begin_phone_change(**me, password="a good long sentence").change_token
        sent = accounts.send_new_phone_code(**me, change_token=token, phone=new, client_address="192.0.2.1")
        accounts.change_phone(**me, change_token=token, challenge=sent.challenge, code=code_for(new))

    async with entered(server, ada, other) as (mine, others):
        await asyncio.to_thread(change)
        assert await others.closed() == 4401
        assert len(others.all("phone.changed")) == 1
        assert await mine.ask("ping") == {}
        assert len(mine.all("phone.changed")) == 1


async def test_what_a_signed_out_device_had_sent_on_is_not_done(server: Gateway, committed_db: Any) -> None:
    """Its frames may wait behind a slow one when the device is signed out; only what had begun by then is finished."""
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    async with entered(server, ada, bo) as (mine, theirs):
        with psycopg2.connect(committed_db.database_owner_url) as slow, slow.cursor() as cursor:
            cursor.execute("SELECT 1 FROM messaging_conversation WHERE id = %s FOR UPDATE", [conversation_id])
            ids = [str(uuid4()) for _ in range(10)]
            payload = {"conversation_id": str(conversation_id), "kind": "text", "text": "late"}
            texts = [json.dumps({"type": "message.send", "payload": {**payload, "client_id": one}}) for one in ids]
            # In one write, so that the server has them all before it has done the first.
            frames = [Frame(Opcode.TEXT, text.encode(), True).serialize(mask=True) for text in texts]
            mine.connection.transport.write(b"".join(frames))
            await until(somebody_waits_for_a_lock)
            assert (await Rest(server, ada).call("POST", "auth/sign-out/")).status_code == 204
            assert await mine.closed() == 4401
            slow.rollback()
        slow.close()
        await theirs.pushed("message.created", client_id=ids[0])
        await theirs.ask("typing", {"conversation_id": str(conversation_id)})
        await theirs.settled()
        history = await Rest(server, bo).history(conversation_id)
        assert [row["client_id"] for row in history[1:]] == ids[:1]


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
        return cursor.fetchone() is not None


# --- the sign-in behind a socket ends ---------------------------------------------------------------------------------


async def test_warned_a_minute_before_the_end_and_renewed_in_place(server: Gateway) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    await asyncio.to_thread(expire_access, ada, seconds=55)
    async with entered(server, ada, bo) as (mine, theirs):
        warning = await mine.pushed("auth.expiring")
        assert warning["payload"].keys() == {"at"}
        await theirs.send_text(conversation_id, "before")
        await asyncio.to_thread(expire_access, ada, seconds=1800)
        assert await mine.ask("auth", {"ticket": await Rest(server, ada).ticket()}) == {}
        await theirs.send_text(conversation_id, "after")
        await mine.pushed("message.created", body={"text": "after"})
        assert [message["body"] for message in mine.messages()] == [{"text": "before"}, {"text": "after"}]
        assert len(mine.all("auth.expiring")) == 1


#: How soon a sign-in ends in the tests below. A slow machine may need more to get in before that.
SOON_SECONDS = (1.5, 4.0, 12.0)


async def test_not_renewed_it_closes_with_4401(server: Gateway) -> None:
    for seconds in SOON_SECONDS:
        ada = await asyncio.to_thread(person)
        await asyncio.to_thread(expire_access, ada, seconds=seconds)
        with suppress(ConnectionClosed, AssertionError):
            socket = await enter(server, ada)
            break
    assert await socket.closed() == 4401
    assert len(socket.all("auth.expiring")) <= 1


async def test_renewed_it_outlives_its_first_end(server: Gateway) -> None:
    for seconds in SOON_SECONDS:
        ada = await asyncio.to_thread(person)
        await asyncio.to_thread(expire_access, ada, seconds=seconds)
        first_end = timezone.now() + timedelta(seconds=seconds)
        with suppress(ConnectionClosed, AssertionError):
            socket = await enter(server, ada)
            await asyncio.to_thread(expire_access, ada, seconds=1800)
            await socket.ask("auth", {"ticket": await Rest(server, ada).ticket()})
            break
    # Ends are looked for every second.
    while timezone.now() < first_end + timedelta(seconds=1.2):
        await asyncio.sleep(0.1)
        assert await socket.ask("ping") == {}
    await socket.close()


async def test_nobody_elses_ticket_renews_it(server: Gateway) -> None:
    ada, mallory = await asyncio.to_thread(person), await asyncio.to_thread(person)
    socket = await enter(server, ada)
    await socket.say("auth", {"ticket": await Rest(server, mallory).ticket()})
    assert await socket.closed() == 4401


async def test_ticket_of_ones_other_device_does_not_renew_it(server: Gateway) -> None:
    ada = await asyncio.to_thread(person)
    other = await asyncio.to_thread(another_device, ada)
    socket = await enter(server, ada)
    await socket.say("auth", {"ticket": await Rest(server, other).ticket()})
    assert await socket.closed() == 4401


# --- misbehaviour and restarts ----------------------------------------------------------------------------------------


async def test_too_many_frames_close_with_4429(server: Gateway) -> None:
    ada = await asyncio.to_thread(person)
    socket = await enter(server, ada)
    # More than could be earned back meanwhile, unless this machine needs half a minute for it.
    for _ in range(2000):
        socket.frame(Opcode.TEXT, b'{"type":"ping"}')
    assert await socket.closed() == 4429
    # The burst is 200, and auth was one of them.
    assert 199 <= len(socket.all("pong")) < 2000


async def test_silence_closes_with_4408(hasty: Gateway) -> None:
    ada, bo = await asyncio.to_thread(person), await asyncio.to_thread(person)
    silent, lively = await enter(hasty, ada), await enter(hasty, bo)
    ended = asyncio.create_task(silent.closed())
    while not ended.done():
        assert await lively.ask("ping") == {}
        await asyncio.sleep(0.1)
    assert ended.result() == 4408
    await lively.close()


async def test_database_that_is_away_during_auth_is_no_refusal(server: Gateway, committed_db: Any) -> None:
    """Whoever cannot be looked up is told to come back, not that their sign-in has ended."""
    ada = await asyncio.to_thread(person)
    with psycopg2.connect(committed_db.database_owner_url) as blocker, blocker.cursor() as cursor:
        ticket = await Rest(server, ada).ticket()
        # The topics of whoever connects are read from here; lock_timeout then ends the wait as a failure would.
        cursor.execute("LOCK TABLE messaging_membership IN ACCESS EXCLUSIVE MODE")
        socket = await offer(server, "auth", {"ticket": ticket})
        assert await socket.closed() == 1012
        assert refusals(socket) == ["unavailable"]
        blocker.rollback()
    blocker.close()


async def test_error_frames_have_the_shape_of_rest(server: Gateway) -> None:
    ada = await asyncio.to_thread(person)
    async with await enter(server, ada) as socket:
        with pytest.raises(Refused) as refusal:
            await socket.ask("no.such", {})
        assert refusal.value.code == "unknown_command"
        (frame,) = socket.all("error")
        assert frame.keys() == {"ref", "type", "error"}
        assert frame["error"].keys() == {"code", "message", "details"}


async def test_a_gateway_that_stops_says_1012(hasty: Gateway) -> None:
    ada = await asyncio.to_thread(person)
    socket = await enter(hasty, ada)
    stopping = asyncio.create_task(asyncio.to_thread(hasty.stop))
    assert await socket.closed() == 1012
    await stopping
