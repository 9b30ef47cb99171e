"""Saying it otherwise: an own text, for a quarter of an hour, and everybody can see what it said before."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import F

from messaging import services
from messaging.models import Membership, Message, MessageVersion
from tests.messaging.api import Api
from tests.messaging.conftest import Wire
from tests.realtime.people import Device, friends, group, people, person, say

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_limits(settings: Any) -> None:
    settings.LIMITS_OVERRIDES = {"messaging.change.user": (1000, 1)}


def refused(who: Device, conversation_id: int, seq: int, **body: Any) -> tuple[int, str]:
    return Api(who).refused("PATCH", f"conversations/{conversation_id}/messages/{seq}/", {"text": "other"} | body)


def age(conversation_id: int, seq: int, span: timedelta) -> None:
    Message.objects.filter(conversation_id=conversation_id, seq=seq).update(created_at=F("created_at") - span)


def versions(who: Device, conversation_id: int, seq: int) -> list[str]:
    rows = Api(who).all(f"conversations/{conversation_id}/messages/{seq}/versions/?limit=1")
    assert [row["version"] for row in rows] == list(range(1, len(rows) + 1))
    return [row["body"]["text"] for row in rows]


def mention_of(who: Device, conversation_id: int) -> int | None:
    seq: int | None = Api(who).conversation(conversation_id)["mine"]["mention_seq"]
    return seq


def test_everybody_sees_the_new_text_that_it_is_new_and_the_old_one(wire: Wire) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    said = say(ada, conversation_id, "at sven")
    sent_at = Api(bo).message(conversation_id, said)["created_at"]
    wire.pushes()
    edited = Api(ada).edit(conversation_id, said, "at seven")
    ((_topics, frame),) = wire.pushes()
    row = frame["payload"]
    assert (row["kind"], row["body"], row["ref_seq"], row["message_no"]) == ("edited", {}, said, 2)
    assert row["target"] | {"target": None} == edited
    assert (edited["body"], edited["created_at"]) == ({"text": "at seven"}, sent_at)
    assert edited["edited_at"] > sent_at
    assert Api(bo).history(conversation_id)[1] == edited
    assert Api(bo).conversation(conversation_id)["last_message"] == edited
    Api(ada).edit(conversation_id, said, "at eight")
    assert versions(bo, conversation_id, said) == ["at sven", "at seven"]
    kept = Api(bo).all(f"conversations/{conversation_id}/messages/{said}/versions/")
    assert [one["written_at"] for one in kept] == [sent_at, edited["edited_at"]]


def test_the_same_again_changes_nothing() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    said = say(ada, conversation_id, "one")
    once = Api(ada).edit(conversation_id, said, "two")
    assert Api(ada).edit(conversation_id, said, "two") == once
    assert versions(ada, conversation_id, said) == ["one"]
    # Not even later, when nothing could be changed any more.
    age(conversation_id, said, timedelta(hours=1))
    assert Api(ada).edit(conversation_id, said, "two")["edited_at"] == once["edited_at"]
    assert Message.objects.filter(conversation_id=conversation_id).count() == 3


def test_a_quarter_of_an_hour_by_the_databases_clock() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    said = say(ada, conversation_id, "one")
    age(conversation_id, said, timedelta(minutes=14, seconds=30))
    Api(ada).edit(conversation_id, said, "two")
    age(conversation_id, said, timedelta(seconds=31))
    assert refused(ada, conversation_id, said) == (422, "edit_expired")
    assert Api(ada).message(conversation_id, said)["body"] == {"text": "two"}


def test_only_ones_own_texts() -> None:
    ada, bo = people(2)
    conversation_id = group(ada, bo)
    said = say(bo, conversation_id)
    place = Api(bo).ok(
        "POST",
        f"conversations/{conversation_id}/messages/",
        {"kind": "location", "latitude": 1, "longitude": 2},
        status=201,
        key=str(uuid4()),
    )["seq"]
    before = Api(bo).history(conversation_id)
    # Not even the owner of the group puts words into somebody's mouth.
    assert refused(ada, conversation_id, said) == (403, "forbidden")
    assert refused(bo, conversation_id, place) == (422, "not_for_this")
    assert refused(ada, conversation_id, 1) == (422, "not_for_this")
    assert refused(bo, conversation_id, 99) == (404, "not_found")
    assert refused(person(), conversation_id, said) == (404, "not_found")
    _eve, _mallory, other = friends("Eve", "Mallory")
    assert refused(bo, other, said) == (404, "not_found")
    for body in ({"text": " "}, {"text": None}, {"kind": "card"}, {"mention_ids": "1"}):
        assert refused(bo, conversation_id, said, **body) == (400, "invalid_input")
    assert refused(bo, conversation_id, said, text="x" * 4001) == (422, "too_long")
    Api(bo).recall(conversation_id, said)
    assert refused(bo, conversation_id, said) == (409, "recalled")
    assert Api(bo).history(conversation_id)[2:3] == before[2:3]
    assert not MessageVersion.objects.exists()


def test_who_may_not_speak_may_not_say_it_otherwise() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    said = say(bo, conversation_id)
    services.block(actor_id=ada.user_id, user_id=bo.user_id)
    assert refused(bo, conversation_id, said) == (403, "blocked")
    cy, dee = people(2)
    tea = group(cy, dee)
    said = say(dee, tea)
    Membership.objects.filter(conversation_id=tea, user_id=dee.user_id).update(left_seq=said, left_message_no=1)
    assert refused(dee, tea, said) == (404, "not_found")


def test_whom_it_calls_is_who_is_named_now() -> None:
    ada, bo, cy = people(3)
    conversation_id = group(ada, bo, cy)
    first, second = (
        services.send_message(
            sender_id=ada.user_id,
            conversation_id=conversation_id,
            client_id=uuid4(),
            kind="text",
            text="@Bo",
            mention_ids=[bo.user_id],
        ).seq
        for _ in range(2)
    )
    assert mention_of(bo, conversation_id) == second
    edited = Api(ada).edit(conversation_id, second, "@Cy", mention_ids=[cy.id])
    assert edited["body"] == {"text": "@Cy", "mention_ids": [cy.id]}
    # For Bo the call before it stands again.
    assert (mention_of(bo, conversation_id), mention_of(cy, conversation_id)) == (first, second)
    Api(ada).edit(conversation_id, first, "nobody")
    assert mention_of(bo, conversation_id) is None
    Api(ada).edit(conversation_id, first, "all", mentions_all=True)
    assert (mention_of(bo, conversation_id), mention_of(cy, conversation_id)) == (first, second)
    Api(ada).edit(conversation_id, first, "none")
    assert mention_of(bo, conversation_id) is None
    said = say(bo, conversation_id)
    assert refused(bo, conversation_id, said, mentions_all=True) == (403, "may_not_call_all")


def test_what_it_answers_stays() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    asked = say(ada, conversation_id, "Tea?")
    answer = services.send_message(
        sender_id=bo.user_id, conversation_id=conversation_id, client_id=uuid4(), kind="text", text="y", quote_seq=asked
    )
    edited = Api(bo).edit(conversation_id, answer.seq, "yes")
    assert edited["body"] == {"text": "yes", "quote": answer.body["quote"]}
    # A quote says what was said when it was quoted.
    Api(ada).edit(conversation_id, asked, "Coffee?")
    assert Api(bo).message(conversation_id, answer.seq)["body"]["quote"]["text"] == "Tea?"


def test_versions_are_for_who_may_read_the_message() -> None:
    ada, bo = people(2)
    conversation_id = group(ada, bo)
    said = say(ada, conversation_id, "one")
    Api(ada).edit(conversation_id, said, "two")
    path = f"conversations/{conversation_id}/messages/{said}/versions/"
    assert Api(person()).refused("GET", path) == (404, "not_found")
    newcomer = person()
    Membership.objects.create(conversation_id=conversation_id, user_id=newcomer.user_id, joined_seq=said + 1)
    assert Api(newcomer).refused("GET", path) == (404, "not_found")
    Api(bo).ok("DELETE", f"conversations/{conversation_id}/messages/{said}/", status=204)
    assert Api(bo).refused("GET", path) == (404, "not_found")
    Api(ada).recall(conversation_id, said)
    assert Api(ada).all(path) == []
