"""Conversations of two and groups: opened once, listed for their members."""

from uuid import uuid4

import pytest

from messaging import services
from messaging.errors import GroupTooLarge
from messaging.models import GROUP_LIMIT, Conversation, Friendship, Membership, Message
from tests.messaging.api import Api, untouched
from tests.messaging.conftest import Wire
from tests.realtime.people import Device, befriend, friends, group, person

pytestmark = pytest.mark.django_db


def create(owner: Device, members: list[str], *, key: str, title: str = "Tea") -> dict:
    body = {"title": title, "member_ids": members}
    return dict(Api(owner).ok("POST", "conversations/groups/", body, status=201, key=key))


def test_direct_conversation_is_the_same_from_both_sides() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    mine = Api(ada).ok("POST", "conversations/direct/", {"user_id": bo.id})
    theirs = Api(bo).ok("POST", "conversations/direct/", {"user_id": ada.id})
    assert mine["id"] == theirs["id"] == str(conversation_id)
    assert (mine["kind"], mine["member_count"], mine["title"]) == ("direct", 2, "")
    assert mine["mine"]["peer"]["id"] == bo.id
    assert theirs["mine"]["peer"]["id"] == ada.id


def test_direct_conversation_is_for_friends() -> None:
    ada, eve = person("Ada"), person("Eve")
    before = Conversation.objects.count()
    assert Api(ada).refused("POST", "conversations/direct/", {"user_id": eve.id}) == (403, "not_friends")
    assert Api(ada).refused("POST", "conversations/direct/", {"user_id": "1"}) == (403, "not_friends")
    assert Api(ada).refused("POST", "conversations/direct/", {"user_id": ada.id}) == (422, "that_is_you")
    assert Conversation.objects.count() == before


def test_group_begins_with_a_row_that_counts_for_nobody(wire: Wire) -> None:
    ada, bo, _direct = friends("Ada", "Bo")
    cy = person("Cy")
    befriend(ada, cy)
    wire.pushes()
    made = create(ada, [bo.id, cy.id, bo.id], key=str(uuid4()))
    assert (made["kind"], made["title"], made["member_count"], made["last_seq"]) == ("group", "Tea", 3, 1)
    assert made["mine"] == untouched(role="owner")
    row = made["last_message"]
    assert (row["seq"], row["kind"], row["sender_id"]) == (1, "group_created", ada.id)
    assert row["body"] == {"title": "Tea", "member_ids": [ada.id, *sorted([bo.id, cy.id], key=int)]}
    for member in (ada, bo, cy):
        assert Api(member).history(made["id"]) == [row]
        assert Api(member).conversation(made["id"])["mine"]["unread"] == 0
    told = wire.pushes()
    # Who shares a slot shares a publish; nobody is told twice.
    everybody = [topic for topics, _frame in told for topic in topics]
    assert sorted(everybody) == sorted(f"user:{member.id}" for member in (ada, bo, cy))
    for _topics, frame in told:
        assert frame == {"type": "conversation.joined", "payload": {"conversation_id": made["id"]}}


def test_members_have_roles_and_pages() -> None:
    ada = person("Ada")
    others = [person(f"p{number}") for number in range(4)]
    group_id = group(ada, *others)
    members = Api(others[0]).all(f"conversations/{group_id}/members/?limit=2")
    assert {(member["user"]["id"], member["role"]) for member in members} == {
        (ada.id, "owner"),
        *((other.id, "member") for other in others),
    }
    assert len(members) == 5
    assert set(members[0]) == {"user", "persona", "role", "alias", "silenced_until", "joined_at"}


