"""Who comes to a group because a friend adds them, and what they see of it."""

from typing import Any

import pytest
from django.db import IntegrityError, connection

from messaging.models import Conversation, Membership
from tests.messaging.api import Api
from tests.messaging.conftest import Wire
from tests.messaging.groups import (
    NO_LIMITS,
    add,
    added,
    fill,
    id_of,
    kinds,
    know_each_other,
    last,
    roles,
    tea,
)
from tests.messaging.test_statements import statements
from tests.realtime.people import person, say

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_limits(settings: Any) -> None:
    settings.LIMITS_OVERRIDES = NO_LIMITS


def test_a_member_adds_friends_who_are_told_once(wire: Wire) -> None:
    _ada, _bo, cy, at = tea()
    dee, eve = person("Dee"), person("Eve")
    know_each_other(cy, dee, eve)
    wire.pushes()
    assert add(cy, at, dee, eve) == added(in_=[dee, eve])
    row = last(dee, at)
    assert (row["kind"], row["sender_id"]) == ("members_added", cy.id)
    assert row["body"] == {"member_ids": sorted([dee.id, eve.id])}
    pushes = wire.pushes()
    assert [frame["payload"] for _topics, frame in pushes if frame["type"] == "message.created"] == [row]
    told = [topics for topics, frame in pushes if frame["type"] == "conversation.joined"]
    assert sorted(topic for topics in told for topic in topics) == sorted([f"user:{dee.id}", f"user:{eve.id}"])
    # A retry, and whoever is there already, change nothing.
    assert add(cy, at, dee, eve) == added()
    assert add(cy, at, cy) == added()
    assert wire.pushes() == []
    assert Api(cy).conversation(id_of(at))["member_count"] == 5 == len(Api(cy).all(f"{at}members/"))


def test_a_newcomer_sees_what_comes_and_has_read_it_all() -> None:
    ada, _bo, _cy, at = tea()
    dee = person("Dee")
    know_each_other(ada, dee)
    say(ada, id_of(at), "before")
    add(ada, at, dee)
    mine = Api(dee).conversation(id_of(at))["mine"]
    joined = last(dee, at)["seq"]
    assert (mine["unread"], mine["read_seq"], mine["first_seq"]) == (0, joined, joined)
    say(ada, id_of(at), "after")
    assert [row["kind"] for row in Api(dee).history(id_of(at))] == ["members_added", "text"]
    assert Api(dee).conversation(id_of(at))["mine"]["unread"] == 1
    assert Api(dee).get("sync/")["conversations"][0]["id"] == str(id_of(at))


def test_a_newcomer_sees_everything_where_the_group_wants_it() -> None:
    ada, _bo, _cy, at = tea()
    dee = person("Dee")
    know_each_other(ada, dee)
    Api(ada).ok("PATCH", f"{at}settings/", {"newcomers_see_history": True})
    say(ada, id_of(at), "before")
    add(ada, at, dee)
    assert [row["seq"] for row in Api(dee).history(id_of(at))] == list(range(1, 6))
    assert Api(dee).conversation(id_of(at))["mine"]["unread"] == 0


def test_coming_back_does_not_show_what_was_said_meanwhile() -> None:
    ada, _bo, cy, at = tea()
    Api(cy).ok("PUT", f"{at}alias/", {"alias": "Doc"})
    Api(cy).ok("POST", f"{at}leave/", status=204)
    say(ada, id_of(at), "behind their back")
    assert add(ada, at, cy) == added(in_=[cy])
    say(ada, id_of(at), "welcome")
    shown = Api(cy).history(id_of(at))
    assert [row["kind"] for row in shown] == ["members_added", "text"]
    mine = Api(cy).conversation(id_of(at))["mine"]
    assert (mine["left_seq"], mine["unread"], mine["alias"], mine["role"]) == (None, 1, "", "member")
    # Nor the page before, nor a place behind a seq of theirs.
    assert Api(cy).get(f"{at}messages/?before={shown[0]['seq']}")["results"] == []


def test_being_silenced_is_not_over_by_leaving_and_coming_back() -> None:
    ada, _bo, cy, at = tea()
    Api(ada).ok("PUT", f"{at}members/{cy.id}/silence/", {"until": "2100-01-01T00:00:00Z"}, status=204)
    Api(cy).ok("POST", f"{at}leave/", status=204)
    add(ada, at, cy)
    assert Api(cy).send_refused(id_of(at)) == (403, "silenced")


