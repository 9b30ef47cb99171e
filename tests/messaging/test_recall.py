"""Taking a message back: who may, until when, and that nothing of it is left."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db.models import F
from django.utils import timezone

from messaging import services
from messaging.errors import RecallExpired
from messaging.models import Membership, Message, MessageVersion, Reaction
from superapp.media.models import Asset
from tests.media.test_links import fetch
from tests.messaging.api import Api
from tests.messaging.conftest import Wire
from tests.messaging.uploads import ready
from tests.realtime.people import Device, friends, group, people, person, say

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _media_root(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    settings.LIMITS_OVERRIDES = {"messaging.change.user": (1000, 1)}


def refused(who: Device, conversation_id: int, seq: int) -> tuple[int, str]:
    return Api(who).refused("POST", f"conversations/{conversation_id}/messages/{seq}/recall/")


def age(conversation_id: int, seq: int, span: timedelta) -> None:
    Message.objects.filter(conversation_id=conversation_id, seq=seq).update(created_at=F("created_at") - span)


def made(role: str, who: Device, conversation_id: int) -> None:
    Membership.objects.filter(conversation_id=conversation_id, user_id=who.user_id).update(role=role)


def test_two_minutes_by_the_databases_clock_whatever_others_say() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    early, late = say(ada, conversation_id), say(ada, conversation_id)
    age(conversation_id, early, timedelta(seconds=115))
    age(conversation_id, late, timedelta(seconds=121))
    # A clock that is an hour off, either way, changes nothing.
    for off in (timedelta(hours=1), -timedelta(hours=1)):
        with time_machine.travel(timezone.now() + off, tick=True):
            with pytest.raises(RecallExpired) as refusal:
                services.recall_message(actor_id=ada.user_id, conversation_id=conversation_id, seq=late)
            assert refusal.value.details == {"within_seconds": 120}
    with time_machine.travel(timezone.now() + timedelta(hours=1), tick=True):
        recalled = services.recall_message(actor_id=ada.user_id, conversation_id=conversation_id, seq=early)
    assert recalled.recalled_at is not None
    assert refused(ada, conversation_id, late) == (422, "recall_expired")
    assert Api(ada).message(conversation_id, late)["body"] == {"text": "hello"}


def test_what_was_recalled_says_nothing_anywhere(wire: Wire) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    said = say(ada, conversation_id, "secret one")
    Api(ada).edit(conversation_id, said, "secret two")
    Api(bo).react(conversation_id, said)
    answer = services.send_message(
        sender_id=bo.user_id,
        conversation_id=conversation_id,
        client_id=uuid4(),
        kind="text",
        text="what?",
        quote_seq=said,
    ).seq
    unread = Api(bo).conversation(conversation_id)["mine"]["unread"]
    wire.pushes()
    recalled = Api(ada).recall(conversation_id, said)
    ((_topics, frame),) = wire.pushes()
    assert (frame["payload"]["kind"], frame["payload"]["ref_seq"]) == ("recalled", said)
    assert frame["payload"]["target"] | {"target": None} == recalled
    assert (recalled["body"], recalled["reactions"]) == ({}, [])
    assert recalled["recalled_at"] is not None
    for who in (ada, bo):
        everything = [*Api(who).history(conversation_id), Api(who).conversation(conversation_id), Api(who).get("sync/")]
        assert "secret" not in str(everything)
    quote = {"seq": said, "sender_id": ada.id, "persona": None, "kind": "text", "text": "", "is_recalled": True}
    assert Api(bo).message(conversation_id, answer)["body"] == {"text": "what?", "quote": quote}
    assert Api(bo).all(f"conversations/{conversation_id}/messages/{said}/versions/") == []
    assert Api(bo).all(f"conversations/{conversation_id}/messages/{said}/reactions/") == []
    assert not MessageVersion.objects.exists()
    assert not Reaction.objects.exists()
    assert "secret" not in str(list(Message.objects.values_list("body", flat=True)))
    # That there was something stays, and counts as before.
    assert Api(bo).conversation(conversation_id)["mine"]["unread"] == unread
    # Whoever makes sure of having sent it is told what became of it.
    assert Api(bo).send_refused(conversation_id, {"kind": "text", "text": "x", "quote_seq": said}) == (409, "recalled")


def test_nor_what_an_answer_said_before_it_was_edited() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    said = say(ada, conversation_id, "secret")
    send = {"sender_id": bo.user_id, "conversation_id": conversation_id, "kind": "text", "text": "what?"}
    answer = services.send_message(**send, client_id=uuid4(), quote_seq=said).seq
    Api(bo).edit(conversation_id, answer, "what??")
    Api(ada).recall(conversation_id, said)
    (version,) = Api(ada).all(f"conversations/{conversation_id}/messages/{answer}/versions/")
    assert (version["body"]["text"], version["body"]["quote"]["is_recalled"]) == ("what?", True)
    assert "secret" not in str(list(MessageVersion.objects.values_list("body", flat=True)))


def test_a_second_recall_is_the_first_one() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    said = say(ada, conversation_id)
    once = Api(ada).recall(conversation_id, said)
    age(conversation_id, said, timedelta(hours=1))
    again = Api(ada).recall(conversation_id, said)
    assert again | {"created_at": once["created_at"]} == once
    assert Message.objects.filter(conversation_id=conversation_id, kind="recalled").count() == 1
    assert refused(bo, conversation_id, 1) == (422, "not_for_this")


def test_only_who_wrote_it_between_two() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    said = say(ada, conversation_id)
    assert refused(bo, conversation_id, said) == (403, "forbidden")
    assert refused(person(), conversation_id, said) == (404, "not_found")
    assert refused(ada, conversation_id, 99) == (404, "not_found")
    eve, _mallory, other = friends("Eve", "Mallory")
    assert refused(eve, conversation_id, said) == (404, "not_found")
    assert refused(ada, other, said) == (404, "not_found")
    assert Api(bo).message(conversation_id, said)["recalled_at"] is None


def test_in_a_group_its_owner_any_and_an_administrator_those_of_members() -> None:
    owner, admin, other_admin, member, gone = people(5)
    conversation_id = group(owner, admin, other_admin, member, gone)
    made("admin", admin, conversation_id)
    made("admin", other_admin, conversation_id)
    by = {}
    for who in (owner, admin, other_admin, member, gone):
        by[who] = [say(who, conversation_id) for _ in range(3)]
        for seq in by[who]:
            age(conversation_id, seq, timedelta(days=1))
    Membership.objects.filter(conversation_id=conversation_id, user_id=gone.user_id).update(
        left_seq=16, left_message_no=15
    )
    assert refused(member, conversation_id, by[owner][0]) == (403, "forbidden")
    assert refused(member, conversation_id, by[member][0]) == (422, "recall_expired")
    assert refused(admin, conversation_id, by[owner][0]) == (403, "forbidden")
    assert refused(admin, conversation_id, by[other_admin][0]) == (403, "forbidden")
    assert refused(gone, conversation_id, by[gone][0]) == (404, "not_found")
    for who, theirs in ((admin, member), (admin, gone), (admin, admin), (owner, admin), (owner, owner), (owner, gone)):
        seq = by[theirs].pop()
        recalled = Api(who).recall(conversation_id, seq)
        assert recalled["recalled_at"] is not None
        row = Api(member).history(conversation_id)[-1]
        assert (row["kind"], row["ref_seq"], row["sender_id"]) == ("recalled", seq, who.id)


def test_its_file_can_no_longer_be_fetched() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    asset = ready(ada)
    message = services.send_message(
        sender_id=ada.user_id, conversation_id=conversation_id, client_id=uuid4(), kind="photo", asset_id=asset.id
    )
    urls = [variant["url"] for variant in Api(bo).get(f"media/{asset.id}/")["variants"].values()]
    assert {fetch(url).status_code for url in urls} == {200}
    Api(ada).recall(conversation_id, message.seq)
    assert {fetch(url).status_code for url in urls} == {404}
    assert Api(bo).refused("GET", f"media/{asset.id}/") == (404, "not_found")
    assert Api(bo).get(f"media/?ids={asset.id}")["results"] == []
    assert Asset.objects.get(id=asset.id).reference is None
    assert "asset_id" not in str(Api(bo).history(conversation_id))


def test_a_signed_link_ends_with_the_right_to_see() -> None:
    """Somebody who is removed sees what came up to then, and no file of what came later; a stranger sees nothing."""
    ada, bo = people(2)
    conversation_id = group(ada, bo)
    before, after = ready(ada), ready(ada)
    send = {"sender_id": ada.user_id, "conversation_id": conversation_id, "kind": "photo"}
    seen = services.send_message(**send, client_id=uuid4(), asset_id=before.id)
    services.send_message(**send, client_id=uuid4(), asset_id=after.id)
    url = {asset: Api(bo).get(f"media/{asset.id}/")["variants"]["original"]["url"] for asset in (before, after)}
    Membership.objects.filter(conversation_id=conversation_id, user_id=bo.user_id).update(
        left_seq=seen.seq, left_message_no=seen.message_no
    )
    assert (fetch(url[before]).status_code, fetch(url[after]).status_code) == (200, 404)
    # Somebody else's link with one's own name in it is no link.
    assert fetch(url[before], viewer=str(ada.user_id)).status_code == 404
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        assert fetch(url[before]).status_code == 410


def test_a_call_that_is_recalled_calls_nobody() -> None:
    ada, bo = people(2)
    conversation_id = group(ada, bo)
    send = {"sender_id": ada.user_id, "conversation_id": conversation_id, "kind": "text", "text": "come"}
    first = services.send_message(**send, client_id=uuid4(), mentions_all=True).seq
    second = services.send_message(**send, client_id=uuid4(), mentions_all=True).seq
    named = services.send_message(**send, client_id=uuid4(), mention_ids=[bo.user_id]).seq
    for gone, called in ((None, named), (named, second), (second, first), (first, None)):
        if gone is not None:
            Api(ada).recall(conversation_id, gone)
        assert Api(bo).conversation(conversation_id)["mine"]["mention_seq"] == called


def test_a_notice_before_it_calls_again() -> None:
    ada, bo = people(2)
    conversation_id = group(ada, bo)
    at = f"conversations/{conversation_id}/"
    called = Api(ada).ok("PUT", f"{at}notice/", {"notice": "Tea at five"})["last_seq"]
    send = {"sender_id": ada.user_id, "conversation_id": conversation_id, "kind": "text", "text": "come"}
    gone = services.send_message(**send, client_id=uuid4(), mentions_all=True).seq
    assert Api(bo).conversation(conversation_id)["mine"]["mention_seq"] == gone
    Api(ada).recall(conversation_id, gone)
    assert Api(bo).conversation(conversation_id)["mine"]["mention_seq"] == called


def test_whoever_was_blocked_still_takes_back_what_they_said() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    said = say(bo, conversation_id)
    services.block(actor_id=ada.user_id, user_id=bo.user_id)
    assert Api(bo).recall(conversation_id, said)["body"] == {}
