"""Reactions: one person's emoji at a message, once each; the sum is with the message, the names behind it."""

from typing import Any

import pytest

from messaging import services
from messaging.emoji import is_emoji
from messaging.models import Membership, Message, Reaction
from messaging.services.changes import MOST_REACTIONS
from tests.messaging.api import Api
from tests.messaging.conftest import Wire
from tests.realtime.people import Device, friends, group, people, person, say

pytestmark = pytest.mark.django_db


def refused(who: Device, conversation_id: int, seq: int, **body: Any) -> tuple[int, str]:
    path = f"conversations/{conversation_id}/messages/{seq}/reactions/"
    return Api(who).refused("PUT", path, {"emoji": "👍", "is_added": True} | body)


def reactors(who: Device, conversation_id: int, seq: int, query: str = "") -> list[tuple[str, str]]:
    rows = Api(who).all(f"conversations/{conversation_id}/messages/{seq}/reactions/?limit=2{query}")
    return [(row["user"]["id"], row["emoji"]) for row in rows]


def test_everybody_sees_how_many_and_who_and_oneself_what_is_ones_own(wire: Wire) -> None:
    ada, bo, cy = people(3)
    conversation_id = group(ada, bo, cy)
    said = say(ada, conversation_id)
    wire.pushes()
    for who, emoji in ((bo, "👍"), (cy, "👍"), (bo, "❤️")):
        Api(who).react(conversation_id, said, emoji)
    frames = [frame["payload"] for _topics, frame in wire.pushes()]
    assert [(row["kind"], row["body"], row["ref_seq"], row["sender_id"]) for row in frames] == [
        ("reacted", {"emoji": emoji, "is_added": True}, said, who.id)
        for who, emoji in ((bo, "👍"), (cy, "👍"), (bo, "❤️"))
    ]
    assert all("mine" not in row and "mine" not in row["target"] for row in frames)
    assert Api(ada).history(conversation_id)[-3:] == [
        {**row, "target": frames[-1]["target"]} for row in frames
    ]  # the row that it is about is shown as it is now
    shown = Api(bo).message(conversation_id, said)
    assert {one["emoji"]: one["count"] for one in shown["reactions"]} == {"👍": 2, "❤️": 1}
    assert shown["mine"]["reactions"] == sorted(["👍", "❤️"])
    assert Api(ada).message(conversation_id, said)["mine"]["reactions"] == []
    everybody = {(bo.id, "👍"), (bo.id, "❤️"), (cy.id, "👍")}
    assert set(reactors(ada, conversation_id, said)) == everybody
    assert len(reactors(ada, conversation_id, said)) == 3
    assert set(reactors(ada, conversation_id, said, "&emoji=👍")) == {(bo.id, "👍"), (cy.id, "👍")}
    # It is no news: nothing to read, and the conversation stays where it was.
    assert Api(ada).conversation(conversation_id)["mine"]["unread"] == 0
    assert Api(ada).conversation(conversation_id)["last_message"]["seq"] == said


def test_twice_is_once_and_taking_back_too() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    said = say(ada, conversation_id)
    assert Api(bo).react(conversation_id, said) == Api(bo).react(conversation_id, said)
    assert Message.objects.filter(conversation_id=conversation_id, kind="reacted").count() == 1
    for _ in range(2):
        assert Api(bo).react(conversation_id, said, is_added=False)["reactions"] == []
    assert Message.objects.filter(conversation_id=conversation_id, kind="reacted").count() == 2
    assert not Reaction.objects.filter(conversation_id=conversation_id).exists()
    # What was never there cannot be taken away, and that is no error.
    assert Api(ada).react(conversation_id, said, is_added=False)["reactions"] == []


def test_a_message_takes_twenty_different_ones(settings: Any) -> None:
    settings.LIMITS_OVERRIDES = {"messaging.change.user": (1000, 1)}
    ada, bo, conversation_id = friends("Ada", "Bo")
    said = say(ada, conversation_id)
    some = [chr(0x1F600 + index) for index in range(MOST_REACTIONS + 1)]
    for emoji in some[:-1]:
        Api(ada).react(conversation_id, said, emoji)
    assert refused(bo, conversation_id, said, emoji=some[-1]) == (422, "too_many_reactions")
    assert not Reaction.objects.filter(emoji=some[-1]).exists()
    # What is there already can still be joined, and one that goes makes room.
    Api(bo).react(conversation_id, said, some[0])
    Api(ada).react(conversation_id, said, some[1], is_added=False)
    Api(bo).react(conversation_id, said, some[-1])
    assert len(Api(bo).message(conversation_id, said)["reactions"]) == MOST_REACTIONS


@pytest.mark.parametrize(
    "emoji", ["👍", "👍🏽", "❤️", "❤", "👩‍👩‍👧‍👦", "👩🏿‍❤️‍💋‍👩🏻", "🏳️‍🌈", "🇫🇷", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", "🫨", "☕"]
)
def test_what_is_an_emoji(emoji: str) -> None:
    assert is_emoji(emoji)


@pytest.mark.parametrize(
    "text", ["", "a", "1", "👍👍", "👍a", ":)", "<b>", "\u200d", "👍\u200d", "🇫", "你", " 👍", "👍" * 30]
)
def test_what_is_none(text: str) -> None:
    assert not is_emoji(text)
    ada, _bo, conversation_id = friends("Ada", "Bo")
    assert refused(ada, conversation_id, say(ada, conversation_id), emoji=text) == (400, "invalid_input")


def test_only_what_was_said_and_is_there_can_be_reacted_to() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    said = say(ada, conversation_id)
    assert refused(bo, conversation_id, 1) == (422, "not_for_this")
    assert refused(bo, conversation_id, 99) == (404, "not_found")
    Api(ada).recall(conversation_id, said)
    assert refused(bo, conversation_id, said) == (409, "recalled")


def test_ids_of_two_conversations_do_not_mix() -> None:
    """A message of one conversation, asked for under the id of another."""
    ada, bo, theirs = friends("Ada", "Bo")
    said = [say(ada, theirs) for _ in range(4)][-1]
    eve, mallory, other = friends("Eve", "Mallory")
    for conversation_id in (theirs, other):
        assert refused(eve, conversation_id, said) == (404, "not_found")
    assert Api(eve).refused("GET", f"conversations/{theirs}/messages/{said}/reactions/") == (404, "not_found")
    assert Message.objects.get(conversation_id=theirs, seq=said).reactions == {}
    assert not Reaction.objects.exists()
    assert bo.id != mallory.id


def test_who_may_not_speak_may_not_react() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    said = say(ada, conversation_id)
    services.block(actor_id=ada.user_id, user_id=bo.user_id)
    assert refused(bo, conversation_id, said) == (403, "blocked")
    cy, dee = people(2)
    tea = group(cy, dee)
    said = say(cy, tea)
    Membership.objects.filter(conversation_id=tea, user_id=dee.user_id).update(left_seq=said, left_message_no=1)
    assert refused(dee, tea, said) == (404, "not_found")
    assert refused(person(), tea, said) == (404, "not_found")
    assert not Reaction.objects.exists()
