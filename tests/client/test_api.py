"""Signing in, staying signed in, and asking again where that helps and does no harm."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from superapp.client import Api, ApiError, SignedOut, Unreachable, new_key
from superapp.client.api import RENEW_SECONDS_BEFORE_END
from tests.client.fake_server import PASSWORD, FakeServer, two_friends


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with two_friends() as (server, *_):
        yield server


@pytest.fixture
async def api(server: FakeServer) -> AsyncIterator[Api]:
    async with Api(server.url) as api:
        await api.sign_in_with_password("ada", PASSWORD)
        yield api


async def friends_of(api: Api) -> list[str]:
    return [friend["user"]["display_name"] async for friend in api.friends()]


async def test_refusal_carries_code_status_and_message(server: FakeServer) -> None:
    async with Api(server.url) as api:
        with pytest.raises(ApiError) as caught:
            await api.sign_in_with_password("ada", "wrong")
    assert (caught.value.status, caught.value.code, caught.value.message) == (401, "sign_in_failed", "sign_in_failed.")
    assert not caught.value.is_passing


async def test_many_calls_with_an_old_token_refresh_it_once(server: FakeServer, api: Api) -> None:
    server.devices[0].access = "replaced meanwhile"
    assert await asyncio.gather(*(friends_of(api) for _ in range(20))) == [["Bo"]] * 20
    assert server.seen["POST auth/refresh"] == 1


async def test_token_is_renewed_before_it_ends(server: FakeServer, api: Api) -> None:
    # The server's clock is read from a header of whole seconds, which may be a second or two old.
    server.access_lifetime = timedelta(seconds=RENEW_SECONDS_BEFORE_END - 10)
    await api.refresh(stale=api.signed_in["access_token"])
    server.access_lifetime = timedelta(minutes=30)
    await friends_of(api)
    await friends_of(api)
    assert server.seen["POST auth/refresh"] == 2
    assert server.seen["GET friends"] == 2


async def test_caller_that_gives_up_leaves_the_refresh_to_the_others(server: FakeServer, api: Api) -> None:
    stale = api.signed_in["access_token"]
    impatient = asyncio.create_task(api.refresh(stale=stale))
    patient = asyncio.create_task(api.refresh(stale=stale))
    await asyncio.sleep(0)
    impatient.cancel()
    await patient
    assert await friends_of(api) == ["Bo"]
    assert server.seen["POST auth/refresh"] == 1


async def test_device_that_was_signed_out_says_so(server: FakeServer, api: Api) -> None:
    server.devices.clear()
    with pytest.raises(SignedOut):
        await friends_of(api)
    with pytest.raises(SignedOut):
        await friends_of(api)
    assert server.seen["POST auth/refresh"] == 1


async def test_simulator_signs_in_again(server: FakeServer) -> None:
    async with Api(server.url) as api:
        await api.sign_in_with_password("ada", PASSWORD, insist=True)
        server.devices.clear()
        assert await friends_of(api) == ["Bo"]


async def test_device_shows_at_its_next_sign_in_that_it_was_here(server: FakeServer) -> None:
    async with Api(server.url) as api:
        await api.sign_in_with_password("ada", PASSWORD)
        await api.refresh(stale=api.signed_in["access_token"])
        await api.sign_out()
        me = await api.sign_in_with_password("ada", PASSWORD)
    assert server.recognised == [None, f"known.{me['id']}.x"]


async def test_call_is_repeated_while_the_server_is_busy(server: FakeServer, api: Api) -> None:
    server.unavailable = 2
    assert await friends_of(api) == ["Bo"]
    assert server.seen["GET friends"] == 3


async def test_patience_is_bounded(server: FakeServer, api: Api) -> None:
    server.unavailable = 100
    with pytest.raises(ApiError) as caught:
        await api.send_message("1", {"kind": "text", "text": "hi"}, client_id=new_key(), retries=1)
    assert caught.value.is_passing
    assert server.seen["POST conversations/1/messages"] == 2


async def test_server_that_is_away_is_unreachable(server: FakeServer, api: Api) -> None:
    await server.stop()
    with pytest.raises(Unreachable) as caught:
        await api.ticket()
    assert not caught.value.maybe_done
    calling = asyncio.create_task(friends_of(api))
    await server.start()
    assert await calling == ["Bo"]


async def test_sign_out_forgets_the_device(server: FakeServer, api: Api) -> None:
    await api.sign_out()
    assert server.devices == []
    with pytest.raises(SignedOut):
        await friends_of(api)
