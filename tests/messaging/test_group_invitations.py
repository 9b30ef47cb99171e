"""In a large group whoever comes has to want it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from messaging.models import GroupInvitation
from tests.messaging.api import Api
from tests.messaging.conftest import Wire
from tests.messaging.groups import NO_LIMITS, add, added, fill, id_of, know_each_other, last, roles, tea
from tests.realtime.people import Device, person, say

pytestmark = pytest.mark.django_db
ENDED = (410, "invitation_ended")


@pytest.fixture(autouse=True)
def _no_limits(settings: Any) -> None:
    settings.LIMITS_OVERRIDES = NO_LIMITS


def large(count: int = 40) -> tuple[Device, Device, Device, Device, str]:
    """Ada's group of that many, of which Bo is an administrator and Cy a member, and Dee who knows them all."""
    ada, bo, cy, at = tea()
    dee = person("Dee")
    for member in (ada, bo, cy):
        know_each_other(member, dee)
    fill(at, count)
    return ada, bo, cy, dee, at


def accept(who: Device, at: str) -> dict[str, Any]:
    return dict(Api(who).ok("POST", f"group-invitations/{id_of(at)}/accept/"))


def accept_refused(who: Device, at: str) -> tuple[int, str]:
    return Api(who).refused("POST", f"group-invitations/{id_of(at)}/accept/")


def test_the_forty_first_is_asked_first(wire: Wire) -> None:
    _ada, _bo, cy, dee, at = large()
    wire.pushes()
    for _ in range(2):
        assert add(cy, at, dee) == added(invited=[dee])
    # Once, however often they are invited by the same person; also for a device that is away.
    ((topics, frame),) = wire.pushes()
    assert (topics, frame["type"]) == ([f"user:{dee.id}"], "group.invited")
    (shown,) = Api(dee).all("group-invitations/")
    assert {name: value for name, value in frame["payload"].items() if name != "event_id"} == shown
    assert (shown["title"], shown["member_count"], shown["inviter"]["id"]) == ("Tea", 40, cy.id)
    assert dee.id not in roles(at)
    assert Api(dee).refused("GET", f"conversations/{id_of(at)}/") == (404, "not_found")


def test_the_fortieth_is_just_added() -> None:
    _ada, _bo, cy, dee, at = large(39)
    assert add(cy, at, dee) == added(in_=[dee])


def test_an_invitation_is_kept_for_devices_that_are_away() -> None:
    _ada, _bo, cy, dee, at = large()
    cursor = Api(dee).get("sync/")["cursor"]
    add(cy, at, dee)
    events = Api(dee).get(f"sync/?cursor={cursor}")["events"]
    assert [event["payload"]["conversation_id"] for event in events if event["type"] == "group.invited"] == [
        str(id_of(at))
    ]


def test_accepting_joins_once() -> None:
    ada, _bo, cy, dee, at = large()
    say(ada, id_of(at), "before")
    add(cy, at, dee)
    for _ in range(2):
        assert accept(dee, at) == {"conversation_id": str(id_of(at)), "is_in": True}
    row = last(dee, at)
    assert (row["kind"], row["sender_id"], row["body"]["inviter_id"]) == ("member_joined", dee.id, cy.id)
    assert [shown["seq"] for shown in Api(dee).history(id_of(at))] == [row["seq"]]
    assert Api(dee).conversation(id_of(at))["mine"]["unread"] == 0
    assert Api(dee).all("group-invitations/") == []
    # It was for once: who has left is not let in by it again.
    Api(dee).ok("POST", f"{at}leave/", status=204)
    assert accept_refused(dee, at) == (409, "request_answered")


def test_declining_is_final_until_one_is_invited_again() -> None:
    _ada, _bo, cy, dee, at = large()
    add(cy, at, dee)
    for _ in range(2):
        Api(dee).ok("POST", f"group-invitations/{id_of(at)}/decline/", status=204)
    assert accept_refused(dee, at) == (409, "request_answered")
    add(cy, at, dee)
    assert accept(dee, at)["is_in"]
    assert Api(dee).refused("POST", f"group-invitations/{id_of(at)}/decline/") == (409, "request_answered")


