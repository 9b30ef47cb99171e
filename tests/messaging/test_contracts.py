"""Conversations that products open: for a service, or of people who need not know each other."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from messaging import selectors, services
from messaging.errors import Blocked, GroupTooLarge
from messaging.models import Conversation, Message, OpenedConversation
from messaging.services import leaving
from messaging.services.opened import close_those_that_are_over
from superapp.core import leases
from superapp.core.errors import NotFound
from superapp.realtime import push
from superapp.realtime import registry as realtime
from tests.messaging.api import Api
from tests.messaging.conftest import Wire
from tests.messaging.products import opened, post
from tests.messaging.test_statements import statements
from tests.realtime.people import Device, friends, people, say

pytestmark = pytest.mark.django_db


def ids(*members: Device) -> list[int]:
    return [member.user_id for member in members]


def topics_of(who: Device) -> set[str]:
    return realtime.topics.initial_topics([who.user_id])[who.user_id]


# --- opening ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["service", "temporary"])
def test_strangers_speak_where_a_product_brought_them_together(kind: str, wire: Wire) -> None:
    ada, bo = people(2)
    until = timezone.now() + timedelta(hours=1)
    conversation_id, name = opened(ada, bo, kind=kind, title="Your parcel", closes_at=until)
    joined = [frame for _topics, frame in wire.pushes() if frame["type"] == "conversation.joined"]
    assert {frame["payload"]["conversation_id"] for frame in joined} == {str(conversation_id)}
    assert Api(ada).send(conversation_id)["seq"] == 2
    shown = Api(bo).conversation(conversation_id)
    assert (shown["kind"], shown["title"], shown["member_count"]) == (kind, "Your parcel", 2)
    assert (shown["purpose"], shown["reference"]) == (name["purpose"], name["reference"])
    assert (shown["closed_at"], shown["closes_at"] is not None, shown["settings"]) == (None, True, None)
    first, second = Api(bo).history(conversation_id)
    assert (first["kind"], first["sender_id"], first["body"]) == ("conversation_opened", None, name)
    # Neither is anybody's friend by it; that it was opened is nothing to read.
    assert (second["message_no"], shown["mine"]["unread"], shown["mine"]["peer"]) == (1, 1, None)
    assert Api(ada).refused("POST", "conversations/direct/", {"user_id": bo.id}) == (403, "not_friends")


def test_one_thing_has_one_conversation(wire: Wire) -> None:
    ada, bo, cy = people(3)
    reference = str(uuid4())
    first, _name = opened(ada, bo, reference=reference)
    wire.pushes()
    # As it is now: who belongs to it is changed by set_members.
    assert opened(ada, cy, reference=reference)[0] == first
    assert wire.pushes() == []
    assert [member["user"]["id"] for member in Api(ada).all(f"conversations/{first}/members/")] == [ada.id, bo.id]
    other = services.open_conversation(
        kind="service", purpose="test.other", reference=reference, member_ids=ids(ada, bo)
    )
    assert other != first
    assert OpenedConversation.objects.filter(reference=reference).count() == 2


def test_nobody_outside_reads_writes_or_listens() -> None:
    ada, bo, eve = people(3)
    conversation_id, _name = opened(ada, bo)
    for path in ("", "messages/", "members/"):
        assert Api(eve).refused("GET", f"conversations/{conversation_id}/{path}") == (404, "not_found")
    assert Api(eve).send_refused(conversation_id) == (404, "not_found")
    kind, reference = realtime.topics.find(f"conversation:{conversation_id}")
    assert kind is not None
    assert (kind.may_join(eve.user_id, reference), kind.may_join(bo.user_id, reference)) == (False, True)


def test_a_block_refuses_the_direct_chat_and_not_this_one() -> None:
    ada, bo, direct_id = friends("Ada", "Bo")
    conversation_id, _name = opened(ada, bo)
    services.block(actor_id=bo.user_id, user_id=ada.user_id)
    assert Api(ada).send_refused(direct_id) == (403, "blocked")
    assert Api(ada).send(conversation_id)["seq"] == 2
    Api(ada).ok("POST", f"conversations/{conversation_id}/typing/", status=204)
    post(ada, conversation_id)
    with pytest.raises(Blocked):
        post(ada, direct_id)
    assert len(Api(bo).history(conversation_id)) == 3


def test_more_than_there_is_room_for_are_refused() -> None:
    with pytest.raises(GroupTooLarge):
        services.open_conversation(
            kind="service", purpose="test.x", reference="1", member_ids=range(10**14, 10**14 + 501)
        )
    assert not OpenedConversation.objects.exists()


# --- members ----------------------------------------------------------------------------------------------------------


def test_who_comes_and_who_goes_is_written_and_heard_at_once(wire: Wire) -> None:
    ada, bo, cy = people(3)
    conversation_id, name = opened(ada, bo)
    say(ada, conversation_id, "before")
    wire.pushes()
    services.set_members(member_ids=ids(ada, cy), **name)
    row = Api(ada).history(conversation_id)[-1]
    assert (row["kind"], row["sender_id"], row["message_no"]) == ("members_changed", None, 1)
    assert row["body"] == {
        "joined": {"member_ids": [cy.id], "personas": []},
        "left": {"member_ids": [bo.id], "personas": []},
    }
    pushed = [(topics, frame["type"]) for topics, frame in wire.pushes()]
    assert ([f"user:{cy.id}"], "conversation.joined") in pushed
    assert ([f"user:{bo.id}"], "conversation.left") in pushed
    topic = f"conversation:{conversation_id}"
    assert [topic in topics_of(who) for who in (ada, bo, cy)] == [True, False, True]
    assert Api(ada).conversation(conversation_id)["member_count"] == 2
    # Bo reads up to there and speaks no more; Cy begins there.
    assert Api(bo).send_refused(conversation_id) == (404, "not_found")
    assert Api(bo).history(conversation_id)[-1] == row
    assert Api(cy).history(conversation_id) == [row]
    assert Api(cy).conversation(conversation_id)["mine"]["unread"] == 0


def test_who_comes_is_pushed_nothing_that_was_still_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bo, cy = people(3)
    conversation_id, name = opened(ada, bo)
    orders: list[dict[str, Any]] = []
    monkeypatch.setattr(push, "join", lambda **order: orders.append(order))
    services.set_members(member_ids=ids(ada, cy), **name)
    (order,) = orders
    begins = Api(cy).conversation(conversation_id)["mine"]["first_seq"]
    assert (order["user_ids"], order["from_version"]) == ((cy.user_id,), begins)


def test_whoever_leaves_the_product_is_counted_no_more() -> None:
    ada, bo = people(2)
    conversation_id, _name = opened(ada, bo)
    direct_id = services.direct_conversation(user_ids=(ada.user_id, bo.user_id))
    for _ in range(2):
        leaving.erase_person(bo.user_id)
    members = Api(ada).all(f"conversations/{conversation_id}/members/")
    assert Api(ada).conversation(conversation_id)["member_count"] == len(members) == 1
    # A conversation of two stays one of two.
    assert Conversation.objects.get(id=direct_id).member_count == 2


def test_setting_the_same_members_again_does_nothing(wire: Wire) -> None:
    ada, bo = people(2)
    conversation_id, name = opened(ada, bo)
    wire.pushes()
    services.set_members(member_ids=ids(bo, ada, bo), **name)
    assert wire.pushes() == []
    assert Conversation.objects.get(id=conversation_id).last_seq == 1


@pytest.mark.parametrize(("kind", "seen"), [("service", ["one", "two", "three"]), ("temporary", ["three"])])
def test_whoever_joins_a_service_reads_what_was_said(kind: str, seen: list[str]) -> None:
    ada, bo, cy = people(3)
    conversation_id, name = opened(ada, bo, kind=kind)
    say(ada, conversation_id, "one")
    services.set_members(member_ids=ids(ada), **name)
    say(ada, conversation_id, "two")
    services.set_members(member_ids=ids(ada, bo, cy), **name)
    say(ada, conversation_id, "three")
    for who in (bo, cy):
        texts = [row["body"]["text"] for row in Api(who).history(conversation_id) if row["kind"] == "text"]
        assert texts == seen
        assert Api(who).conversation(conversation_id)["mine"]["unread"] == 1
    assert Api(bo).conversation(conversation_id)["mine"]["left_seq"] is None
    assert Conversation.objects.get(id=conversation_id).member_count == 3


def test_what_was_never_opened_has_no_members() -> None:
    for call in (services.set_members, services.close_conversation):
        more: dict[str, Any] = {"member_ids": []} if call is services.set_members else {}
        with pytest.raises(NotFound):
            call(purpose="test.delivery", reference="never", **more)


def test_it_costs_the_same_however_many_come() -> None:
    costs = set()
    for count in (2, 12):
        ada, *others = people(count)
        _conversation, name = opened(ada)
        costs.add(statements(lambda: services.set_members(member_ids=ids(ada, *others), **name)))  # noqa: B023
    assert len(costs) == 1


# --- the end ----------------------------------------------------------------------------------------------------------


def test_what_is_closed_is_read_and_not_written(wire: Wire) -> None:
    ada, bo = people(2)
    conversation_id, name = opened(ada, bo)
    say(ada, conversation_id, "thanks")
    wire.pushes()
    services.close_conversation(**name)
    services.close_conversation(**name)
    row = Api(bo).history(conversation_id)[-1]
    assert (row["kind"], row["sender_id"], row["body"], row["seq"]) == ("conversation_closed", None, {}, 3)
    assert [frame["payload"] for _topics, frame in wire.pushes()] == [row]
    assert Api(ada).send_refused(conversation_id) == (409, "conversation_closed")
    assert Api(bo).conversation(conversation_id)["closed_at"] is not None
    assert opened(ada, bo, reference=name["reference"])[0] == conversation_id


def test_the_hour_ends_it_and_a_loop_writes_that_it_has(settings: Any) -> None:
    ada, bo = people(2)
    over, _name = opened(ada, bo, closes_at=timezone.now() - timedelta(seconds=1))
    later, _name = opened(ada, bo, closes_at=timezone.now() + timedelta(hours=1))
    # Nobody writes before the loop has come by, either.
    assert Api(ada).send_refused(over) == (409, "conversation_closed")
    lease = leases.claim(name="messaging.closing", shard="0", ttl=settings.LEASE_TTL)
    assert lease is not None
    assert (close_those_that_are_over(lease), close_those_that_are_over(lease)) == (1, 0)
    assert [row["kind"] for row in Api(bo).history(over)] == ["conversation_opened", "conversation_closed"]
    assert Api(bo).conversation(over)["closed_at"] is not None
    assert Api(ada).send(later)["seq"] == 2


def test_a_loop_that_lost_its_lease_closes_nothing(settings: Any) -> None:
    ada, bo = people(2)
    over, _name = opened(ada, bo, closes_at=timezone.now() - timedelta(seconds=1))
    lease = leases.claim(name="messaging.closing", shard="0", ttl=settings.LEASE_TTL)
    assert lease is not None
    lease.release()
    assert leases.claim(name="messaging.closing", shard="0", ttl=settings.LEASE_TTL)
    with pytest.raises(leases.LeaseLost):
        close_those_that_are_over(lease)
    assert Message.objects.filter(conversation_id=over).count() == 1


def test_sync_tells_of_it_all() -> None:
    ada, bo = people(2)
    cursor = Api(bo).get("sync/")["cursor"]
    conversation_id, name = opened(ada, bo)
    services.close_conversation(**name)
    (found,) = Api(bo).get(f"sync/?cursor={cursor}")["conversations"]
    assert (found["id"], found["last_seq"]) == (str(conversation_id), 2)
    assert found == selectors.conversation_frame(actor_id=bo.user_id, conversation_id=conversation_id)