def test_only_friends_who_want_to_hear_from_one_are_added() -> None:
    ada, _bo, cy, at = tea()
    stranger, blocker, friend = person("Str"), person("Blo"), person("Dee")
    know_each_other(cy, blocker, friend)
    Api(blocker).ok("PUT", f"blocks/{cy.id}/", status=204)
    for other in (stranger, blocker):
        response = Api(cy).call("POST", f"{at}members/", {"user_ids": [friend.id, other.id]})
        assert (response.status_code, response.json()["error"]["code"]) == (403, "not_friends")
        assert response.json()["error"]["details"] == {"user_ids": [other.id]}
    assert Api(cy).refused("POST", f"{at}members/", {"user_ids": ["1"]}) == (403, "not_friends")
    assert set(roles(at)) & {stranger.id, blocker.id, friend.id} == set()
    assert Api(ada).refused("POST", f"{at}members/", {"user_ids": []}) == (400, "invalid_input")


def test_members_add_where_they_may() -> None:
    ada, bo, cy, at = tea()
    dee, eve = person("Dee"), person("Eve")
    know_each_other(cy, dee)
    know_each_other(bo, eve)
    Api(ada).ok("PATCH", f"{at}settings/", {"members_may_add": False})
    assert Api(cy).refused("POST", f"{at}members/", {"user_ids": [dee.id]}) == (403, "admins_only")
    assert add(bo, at, eve) == added(in_=[eve])


def test_who_was_removed_comes_back_through_who_runs_the_group_only() -> None:
    ada, bo, cy, at = tea()
    dee = person("Dee")
    know_each_other(cy, dee)
    know_each_other(ada, dee)
    add(cy, at, dee)
    Api(bo).ok("DELETE", f"{at}members/{dee.id}/", status=204)
    assert Api(cy).refused("POST", f"{at}members/", {"user_ids": [dee.id]}) == (403, "admins_only")
    assert add(ada, at, dee) == added(in_=[dee])


def test_where_joining_needs_consent_those_of_a_member_wait() -> None:
    ada, bo, cy, at = tea()
    dee, eve = person("Dee"), person("Eve")
    know_each_other(cy, dee)
    know_each_other(bo, eve)
    Api(ada).ok("PATCH", f"{at}settings/", {"joins_need_approval": True})
    assert add(cy, at, dee) == added(waiting=[dee])
    assert add(bo, at, eve) == added(in_=[eve])
    assert dee.id not in roles(at)
    (waiting,) = Api(bo).all(f"{at}join-requests/")
    assert (waiting["user"]["id"], waiting["inviter"]["id"]) == (dee.id, cy.id)
    Api(bo).ok("POST", f"{at}join-requests/{dee.id}/approve/", status=204)
    assert dee.id in roles(at)


def test_the_five_hundred_and_first_is_refused_by_rule_and_by_the_database() -> None:
    ada, _bo, _cy, at = tea()
    dee, eve = person("Dee"), person("Eve")
    know_each_other(ada, dee, eve)
    fill(at, 499)
    before = kinds(at)
    assert Api(ada).refused("POST", f"{at}members/", {"user_ids": [dee.id, eve.id]}) == (422, "group_too_large")
    assert add(ada, at, dee) == added(invited=[dee])
    Api(dee).ok("POST", f"group-invitations/{id_of(at)}/accept/")
    assert Conversation.objects.get(id=id_of(at)).member_count == 500
    assert Api(ada).refused("POST", f"{at}members/", {"user_ids": [eve.id]}) == (422, "group_too_large")
    assert kinds(at) == [*before, "member_joined"]
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute("UPDATE messaging_conversation SET member_count = 501 WHERE id = %s", [id_of(at)])


def test_adding_costs_the_same_however_many_they_are() -> None:
    costs = {"added": set[int](), "invited": set[int]()}
    for count in (1, 20):
        for what, size in (("added", 3), ("invited", 60)):
            ada, _bo, _cy, at = tea()
            fill(at, size)
            others = [person() for _ in range(count)]
            know_each_other(ada, *others)
            costs[what].add(statements(lambda: add(ada, at, *others)))  # noqa: B023
    # Who asks; then the group and my place, who is here, friends, blocks; then their places, how many they are, the
    # number and the row, two kinds of wishes that are settled by it, and who is still there when devices are told.
    # An invitation: whoever has one, theirs, who invites, and what is kept for their devices.
    assert costs == {"added": {13}, "invited": {10}}
    assert Membership.objects.filter(conversation_id=id_of(at), left_seq=None).count() == 60