def test_an_invitation_ends_with_its_time_with_its_inviter_and_with_the_group() -> None:
    ada, bo, cy, dee, at = large(50)
    add(cy, at, dee)
    GroupInvitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert accept_refused(dee, at) == ENDED
    assert Api(dee).all("group-invitations/") == []
    add(cy, at, dee)
    Api(ada).ok("PATCH", f"{at}settings/", {"members_may_add": False})
    assert accept_refused(dee, at) == ENDED
    Api(ada).ok("PATCH", f"{at}settings/", {"members_may_add": True})
    Api(bo).ok("DELETE", f"{at}members/{cy.id}/", status=204)
    assert accept_refused(dee, at) == ENDED
    add(bo, at, dee)
    Api(ada).ok("POST", f"{at}disband/", status=204)
    assert accept_refused(dee, at) == ENDED
    assert Api(dee).all("group-invitations/") == []
    assert dee.id not in roles(at)


def test_it_is_taken_back_by_who_made_it_and_by_who_runs_the_group() -> None:
    ada, bo, cy, dee, at = large()
    eve = person("Eve")
    know_each_other(ada, eve)
    add(ada, at, eve)
    add(cy, at, dee)
    assert [shown["invitee"]["id"] for shown in Api(cy).all(f"{at}invitations/")] == [dee.id]
    assert {shown["invitee"]["id"] for shown in Api(bo).all(f"{at}invitations/")} == {dee.id, eve.id}
    assert Api(cy).refused("DELETE", f"{at}invitations/{eve.id}/") == (404, "not_found")
    for _ in range(2):
        Api(cy).ok("DELETE", f"{at}invitations/{dee.id}/", status=204)
    Api(bo).ok("DELETE", f"{at}invitations/{eve.id}/", status=204)
    assert accept_refused(dee, at) == accept_refused(eve, at) == ENDED
    assert Api(bo).refused("DELETE", f"{at}invitations/{person().id}/") == (404, "not_found")


def test_where_joining_needs_consent_an_administrators_invitation_gives_it() -> None:
    ada, bo, cy, dee, at = large()
    Api(ada).ok("PATCH", f"{at}settings/", {"joins_need_approval": True})
    add(cy, at, dee)
    assert accept(dee, at)["is_in"] is False
    (waiting,) = Api(bo).all(f"{at}join-requests/")
    assert (waiting["user"]["id"], waiting["inviter"]["id"]) == (dee.id, cy.id)
    add(bo, at, dee)
    assert accept(dee, at)["is_in"] is True
    assert Api(bo).all(f"{at}join-requests/") == []


def test_what_can_no_longer_be_accepted_is_not_listed() -> None:
    ada, _bo, cy, dee, at = large()
    add(cy, at, dee)
    assert [shown["conversation_id"] for shown in Api(dee).all("group-invitations/")] == [str(id_of(at))]
    # Nor does it tell what the group is called from now on.
    Api(ada).ok("PATCH", f"{at}settings/", {"members_may_add": False})
    assert Api(dee).all("group-invitations/") == []
    Api(ada).ok("PATCH", f"{at}settings/", {"members_may_add": True})
    assert len(Api(dee).all("group-invitations/")) == 1
    Api(cy).ok("POST", f"{at}leave/", status=204)
    assert Api(dee).all("group-invitations/") == []


def test_whoever_accepts_again_still_waits_and_is_not_told_of_a_refusal() -> None:
    ada, bo, cy, dee, at = large()
    Api(ada).ok("PATCH", f"{at}settings/", {"joins_need_approval": True})
    add(cy, at, dee)
    assert [accept(dee, at)["is_in"] for _ in range(2)] == [False, False]
    Api(bo).ok("POST", f"{at}join-requests/{dee.id}/decline/", status=204)
    assert accept(dee, at)["is_in"] is False
    assert Api(bo).all(f"{at}join-requests/") == []
    # Whoever was let in and has gone needs a new one.
    add(cy, at, dee)
    assert accept(dee, at)["is_in"] is False
    Api(bo).ok("POST", f"{at}join-requests/{dee.id}/approve/", status=204)
    Api(dee).ok("POST", f"{at}leave/", status=204)
    assert accept_refused(dee, at) == (409, "request_answered")


def test_invitations_of_others_are_not_there() -> None:
    _ada, _bo, cy, dee, at = large()
    add(cy, at, dee)
    eve = person("Eve")
    assert accept_refused(eve, at) == (404, "not_found")
    assert Api(eve).refused("POST", f"group-invitations/{id_of(at)}/decline/") == (404, "not_found")
    assert Api(eve).refused("GET", f"{at}invitations/") == (404, "not_found")
    assert Api(eve).refused("DELETE", f"{at}invitations/{dee.id}/") == (404, "not_found")
    assert accept(dee, at)["is_in"]
