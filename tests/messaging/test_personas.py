"""People behind a persona: the others see who speaks for a product, and never who that is."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from messaging import registry, services
from messaging.errors import ConversationClosed
from messaging.models import Membership, Message
from superapp.accounts.models import User
from superapp.core.errors import IdempotencyConflict
from superapp.realtime import registry as realtime
from superapp.safety.models import Report
from tests.messaging.api import Api
from tests.messaging.conftest import Wire
from tests.messaging.products import opened, parcel, post
from tests.messaging.test_statements import statements
from tests.realtime.people import Device, friends, group, people, say

pytestmark = pytest.mark.django_db
COURIER = {"key": "courier:8", "display_name": "Courier 8", "avatar_id": "7"}


@pytest.fixture
def ride() -> tuple[Device, Device, int, dict[str, str]]:
    """A customer, a courier behind a mask, and their conversation."""
    ada, bo = people(2)
    conversation_id, name = opened(ada, bo, personas={bo.user_id: "courier:8"})
    return ada, bo, conversation_id, name


def everything_to_read(who: Device, conversation_id: int) -> Iterator[Any]:
    """All that the API shows of a conversation and of what somebody has."""
    api = Api(who)
    paths = ["", "messages/", "messages/?after=0&limit=1", "members/", "members/?limit=1"]
    for path in paths:
        yield api.get(f"conversations/{conversation_id}/{path}")
    for path in ("conversations/", "sync/", "friends/", "friend-requests/", "blocks/"):
        yield api.get(path)


def test_a_masked_person_leaks_nowhere(ride: Any, wire: Wire) -> None:
    ada, bo, conversation_id, name = ride
    key = uuid4()
    wire.pushes()
    masked = Api(bo)
    masked.send(conversation_id, "I am at the door")
    said, place = f"conversations/{conversation_id}/messages/2/", {"conversation_id": conversation_id, "seq": 2}
    masked.ok("PUT", f"{said}reactions/", {"emoji": "👍", "is_added": True})
    masked.ok("PATCH", said, {"text": "I am at the gate"})
    Api(ada).ok("PUT", f"{said}reactions/", {"emoji": "👍", "is_added": True})
    answer = {"kind": "text", "text": "coming", "quote_seq": 2}
    Api(ada).ok("POST", f"conversations/{conversation_id}/messages/", answer, status=201, key=str(uuid4()))
    target = group(ada, *people(1))
    services.forward_message(actor_id=ada.user_id, **place, to=[target], client_id=uuid4())
    record = {"conversation_id": conversation_id, "seqs": [2], "title": "What the courier said"}
    services.forward_record(actor_id=ada.user_id, **record, to=[target], client_id=uuid4())
    for more in (
        f"{said}reactions/",
        f"{said}versions/",
        f"conversations/{target}/messages/",
        f"conversations/{target}/messages/3/record/",
    ):
        assert bo.id not in json.dumps(Api(ada).get(more)), more
    masked.ok("POST", f"conversations/{conversation_id}/typing/", status=204)
    masked.ok("POST", f"conversations/{conversation_id}/read/", {"seq": 2})
    post(bo, conversation_id, parcel("r1"), client_id=key)
    services.update_card(kind="test.parcel", reference="r1", data={"state": "sent"}, version=2)
    services.set_members(member_ids=[ada.user_id], **name)
    services.set_members(member_ids=[ada.user_id, bo.user_id], **name)
    again = masked.send(conversation_id, "back again")
    masked.ok("POST", f"conversations/{conversation_id}/messages/{again['seq']}/recall/")
    services.set_members(member_ids=[ada.user_id], **name)
    services.set_members(member_ids=[ada.user_id, bo.user_id], personas={bo.user_id: "courier:8"}, **name)
    services.close_conversation(**name)

    heard = [frame for topics, frame in wire.pushes() if topics != [f"user:{bo.id}"]]
    assert {frame["type"] for frame in heard} >= {"message.created", "typing"}
    for shown in [*heard, *everything_to_read(ada, conversation_id)]:
        text = json.dumps(shown)
        assert bo.id not in text, shown
        assert bo.handle not in text, shown
        # Cursors of lists are opaque, and still to be read by whoever tries.
        for word in re.findall("[A-Za-z0-9_-]{8,}", text):
            assert bo.id.encode() not in base64.urlsafe_b64decode(word[: len(word) // 4 * 4]), shown
    # For the audit it stays known.
    written = Message.objects.filter(conversation_id=conversation_id, kind="text").exclude(sender_id=ada.user_id)
    assert set(written.values_list("sender_id", "persona")) == {(bo.user_id, "courier:8")}


def test_they_are_shown_as_their_persona_wherever_they_speak(ride: Any, wire: Wire) -> None:
    ada, bo, conversation_id, _name = ride
    wire.pushes()
    sent = Api(bo).send(conversation_id, "hello")
    Api(bo).ok("POST", f"conversations/{conversation_id}/typing/", status=204)
    assert (sent["sender_id"], sent["persona"]) == (None, COURIER)
    message, typing = (frame["payload"] for _topics, frame in wire.pushes())
    assert message == sent == Api(ada).history(conversation_id)[-1]
    assert typing == {"conversation_id": str(conversation_id), "user_id": None, "persona": COURIER}
    assert Api(ada).conversation(conversation_id)["last_message"] == sent
    # They know themselves by it.
    assert Api(bo).conversation(conversation_id)["mine"]["persona"] == "courier:8"
    assert Api(ada).conversation(conversation_id)["mine"]["persona"] is None
    answer = Api(ada).send(conversation_id, "hello")
    assert (answer["sender_id"], answer["persona"]) == (ada.id, None)


def test_members_are_people_or_personas(ride: Any) -> None:
    ada, _bo, conversation_id, _name = ride
    masked, open_ = Api(ada).all(f"conversations/{conversation_id}/members/?limit=1")
    assert (masked["user"], masked["persona"]) == (None, COURIER)
    assert (open_["user"]["id"], open_["persona"]) == (ada.id, None)


def test_rows_about_them_name_the_persona(ride: Any) -> None:
    ada, _bo, conversation_id, name = ride
    services.set_members(member_ids=[ada.user_id], **name)
    row = Api(ada).history(conversation_id)[-1]
    assert (row["kind"], row["body"]["left"]) == ("members_changed", {"member_ids": [], "personas": ["courier:8"]})


def test_a_brands_desk_speaks_where_its_people_do_not_belong(wire: Wire) -> None:
    ada, agent, other = people(3)
    conversation_id, name = opened(ada, kind="service")
    key = uuid4()
    wire.pushes()
    said = {"conversation_id": conversation_id, "text": "How can we help?", "persona": "courier:desk", "client_id": key}
    seq = services.post_text(sender_id=agent.user_id, **said)
    assert services.post_text(sender_id=agent.user_id, **said) == seq
    with pytest.raises(IdempotencyConflict):
        services.post_text(sender_id=agent.user_id, **{**said, "text": "Something else"})
    ((_topics, frame),) = wire.pushes()
    row = Api(ada).history(conversation_id)[-1]
    assert frame["payload"] == row
    assert (row["kind"], row["sender_id"], row["persona"]["key"]) == ("text", None, "courier:desk")
    assert row["body"] == {"text": "How can we help?"}
    assert Api(ada).conversation(conversation_id)["mine"]["unread"] == 1
    # Neither of them belongs to it by that.
    assert Api(agent).refused("GET", f"conversations/{conversation_id}/") == (404, "not_found")
    post(other, conversation_id, persona="courier:desk")
    # Nobody of flesh at all.
    post(None, conversation_id, persona="courier:desk")
    assert Membership.objects.filter(conversation_id=conversation_id).count() == 1
    services.close_conversation(**name)
    with pytest.raises(ConversationClosed):
        services.post_text(sender_id=agent.user_id, **{**said, "client_id": uuid4()})


def test_a_persona_that_nobody_knows_any_more_has_no_name_and_hides_the_person() -> None:
    ada, bo = people(2)
    conversation_id, _name = opened(ada, bo, personas={bo.user_id: "courier:gone"})
    say(bo, conversation_id)
    row = Api(ada).history(conversation_id)[-1]
    assert (row["sender_id"], row["persona"]) == (
        None,
        {"key": "courier:gone", "display_name": "", "avatar_id": None},
    )


@pytest.mark.parametrize("key", ["courier", "courier:", "nobody:1", ":1", "", "courier:" + "x" * 60])
def test_personas_of_no_app_are_a_mistake(key: str) -> None:
    assert not registry.personas.knows(key)
    ada, _bo, conversation_id = friends("Ada", "Bo")
    if key:
        with pytest.raises(AssertionError):
            post(ada, conversation_id, persona=key)
    with pytest.raises(AssertionError):
        post(None, conversation_id, persona=key)


def test_a_page_asks_for_its_personas_once(monkeypatch: pytest.MonkeyPatch, ride: Any) -> None:
    ada, bo, conversation_id, _name = ride
    for _ in range(5):
        say(bo, conversation_id)
    calls: list[list[str]] = []
    known = registry.personas._kinds["courier"]
    monkeypatch.setitem(
        registry.personas._kinds, "courier", lambda references: calls.append(list(references)) or known(references)
    )
    Api(ada).rows(conversation_id)
    assert calls == [["8"]]
    Api(ada).get("conversations/")
    assert calls == [["8"]] * 2


def test_speaking_as_oneself_costs_no_statement_more(ride: Any) -> None:
    ada, bo, conversation_id, _name = ride
    cy, dee, direct_id = friends("Cy", "Dee")
    assert statements(lambda: say(bo, conversation_id)) == statements(lambda: say(cy, direct_id))
    tea = group(dee, cy)
    assert statements(lambda: say(ada, conversation_id)) == statements(lambda: say(dee, tea))


def test_their_topic_is_that_of_the_conversation(ride: Any) -> None:
    _ada, bo, conversation_id, _name = ride
    assert f"conversation:{conversation_id}" in realtime.topics.initial_topics([bo.user_id])[bo.user_id]


def test_nobody_finds_out_who_a_persona_is_by_trying(ride: Any) -> None:
    ada, bo, conversation_id, _name = ride
    for who in (ada, bo):
        Api(who).ok("PATCH", "messaging-settings/", {"shares_read_marks": True})
    seq = Api(ada).send(conversation_id)["seq"]
    Api(bo).ok("POST", f"conversations/{conversation_id}/read/", {"seq": seq})
    # Neither who has read, nor that they are in it together, nor, once blocked, that there is somebody to report.
    assert Api(ada).get(f"conversations/{conversation_id}/messages/{seq}/readers/") == {"results": []}
    asked = {"user_id": bo.id, "conversation_id": str(conversation_id)}
    assert Api(ada).refused("POST", "friend-requests/", asked) == (404, "not_found")
    Api(bo).ok("PUT", f"blocks/{ada.id}/", status=204)
    assert Api(ada).refused("POST", f"people/{bo.id}/report/", {"reason": "spam"}) == (404, "not_found")


def test_what_a_persona_said_can_be_reported_and_staff_find_who_it_was(ride: Any) -> None:
    ada, bo, conversation_id, _name = ride
    seq = Api(bo).send(conversation_id, "bad words")["seq"]
    path = f"conversations/{conversation_id}/messages/{seq}/report/"
    report_id = Api(ada).ok("POST", path, {"reason": "harassment"}, status=201)["id"]
    snapshot = Report.objects.get(id=report_id).snapshot
    (row,) = [row for row in snapshot["messages"] if row["seq"] == seq]
    assert (row["sender_id"], row["persona"], row["body"]) == (None, "courier:8", {"text": "bad words"})
    services.ban_author(f"{conversation_id}:{seq}")
    assert User.objects.get(id=bo.user_id).banned_at is not None
