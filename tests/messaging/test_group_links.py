"""Joining by a link or its QR code, and by the consent of who runs the group."""

from typing import Any

import pytest
from django.utils import timezone

from messaging.models import GroupLink
from superapp.core.models import Link
from tests.messaging.api import Api
from tests.messaging.conftest import Wire
from tests.messaging.groups import NO_LIMITS, fill, id_of, kinds, last, roles, tea
from tests.realtime.people import Device, person, say

pytestmark = pytest.mark.django_db
ENDED = (410, "link_ended")


@pytest.fixture(autouse=True)
def _no_limits(settings: Any) -> None:
    settings.LIMITS_OVERRIDES = NO_LIMITS


def link_of(who: Device, at: str) -> str:
    return str(Api(who).ok("POST", f"{at}links/")["url"])


def join(who: Device, link: str) -> dict[str, Any]:
    return dict(Api(who).ok("POST", "group-joins/", {"link": link}))


def join_refused(who: Device, link: str) -> tuple[int, str]:
    return Api(who).refused("POST", "group-joins/", {"link": link})


def test_a_link_is_the_same_until_it_ends() -> None:
    ada, _bo, cy, at = tea()
    issued = Api(cy).ok("POST", f"{at}links/")
    assert Api(cy).ok("POST", f"{at}links/") == issued
    assert issued["svg"].startswith("<svg")
    assert link_of(ada, at) != issued["url"]
    listed = Api(cy).all(f"{at}links/")
    assert [set(shown) for shown in listed] == [{"id", "issuer", "created_at", "expires_at"}]
    assert len(Api(ada).all(f"{at}links/")) == 2
    GroupLink.objects.update(expires_at=timezone.now())
    Link.objects.update(expires_at=timezone.now())
    assert Api(cy).all(f"{at}links/") == []
    assert link_of(cy, at) != issued["url"]


def test_scanning_tells_the_groups_name_and_size_and_nothing_that_was_said() -> None:
    ada, _bo, cy, at = tea()
    say(ada, id_of(at), "secret")
    eve, link = person("Eve"), link_of(cy, at)
    response = Api(eve).call("POST", "scan/", {"content": link})
    scanned = response.json()
    assert b"secret" not in response.content
    assert (scanned["kind"], scanned["title"]) == ("group", "Tea")
    assert set(scanned["data"]) == {
        "conversation_id",
        "title",
        "member_count",
        "joins_need_approval",
        "is_member",
        "issuer",
    }
    assert (scanned["data"]["member_count"], scanned["data"]["is_member"]) == (3, False)
    assert scanned["data"]["issuer"]["id"] == cy.id
    assert Api(ada).ok("POST", "scan/", {"content": link})["data"]["is_member"] is True
    assert eve.id not in roles(at)


def test_whoever_holds_the_link_joins_once(wire: Wire) -> None:
    ada, _bo, cy, at = tea()
    say(ada, id_of(at), "before")
    eve, link = person("Eve"), link_of(cy, at)
    wire.pushes()
    for _ in range(2):
        assert join(eve, link) == {"conversation_id": str(id_of(at)), "is_in": True}
    row = last(eve, at)
    assert (row["kind"], row["sender_id"]) == ("member_joined", eve.id)
    assert row["body"] == {"inviter_id": cy.id, "approver_id": None}
    assert [shown["seq"] for shown in Api(eve).history(id_of(at))] == [row["seq"]]
    assert sorted(wire.types()) == ["conversation.joined", "message.created"]


def test_links_are_limited(settings: Any) -> None:
    ada, _bo, _cy, at = tea()
    settings.LIMITS_OVERRIDES = {"messaging.change_group.user": (1, 1000)}
    link = Api(ada).ok("POST", f"{at}links/")
    Api(ada).ok("DELETE", f"{at}links/{link['id']}/", status=204)
    assert Api(ada).refused("POST", f"{at}links/") == (429, "too_many_requests")


def test_a_link_ends_when_it_is_revoked() -> None:
    ada, bo, cy, at = tea()
    link, of_ada = Api(cy).ok("POST", f"{at}links/"), Api(ada).ok("POST", f"{at}links/")
    assert Api(cy).refused("DELETE", f"{at}links/{of_ada['id']}/") == (404, "not_found")
    for _ in range(2):
        Api(bo).ok("DELETE", f"{at}links/{link['id']}/", status=204)
    eve = person("Eve")
    assert join_refused(eve, link["url"]) == ENDED
    assert Api(eve).refused("POST", "scan/", {"content": link["url"]}) == ENDED
    assert join(eve, of_ada["url"])["is_in"]