def test_repeating_the_key_returns_the_first_group(wire: Wire) -> None:
    ada, bo, _direct = friends("Ada", "Bo")
    key = str(uuid4())
    body = {"title": "Tea", "member_ids": [bo.id]}
    first = Api(ada).call("POST", "conversations/groups/", body, key=key)
    wire.pushes()
    second = Api(ada).call("POST", "conversations/groups/", body, key=key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json()
    assert ("Idempotent-Replayed" in first, second["Idempotent-Replayed"]) == (False, "true")
    assert wire.types() == []
    # The same set of people in other words is the same request.
    assert create(ada, [bo.id, bo.id, ada.id], key=key)["id"] == first.json()["id"]
    for other in ({"title": "Coffee", "member_ids": [bo.id]}, {"title": "Tea", "member_ids": [ada.id]}):
        assert Api(ada).refused("POST", "conversations/groups/", other, key=key) == (409, "idempotency_conflict")
    assert Conversation.objects.filter(kind="group").count() == 1
    assert Message.objects.filter(kind="group_created").count() == 1


def test_the_same_key_of_somebody_else_is_another_group() -> None:
    ada, bo, _direct = friends("Ada", "Bo")
    key = str(uuid4())
    assert create(ada, [bo.id], key=key)["id"] != create(bo, [ada.id], key=key)["id"]


def test_groups_are_made_of_friends_and_the_others_are_named(wire: Wire) -> None:
    ada, bo, _direct = friends("Ada", "Bo")
    eve, zoe = person("Eve"), person("Zoe")
    wire.pushes()
    body = {"title": "Tea", "member_ids": [bo.id, zoe.id, eve.id, "1"]}
    response = Api(ada).call("POST", "conversations/groups/", body, key=str(uuid4()))
    assert (response.status_code, response.json()["error"]["code"]) == (403, "not_friends")
    assert response.json()["error"]["details"] == {"user_ids": ["1", *sorted([eve.id, zoe.id], key=int)]}
    assert Conversation.objects.filter(kind="group").count() == 0
    assert wire.types() == []


def test_groups_hold_five_hundred() -> None:
    ada, bo, _direct = friends("Ada", "Bo")
    ids = list(range(10**15, 10**15 + GROUP_LIMIT - 1))
    Friendship.objects.bulk_create(
        Friendship(user_id=ada.user_id, friend_id=other, source="handle", conversation_id=0) for other in ids
    )
    made = services.create_group(creator_id=ada.user_id, title="All", member_ids=ids, client_id=uuid4())
    assert Membership.objects.filter(conversation_id=made.conversation_id).count() == GROUP_LIMIT
    with pytest.raises(GroupTooLarge):
        services.create_group(creator_id=ada.user_id, title="More", member_ids=[*ids, bo.user_id], client_id=uuid4())
    body = {"title": "More", "member_ids": [*map(str, ids), bo.id]}
    # Forty begin without being asked; whoever comes then is invited.
    for body["member_ids"], status in ((list(map(str, ids[:39])), 201), (list(map(str, ids[:40])), 400)):
        assert Api(ada).call("POST", "conversations/groups/", body, key=str(uuid4())).status_code == status
    assert Conversation.objects.filter(kind="group").count() == 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"title": "Tea"},
        {"title": "", "member_ids": ["1"]},
        {"title": "x" * 61, "member_ids": ["1"]},
        {"title": "a\0b", "member_ids": ["1"]},
        {"title": 7, "member_ids": ["1"]},
        {"title": "Tea", "member_ids": []},
        {"title": "Tea", "member_ids": [1]},
        {"title": "Tea", "member_ids": "1"},
        {"title": "Tea", "member_ids": ["x"]},
        {"title": "Tea", "member_ids": [None]},
        {"title": "Tea", "member_ids": ["1"], "colour": "red"},
    ],
)
def test_malformed_groups_are_refused(body: dict) -> None:
    ada = person("Ada")
    assert Api(ada).refused("POST", "conversations/groups/", body, key=str(uuid4())) == (400, "invalid_input")
    assert Conversation.objects.count() == 0


def test_a_group_needs_a_key_that_is_a_uuid() -> None:
    ada, bo, _direct = friends("Ada", "Bo")
    body = {"title": "Tea", "member_ids": [bo.id]}
    for key in (None, "abc", "1"):
        assert Api(ada).refused("POST", "conversations/groups/", body, key=key) == (400, "invalid_input")


def test_conversations_are_listed_by_their_last_change() -> None:
    ada = person("Ada")
    ids = [befriend(person(name), ada) for name in ("Bo", "Cy", "Di")]
    Api(ada).send(ids[0], "newest now")
    expected = [str(ids[0]), str(ids[2]), str(ids[1])]
    first = Api(ada).get("conversations/?limit=2")
    second = Api(ada).get(first["next"])
    assert [row["id"] for row in first["results"] + second["results"]] == expected
    assert first["results"][0]["last_message"]["body"] == {"text": "newest now"}
    assert [row["id"] for row in Api(ada).get(second["previous"])["results"]] == expected[:2]
    for row in first["results"]:
        assert row == Api(ada).conversation(row["id"])
