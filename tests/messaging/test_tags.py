"""What somebody files their friends under: for their own eyes."""

from typing import Any

import pytest

from messaging import services
from messaging.models import FriendTag, TaggedFriend
from tests.messaging.api import Api
from tests.messaging.conftest import Wire
from tests.realtime.people import Device, befriend, friends, person

pytestmark = pytest.mark.django_db
TAGS = "friend-tags/"


def tag(who: Device, name: str) -> str:
    return str(Api(who).ok("POST", TAGS, {"name": name})["id"])


def put_under(who: Device, friend: Device, *tag_ids: str) -> dict:
    return dict(Api(who).ok("PATCH", f"friends/{friend.id}/", {"tag_ids": list(tag_ids)}))


def under(who: Device, tag_id: str) -> list[str]:
    return [friend["user"]["id"] for friend in Api(who).all(f"friends/?tag_id={tag_id}&limit=1")]


def test_friends_are_found_under_their_tags() -> None:
    ada, bo, _conversation = friends("Ada", "Bo")
    cy = person("Cy")
    befriend(ada, cy)
    work, choir = tag(ada, "Work"), tag(ada, "Choir")
    assert put_under(ada, bo, work, choir)["tag_ids"] == sorted([work, choir], key=int)
    put_under(ada, cy, choir)
    assert (under(ada, work), under(ada, choir)) == ([bo.id], [cy.id, bo.id])
    assert Api(ada).get(f"friends/{bo.id}/")["tag_ids"] == sorted([work, choir], key=int)
    assert {friend["user"]["id"]: friend["tag_ids"] for friend in Api(ada).all("friends/")}[cy.id] == [choir]
    # Exactly these from now on.
    assert put_under(ada, bo, work)["tag_ids"] == [work]
    assert under(ada, choir) == [cy.id]
    assert put_under(ada, bo)["tag_ids"] == []
    assert under(ada, work) == []
    # Bo's own view of Ada knows nothing of it.
    assert Api(bo).get(f"friends/{ada.id}/")["tag_ids"] == []
    assert Api(bo).get(TAGS) == {"results": []}


def test_a_name_is_one_tag() -> None:
    ada = person("Ada")
    work = tag(ada, "Work")
    assert tag(ada, "Work") == tag(ada, "  Work ") == work
    choir = tag(ada, "Choir")
    assert Api(ada).get(TAGS) == {"results": [{"id": choir, "name": "Choir"}, {"id": work, "name": "Work"}]}
    assert Api(ada).refused("PATCH", f"{TAGS}{choir}/", {"name": "Work"}) == (409, "tag_name_taken")
    assert Api(ada).ok("PATCH", f"{TAGS}{choir}/", {"name": "Sunday"})["name"] == "Sunday"
    assert Api(ada).ok("PATCH", f"{TAGS}{choir}/", {"name": "Sunday"})["name"] == "Sunday"
    # Somebody else's of the same name is theirs.
    assert tag(person("Bo"), "Work") != work


def test_a_tag_that_goes_leaves_the_friends() -> None:
    ada, bo, _conversation = friends("Ada", "Bo")
    work = tag(ada, "Work")
    put_under(ada, bo, work)
    Api(ada).ok("DELETE", f"{TAGS}{work}/", status=204)
    assert Api(ada).refused("DELETE", f"{TAGS}{work}/") == (404, "not_found")
    assert Api(ada).get(f"friends/{bo.id}/")["tag_ids"] == []
    assert under(ada, work) == []
    assert TaggedFriend.objects.count() == 0


@pytest.mark.parametrize("who_ends_it", ["owner", "friend"])
def test_a_friend_who_goes_leaves_the_tags(who_ends_it: str) -> None:
    ada, bo, _conversation = friends("Ada", "Bo")
    put_under(ada, bo, tag(ada, "Work"))
    put_under(bo, ada, tag(bo, "Play"))
    one, other = (ada, bo) if who_ends_it == "owner" else (bo, ada)
    Api(one).ok("DELETE", f"friends/{other.id}/", status=204)
    assert TaggedFriend.objects.count() == 0
    assert FriendTag.objects.count() == 2