def test_a_link_ends_with_the_right_of_who_made_it_and_with_the_group() -> None:
    ada, bo, cy, at = tea()
    eve, link, of_bo = person("Eve"), link_of(cy, at), link_of(bo, at)
    Api(ada).ok("PATCH", f"{at}settings/", {"members_may_add": False})
    for refused in (join_refused(eve, link), Api(eve).refused("POST", "scan/", {"content": link})):
        assert refused == ENDED
    assert Api(cy).refused("POST", f"{at}links/") == (403, "admins_only")
    Api(ada).ok("PATCH", f"{at}settings/", {"members_may_add": True})
    Api(bo).ok("DELETE", f"{at}members/{cy.id}/", status=204)
    assert join_refused(eve, link) == ENDED
    Api(ada).ok("POST", f"{at}disband/", status=204)
    for refused in (join_refused(eve, of_bo), Api(eve).refused("POST", "scan/", {"content": of_bo})):
        assert refused == ENDED
    assert eve.id not in roles(at)


def test_what_is_no_link_to_a_group_joins_nothing() -> None:
    ada, _bo, _cy, at = tea()
    eve = person("Eve")
    card = Api(ada).get("me/qr/")["url"]
    for content in (card, "https://elsewhere.example/", str(id_of(at)), f"http://localhost/l/{'x' * 24}"):
        assert join_refused(eve, content) == (404, "not_found")
    assert set(roles(at)) & {eve.id} == set()


def test_a_full_group_takes_nobody_by_link() -> None:
    _ada, _bo, cy, at = tea()
    link, before = link_of(cy, at), kinds(at)
    fill(at, 500)
    assert join_refused(person("Eve"), link) == (422, "group_too_large")
    assert kinds(at) == before


# --- consent ----------------------------------------------------------------------------------------------------------


def test_where_joining_needs_consent_a_link_asks_for_it(wire: Wire) -> None:
    ada, bo, _cy, at = tea()
    Api(ada).ok("PATCH", f"{at}settings/", {"joins_need_approval": True})
    eve, link, cursor = person("Eve"), link_of(ada, at), Api(bo).get("sync/")["cursor"]
    wire.pushes()
    for _ in range(2):
        assert join(eve, link)["is_in"] is False
    pushes = wire.pushes()
    assert sorted(topic for topics, _frame in pushes for topic in topics) == sorted([f"user:{ada.id}", f"user:{bo.id}"])
    for _topics, frame in pushes:
        assert (frame["type"], frame["payload"]["user_ids"]) == ("group.join_requested", [eve.id])
    assert [event["type"] for event in Api(bo).get(f"sync/?cursor={cursor}")["events"]] == ["group.join_requested"]
    assert Api(eve).refused("GET", f"conversations/{id_of(at)}/") == (404, "not_found")
    for _ in range(2):
        Api(bo).ok("POST", f"{at}join-requests/{eve.id}/approve/", status=204)
    row = last(eve, at)
    assert (row["kind"], row["sender_id"]) == ("member_joined", eve.id)
    assert row["body"] == {"inviter_id": ada.id, "approver_id": bo.id}
    assert Api(ada).all(f"{at}join-requests/") == []
    assert Api(bo).refused("POST", f"{at}join-requests/{eve.id}/decline/") == (409, "request_answered")


def test_who_was_removed_needs_consent_even_where_nobody_else_does() -> None:
    ada, _bo, cy, at = tea()
    link = link_of(ada, at)
    Api(ada).ok("DELETE", f"{at}members/{cy.id}/", status=204)
    assert join(cy, link)["is_in"] is False
    assert cy.id not in roles(at)
    Api(ada).ok("POST", f"{at}join-requests/{cy.id}/approve/", status=204)
    assert roles(at)[cy.id] == "member"
    # Whoever left by themselves just comes back.
    Api(cy).ok("POST", f"{at}leave/", status=204)
    assert join(cy, link)["is_in"] is True


def test_who_was_left_out_may_ask_again_and_is_not_told() -> None:
    ada, bo, _cy, at = tea()
    Api(ada).ok("PATCH", f"{at}settings/", {"joins_need_approval": True})
    eve, link = person("Eve"), link_of(ada, at)
    join(eve, link)
    for _ in range(2):
        Api(bo).ok("POST", f"{at}join-requests/{eve.id}/decline/", status=204)
    assert Api(bo).refused("POST", f"{at}join-requests/{eve.id}/approve/") == (409, "request_answered")
    assert join(eve, link)["is_in"] is False
    Api(ada).ok("POST", f"{at}join-requests/{eve.id}/approve/", status=204)
    assert eve.id in roles(at)


def test_members_do_not_decide_who_joins() -> None:
    ada, _bo, cy, at = tea()
    Api(ada).ok("PATCH", f"{at}settings/", {"joins_need_approval": True})
    eve = person("Eve")
    join(eve, link_of(cy, at))
    for method, path in (("GET", ""), ("POST", f"{eve.id}/approve/"), ("POST", f"{eve.id}/decline/")):
        assert Api(cy).refused(method, f"{at}join-requests/{path}") == (403, "admins_only")
        assert Api(eve).refused(method, f"{at}join-requests/{path}") == (404, "not_found")
    assert Api(ada).refused("POST", f"{at}join-requests/{person().id}/approve/") == (404, "not_found")
    assert eve.id not in roles(at)
