"""A day of two people and of a large group, told over REST and sockets of two gateways by real clients.

At its end every device shows what a fresh look at the server shows, and nobody has seen what was not theirs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from messaging import services
from messaging.errors import GroupTooLarge
from messaging.models import GROUP_LIMIT, Conversation, Membership
from superapp.client import Api, ApiError
from tests.flows.talkers import Talker, all_level, as_seen, session_of, talking, until
from tests.media import images
from tests.processes import Gateway
from tests.realtime.people import Device, another_device, befriend, group, people, person
from tests.realtime.sockets import NO_LIMITS, gateway
from tests.sizes import sizes

# How many a group begins with; the others come by its link.
FIRST_GUESTS = 39


@pytest.fixture(scope="module")
def gateways(committed_db: Any) -> Iterator[list[Gateway]]:
    with gateway(committed_db) as first, gateway(committed_db) as second:
        yield [first, second]


@pytest.fixture(autouse=True)
def _no_limits(settings: Any) -> None:
    settings.LIMITS_OVERRIDES = NO_LIMITS


async def refusal_of(attempt: Awaitable[Any]) -> str:
    """Its code: over the socket there is nothing else."""
    with pytest.raises(ApiError) as refused:
        await attempt
    return refused.value.code


async def say(talker: Talker, conversation_id: str, text: str, **more: Any) -> int:
    """Its seq, once it is stored."""
    outgoing = talker.client.send(conversation_id, {"kind": "text", "text": text, **more})
    return (await outgoing.acknowledged())["seq"]


def shown(talker: Talker, conversation_id: str, seq: int) -> Any:
    return talker.client.store.logs[conversation_id].find(seq)


async def see(talkers: Sequence[Talker], conversation_id: str, seq: int, what: Callable[[Any], bool]) -> None:
    """All of them see it so."""

    def everybody() -> bool:
        rows = [shown(talker, conversation_id, seq) for talker in talkers]
        return all(row is not None and what(row) for row in rows)

    await until(everybody)


async def nothing_differs(talkers: Sequence[Talker]) -> None:
    await all_level(talkers)
    assert [line for talker in talkers for line in await talker.differences()] == []


async def test_a_day_of_two_people(gateways: list[Gateway], tmp_path: Path) -> None:
    first, second = (running.url for running in gateways)
    ada, bo = await asyncio.to_thread(people, 2)
    conversation_id = str(await asyncio.to_thread(befriend, ada, bo, greeting="It is Ada from the tea house"))
    tablet = await asyncio.to_thread(another_device, ada)
    here = [conversation_id]
    async with talking([(ada, first, here), (tablet, second, here), (bo, second, here)]) as everybody:
        phone, pad, other = everybody

        # The morning: something of every kind, and each device shows it.
        asked = await say(phone, conversation_id, "Tea at for?")
        picture = tmp_path / "tea.jpg"
        picture.write_bytes(images.jpeg())
        asset = await phone.client.api.upload_photo(picture)
        photo = (await phone.client.send_photo(conversation_id, asset["id"]).acknowledged())["seq"]
        place = {"kind": "location", "latitude": 48.8566, "longitude": 2.3522, "name": "Tea house"}
        await phone.client.send(conversation_id, place).acknowledged()
        answered = await say(other, conversation_id, "At four, you mean?", quote_seq=asked)
        await all_level(everybody)
        assert shown(pad, conversation_id, answered)["body"]["quote"]["text"] == "Tea at for?"
        assert pad.client.store.logs[conversation_id].unread == 1

        # Second thoughts: what was said is said otherwise, liked, taken back.
        await phone.client.api.edit(conversation_id, asked, "Tea at four?")
        await other.client.api.react(conversation_id, asked, "👍")
        await see(everybody, conversation_id, asked, lambda row: row["body"] == {"text": "Tea at four?"})
        await see(everybody, conversation_id, asked, lambda row: row["reactions"] == [{"emoji": "👍", "count": 1}])
        address = (await other.client.api.asset(asset["id"]))["variants"]["original"]["url"]
        await phone.client.api.recall(conversation_id, photo)
        await see(everybody, conversation_id, photo, lambda row: row["recalled_at"] and row["body"] == {})
        assert await refusal_of(other.client.api.asset(asset["id"])) == "not_found"
        gone = await other.client.api._http.get(address if "://" in address else second + address)
        assert gone.status_code == 404
        assert await refusal_of(other.client.api.recall(conversation_id, asked)) == "forbidden"

        # Read on one device is read on the other; what is deleted for oneself is there for the other one.
        pad.client.mark_read(conversation_id, answered)
        await until(lambda: phone.client.store.logs[conversation_id].unread == 0)
        await phone.client.api.delete_message(conversation_id, answered)
        await see([phone, pad], conversation_id, answered, lambda row: row["kind"] == "deleted")
        assert shown(other, conversation_id, answered)["body"]["text"] == "At four, you mean?"
        await nothing_differs(everybody)

        # A quarrel: nothing gets through, and nothing of it comes later.
        await other.client.api.block(ada.id)
        assert await refusal_of(say(phone, conversation_id, "Are you there?")) == "blocked"
        await other.client.api.unblock(ada.id)
        await say(phone, conversation_id, "There you are.")
        await nothing_differs(everybody)
        texts = [row["body"].get("text") for row in other.client.store.logs[conversation_id].messages]
        assert "Are you there?" not in texts

        # The evening: one side begins with a clean page.
        last = other.client.store.logs[conversation_id].last_seq
        await other.client.api.clear_history(conversation_id, last)
        await until(lambda: not other.client.store.logs[conversation_id].messages)
        night = await say(phone, conversation_id, "Good night")
        await see(everybody, conversation_id, night, lambda row: row["body"] == {"text": "Good night"})
        await all_level(everybody)
        assert [row["body"] for row in other.client.store.logs[conversation_id].messages] == [{"text": "Good night"}]
        assert len(phone.client.store.logs[conversation_id].messages) > 8
        history = (await other.client.api.messages(conversation_id, after=0))["results"]
        assert as_seen(history) == as_seen(other.client.store.logs[conversation_id].messages)


async def test_a_day_of_a_large_group(gateways: list[Gateway]) -> None:
    members = sizes.day_members
    crowd = await asyncio.to_thread(people, members)
    owner, guests = crowd[0], crowd[1:]
    invited, coming = guests[:FIRST_GUESTS], guests[FIRST_GUESTS:]
    made = await asyncio.to_thread(group, owner, *invited, title="Neighbours")
    conversation_id = str(made)
    spread = [(who, gateways[n % 2].url, [conversation_id]) for n, who in enumerate(crowd[: sizes.day_talkers])]
    async with talking(spread) as talkers:
        lead, admin, *others = talkers

        # The group fills by its link, while those who are there talk.
        link = (await asyncio.to_thread(services.group_link, actor_id=owner.user_id, conversation_id=made)).url
        await say(lead, conversation_id, "before most of you came")

        def come(some: Sequence[Device]) -> None:
            for who in some:
                assert services.join_by_link(actor_id=who.user_id, link=link).is_in

        half = len(coming) // 2
        parts = [asyncio.to_thread(come, part) for part in (coming[:half], coming[half:])]
        for talker in talkers:
            talker.say(3)
        await asyncio.gather(*parts)
        await all_level(talkers)
        assert (await lead.client.api.conversation(conversation_id))["member_count"] == members
        late = await reader(gateways[0], coming[-1])
        seen = [row["body"].get("text") for row in await history_of(late, conversation_id)]
        assert "before most of you came" not in seen
        if members == GROUP_LIMIT:
            outsider = await asyncio.to_thread(person, "Late")
            too_many = asyncio.to_thread(services.join_by_link, actor_id=outsider.user_id, link=link)
            with pytest.raises(GroupTooLarge):
                await too_many

        # It is run by two: a notice calls everybody, a name calls one, silence is kept by all but them.
        run = {"actor_id": owner.user_id, "conversation_id": made}
        await asyncio.to_thread(services.appoint_admin, **run, user_id=crowd[1].user_id)
        await asyncio.to_thread(services.change_notice, **run, notice="The lift is out of order.")
        called = await say(admin, conversation_id, "You, please", mention_ids=[others[0].client.store.me])
        await all_level(talkers)
        assert (await others[0].client.api.conversation(conversation_id))["mine"]["mention_seq"] == called
        await asyncio.to_thread(services.change_group, **run, is_silenced=True)
        assert await refusal_of(say(others[0], conversation_id, "But")) == "silenced"
        await say(admin, conversation_id, "Silence, please")
        await asyncio.to_thread(services.change_group, **run, is_silenced=False)

        # Somebody goes too far: their words go, and so do they. What comes after is not theirs.
        rude = others[-1]
        words = await say(rude, conversation_id, "something rude")
        await admin.client.api.recall(conversation_id, words)
        staying = [talker for talker in talkers if talker is not rude]
        await see(staying, conversation_id, words, lambda row: row["recalled_at"] is not None)
        person_id = int(rude.client.store.me)
        await asyncio.to_thread(services.remove_member, **run, user_id=person_id)
        await until(lambda: conversation_id not in rude.client.store.logs or is_out(rude, conversation_id))
        last = await say(lead, conversation_id, "Where were we?")
        assert await refusal_of(say(rude, conversation_id, "Hey")) == "not_found"
        theirs = await history_of(rude.client.api, conversation_id)
        assert theirs[-1]["kind"] == "member_removed"
        assert all(row["seq"] < last for row in theirs)

        # Everybody says something at once, and hands the keys over in the end.
        for talker in staying:
            talker.say(3)
        await nothing_differs(staying)
        await asyncio.to_thread(services.transfer_group, **run, user_id=crowd[1].user_id)
        await asyncio.to_thread(services.leave_group, **run)
        left = [talker for talker in staying if talker is not lead]
        await nothing_differs(left)
        await asyncio.to_thread(check_the_books, made, members - 2)


def is_out(talker: Talker, conversation_id: str) -> bool:
    summary = talker.client.store.logs[conversation_id].summary
    return summary is not None and summary["mine"]["left_seq"] is not None


async def reader(at: Gateway, who: Device) -> Api:
    """Somebody who only looks."""
    api = Api(at.url)
    api.session = await asyncio.to_thread(session_of, who)  # type: ignore[assignment]
    return api


async def history_of(api: Api, conversation_id: str) -> list[Any]:
    rows: list[Any] = []
    while page := (await api.messages(conversation_id, after=rows[-1]["seq"] if rows else 0))["results"]:
        rows += page
    return rows


def check_the_books(conversation_id: int, members: int) -> None:
    """What is counted on the group's row is what there is."""
    conversation = Conversation.objects.get(id=conversation_id)
    there = Membership.objects.filter(conversation_id=conversation_id, left_seq=None)
    assert conversation.member_count == there.count() == members
    assert there.filter(role="owner").count() == 1