def test_other_peoples_tags_and_strangers_are_not_there() -> None:
    ada, bo, _conversation = friends("Ada", "Bo")
    eve = person("Eve")
    mine, theirs = tag(ada, "Work"), tag(eve, "Work")
    for tag_ids in ([theirs], [mine, theirs], ["1"]):
        assert Api(ada).refused("PATCH", f"friends/{bo.id}/", {"tag_ids": tag_ids}) == (404, "not_found")
    assert Api(ada).get(f"friends/{bo.id}/")["tag_ids"] == []
    assert Api(ada).refused("PATCH", f"friends/{eve.id}/", {"tag_ids": [mine]}) == (404, "not_found")
    assert Api(ada).refused("PATCH", f"{TAGS}{theirs}/", {"name": "x"}) == (404, "not_found")
    assert Api(ada).refused("DELETE", f"{TAGS}{theirs}/") == (404, "not_found")
    assert Api(ada).get(f"friends/?tag_id={theirs}")["results"] == []


def test_malformed_tags_are_refused() -> None:
    ada, bo, _conversation = friends("Ada", "Bo")
    for body in ({}, {"name": ""}, {"name": " "}, {"name": "x" * 21}, {"name": "a\nb"}, {"name": "a\0b"}, {"name": 1}):
        assert Api(ada).refused("POST", TAGS, body) == (400, "invalid_input")
    for changes in ({}, {"tag_ids": None}, {"tag_ids": "1"}, {"tag_ids": [1]}, {"tag_ids": ["1"] * 101}):
        assert Api(ada).refused("PATCH", f"friends/{bo.id}/", changes) == (400, "invalid_input")
    assert FriendTag.objects.count() == 0


def test_there_is_an_end_to_tags() -> None:
    ada = person("Ada")
    FriendTag.objects.bulk_create(
        FriendTag(user_id=ada.user_id, id=number, name=f"Tag {number}") for number in range(services.MOST_TAGS)
    )
    assert Api(ada).refused("POST", TAGS, {"name": "One more"}) == (422, "too_many_tags")
    assert tag(ada, "Tag 7") == "7"


def test_changes_are_limited(settings: Any) -> None:
    ada, bo, _conversation = friends("Ada", "Bo")
    work = services.create_tag(actor_id=ada.user_id, name="Work").id
    settings.LIMITS_OVERRIDES = {"messaging.change_contacts.user": (1, 1000)}
    Api(ada).ok("PATCH", f"friends/{bo.id}/", {"remark": "B."})
    for method, path, body in (
        ("PATCH", f"friends/{bo.id}/", {"remark": "Bo"}),
        ("POST", TAGS, {"name": "Home"}),
        ("PATCH", f"{TAGS}{work}/", {"name": "Home"}),
        ("DELETE", f"{TAGS}{work}/", None),
    ):
        assert Api(ada).refused(method, path, body) == (429, "too_many_requests")


def test_ones_own_devices_are_told(wire: Wire) -> None:
    ada, bo, _conversation = friends("Ada", "Bo")
    wire.pushes()
    work = tag(ada, "Work")
    Api(ada).ok("PATCH", f"friends/{bo.id}/", {"remark": "Bo the baker", "tag_ids": [work]})
    told = wire.pushes()
    assert [topics for topics, _frame in told] == [[f"user:{ada.id}"]] * 2
    for _topics, frame in told:
        frame["payload"].pop("event_id")
    assert [frame for _topics, frame in told] == [
        {"type": "friend_tags.changed", "payload": {"tags": [{"id": work, "name": "Work"}]}},
        {"type": "friend.changed", "payload": {"user_id": bo.id}},
    ]
    events = Api(ada).get("friends/")["results"]
    assert events[0]["remark"] == "Bo the baker"
