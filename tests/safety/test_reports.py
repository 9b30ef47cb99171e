"""Reporting: what is shown to staff, once, and nothing else; and what they decide."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from messaging.models import HiddenMessage, Membership, Message
from superapp.accounts.models import User
from superapp.core.errors import Conflict, Forbidden, NotFound
from superapp.core.models import AuditEntry
from superapp.safety import services
from superapp.safety.models import Report
from tests.accounts.staffers import browser, staff, submit, verified
from tests.messaging.api import Api
from tests.realtime.people import Device, friends, group, person, say

pytestmark = pytest.mark.django_db
REASON = "looked at it twice"


@pytest.fixture(autouse=True)
def _no_limits(settings: Any) -> None:
    settings.LIMITS_OVERRIDES = {"messaging.send.user": (1_000_000, 1)}


def report(who: Device, of: Device, reason: str = "spam", **more: Any) -> str:
    return str(Api(who).ok("POST", f"people/{of.id}/report/", {"reason": reason, **more}, status=201)["id"])


def report_message(who: Device, conversation_id: int, seq: int, **more: Any) -> str:
    path = f"conversations/{conversation_id}/messages/{seq}/report/"
    return str(Api(who).ok("POST", path, {"reason": "harassment", **more}, status=201)["id"])


def snapshot(report_id: str) -> dict:
    return dict(Report.objects.get(id=report_id).snapshot)


def texts(report_id: str) -> list[str]:
    return [row["body"].get("text", "") for row in snapshot(report_id)["messages"]]


# --- What is taken ----------------------------------------------------------------------------------------------------


def test_a_person_is_reported_as_they_showed_themselves() -> None:
    ada, eve = person("Ada"), person("Eve")
    found = Report.objects.get(id=report(ada, eve, "impersonation", comment="That is not her."))
    assert (found.reporter_id, found.subject_kind, found.subject_id) == (ada.user_id, "user", eve.id)
    assert (found.reason, found.state) == ("impersonation", "open")
    profile = {"id": eve.id, "handle": eve.handle, "display_name": "Eve", "avatar_id": None}
    assert found.snapshot == {"comment": "That is not her.", "profile": profile}
    Api(eve).ok("PATCH", "me/", {"display_name": "Somebody else"})
    assert snapshot(str(found.id))["profile"]["display_name"] == "Eve"


def test_a_message_is_shown_with_five_on_each_side() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    seqs = [say(bo, conversation_id, f"row {number}") for number in range(14)]
    report_id = report_message(ada, conversation_id, seqs[7])
    assert texts(report_id) == [f"row {number}" for number in range(2, 13)]
    assert snapshot(report_id)["seq"] == seqs[7]
    first = report_message(ada, conversation_id, seqs[0])
    assert texts(first) == ["", *(f"row {number}" for number in range(6))]
    assert snapshot(first)["messages"][0]["kind"] == "friends_now"


def test_nothing_is_taken_that_the_reporter_cannot_read() -> None:
    ada, bo, cy = person("Ada"), person("Bo"), person("Cy")
    group_id = group(bo, ada, cy)
    seqs = [say(bo, group_id, f"row {number}") for number in range(7)]
    mine = Membership.objects.filter(conversation_id=group_id, user_id=ada.user_id)
    mine.update(joined_seq=seqs[2], left_seq=seqs[4], left_message_no=5)
    assert texts(report_message(ada, group_id, seqs[3])) == ["row 2", "row 3", "row 4"]
    for seq in (seqs[1], seqs[5]):
        path = f"conversations/{group_id}/messages/{seq}/report/"
        assert Api(ada).refused("POST", path, {"reason": "spam"}) == (404, "not_found")
    HiddenMessage.objects.create(conversation_id=group_id, user_id=ada.user_id, seq=seqs[2])
    services.dismiss(report_id=Report.objects.get().id, actor_id=staff("moderator").id, reason=REASON)
    assert texts(report_message(ada, group_id, seqs[3])) == ["row 3", "row 4"]
    mine.update(cleared_seq=seqs[2])
    assert texts(report_message(ada, group_id, seqs[4])) == ["row 3", "row 4"]
    stranger = Api(person("Eve")).refused(
        "POST", f"conversations/{group_id}/messages/{seqs[3]}/report/", {"reason": "spam"}
    )
    assert stranger == (404, "not_found")


def test_what_was_taken_back_or_is_ones_own_cannot_be_reported() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    own, theirs = say(ada, conversation_id), say(bo, conversation_id)
    Message.objects.filter(conversation_id=conversation_id, seq=theirs).update(recalled_at=timezone.now(), body={})
    path = f"conversations/{conversation_id}/messages/"
    body = {"reason": "spam"}
    assert Api(ada).refused("POST", f"{path}{theirs}/report/", body) == (404, "not_found")
    assert Api(ada).refused("POST", f"{path}{own}/report/", body) == (422, "that_is_you")
    assert Api(ada).refused("POST", f"{path}99/report/", body) == (404, "not_found")
    assert Api(ada).refused("POST", f"people/{ada.id}/report/", body) == (422, "that_is_you")
    assert Api(ada).refused("POST", "people/1/report/", body) == (404, "not_found")
    assert Report.objects.count() == 0


def test_malformed_reports_are_refused() -> None:
    ada, eve = person("Ada"), person("Eve")
    for body in (
        {},
        {"reason": "boring"},
        {"reason": None},
        {"reason": "spam", "comment": "x" * 501},
        {"reason": "spam", "comment": "a\0b"},
        {"reason": "spam", "snapshot": {}},
        {"reason": "spam", "state": "resolved"},
    ):
        assert Api(ada).refused("POST", f"people/{eve.id}/report/", body) == (400, "invalid_input")


def test_the_same_again_is_the_same_report_with_what_was_said_first() -> None:
    ada, bo, eve = person("Ada"), person("Bo"), person("Eve")
    first = report(ada, eve, "spam", comment="first")
    assert report(ada, eve, "fraud", comment="second") == first
    assert snapshot(first)["comment"] == "first"
    # Somebody else's is another, and so is one after a decision.
    assert report(bo, eve) != first
    services.dismiss(report_id=int(first), actor_id=staff("moderator").id, reason=REASON)
    assert report(ada, eve) != first
    assert Report.objects.filter(subject_id=eve.id, state="open").count() == 2


def test_reports_are_limited_and_a_retry_is_none(settings: Any) -> None:
    settings.LIMITS_OVERRIDES = {"safety.report.user": (2, 86_400)}
    ada, others = person("Ada"), [person("Eve") for _ in range(3)]
    first, _second = report(ada, others[0]), report(ada, others[1])
    path = f"people/{others[2].id}/report/"
    assert Api(ada).refused("POST", path, {"reason": "spam"}) == (429, "too_many_requests")
    assert report(ada, others[0]) == first
    assert Report.objects.filter(reporter_id=ada.user_id).count() == 2


def test_whoever_blocks_their_victim_can_be_reported_by_them_alone() -> None:
    ada, eve, _conversation_id = friends("Ada", "Eve")
    stranger = person("Flo")
    for other in (ada, stranger):
        Api(eve).ok("PUT", f"blocks/{other.id}/", status=204)
    assert report(ada, eve)
    # To somebody who shares nothing with them they are nobody, as everywhere.
    path = f"people/{eve.id}/report/"
    assert Api(stranger).refused("POST", path, {"reason": "spam"}) == (404, "not_found")


def test_a_report_costs_a_handful_of_statements() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    seqs = [say(bo, conversation_id) for _ in range(12)]
    with CaptureQueriesContext(connection) as captured:
        report_message(ada, conversation_id, seqs[6])
    # Who asks; may they read, the message, before, after; known already, written, found.
    assert len([query for query in captured if "SAVEPOINT" not in query["sql"]]) == 8


# --- What is decided --------------------------------------------------------------------------------------------------


def test_resolving_ends_every_open_report_of_the_same_thing() -> None:
    ada, bo, eve, moderator = person("Ada"), person("Bo"), person("Eve"), staff("moderator")
    ids = [int(report(ada, eve)), int(report(bo, eve, "fraud"))]
    other = int(report(eve, bo))
    assert services.resolve(report_id=ids[0], actor_id=moderator.id, action="ban", reason=REASON) == 2
    rows = Report.objects.filter(id__in=ids)
    assert {(row.state, row.action, row.closed_by_id) for row in rows} == {("resolved", "ban", moderator.id)}
    assert User.objects.get(id=eve.user_id).banned_at is not None
    assert Api(eve).call("GET", "me/").status_code == 401
    assert Report.objects.get(id=other).state == "open"
    entries = AuditEntry.objects.filter(action="safety.report_resolved")
    assert {(entry.subject_id, entry.actor_id, entry.reason) for entry in entries} == {
        (str(one), moderator.id, REASON) for one in ids
    }


def test_the_author_of_a_message_is_banned() -> None:
    ada, eve, conversation_id = friends("Ada", "Eve")
    report_id = report_message(ada, conversation_id, say(eve, conversation_id, "bad words"))
    services.resolve(report_id=int(report_id), actor_id=staff("moderator").id, action="ban_author", reason=REASON)
    assert User.objects.get(id=eve.user_id).banned_at is not None


def test_what_cannot_be_done_changes_nothing() -> None:
    ada, eve, moderator = person("Ada"), person("Eve"), staff("moderator")
    report_id = int(report(ada, eve))
    # Of another kind of thing, and of nothing.
    for action in ("ban_author", "delete_everything"):
        with pytest.raises(Conflict):
            services.resolve(report_id=report_id, actor_id=moderator.id, action=action, reason=REASON)
    User.objects.filter(id=eve.user_id).update(is_staff=True)
    with pytest.raises(Forbidden):
        services.resolve(report_id=report_id, actor_id=moderator.id, action="ban", reason=REASON)
    assert Report.objects.get(id=report_id).state == "open"
    assert AuditEntry.objects.filter(action__startswith="safety.").count() == 0
    with pytest.raises(NotFound):
        services.dismiss(report_id=1, actor_id=moderator.id, reason=REASON)


def test_a_decision_stands_and_nobody_decides_about_themselves() -> None:
    ada, eve, moderator = person("Ada"), person("Eve"), staff("moderator")
    report_id = int(report(ada, eve))
    for part in (ada, eve):
        with pytest.raises(Forbidden):
            services.dismiss(report_id=report_id, actor_id=part.user_id, reason=REASON)
    services.dismiss(report_id=report_id, actor_id=moderator.id, reason=REASON)
    for decide in (services.dismiss, services.resolve):
        more = {"action": ""} if decide is services.resolve else {}
        with pytest.raises(Conflict):
            decide(report_id=report_id, actor_id=moderator.id, reason=REASON, **more)  # type: ignore[operator]
    assert Report.objects.get(id=report_id).state == "dismissed"


def test_nobody_decides_about_what_they_wrote() -> None:
    ada, eve, conversation_id = friends("Ada", "Eve")
    report_id = int(report_message(ada, conversation_id, say(eve, conversation_id)))
    with pytest.raises(Forbidden):
        services.dismiss(report_id=report_id, actor_id=eve.user_id, reason=REASON)
    assert Report.objects.get(id=report_id).state == "open"


def test_closed_reports_go_after_a_year() -> None:
    ada, eve, bo = person("Ada"), person("Eve"), person("Bo")
    ids = [int(report(ada, eve)), int(report(ada, bo))]
    services.dismiss(report_id=ids[0], actor_id=staff("moderator").id, reason=REASON)
    assert services.forget_old() == 0
    Report.objects.filter(id=ids[0]).update(closed_at=timezone.now() - timedelta(days=366))
    Report.objects.update(created_at=timezone.now() - timedelta(days=400))
    assert services.forget_old() == 1
    assert list(Report.objects.values_list("id", flat=True)) == [ids[1]]


def test_who_leaves_takes_their_name_out_of_it() -> None:
    ada, bo, eve = person("Ada"), person("Bo"), person("Eve")
    filed = [int(report(who, eve, comment=f"by {who.handle}")) for who in (ada, bo)]
    ((_name, copy),) = services.copy_of_person(ada.user_id)
    assert [(one["subject"], one["comment"]) for one in copy["results"]] == [("user", f"by {ada.handle}")]
    for who in (ada, bo, eve):
        services.erase_person(who.user_id)
        services.erase_person(who.user_id)
    rows = Report.objects.filter(id__in=filed)
    assert {row.reporter_id for row in rows} == {None}
    assert all("profile" not in row.snapshot for row in rows)


# --- The queue --------------------------------------------------------------------------------------------------------


def test_the_queue_shows_what_waits_and_never_what_was_said() -> None:
    ada, eve, conversation_id = friends("Ada", "Eve")
    bo = person("Bo")
    said = report_message(ada, conversation_id, say(eve, conversation_id, "a very bad word"))
    done = report(ada, bo)
    moderator = staff("moderator")
    services.dismiss(report_id=int(done), actor_id=moderator.id, reason=REASON)
    client = verified(moderator)
    queue = reverse("admin:safety_report_changelist")
    page = client.get(queue).content.decode()
    assert reverse("admin:safety_report_change", args=[said]) in page
    assert reverse("admin:safety_report_change", args=[done]) not in page
    assert "a very bad word" not in page
    assert AuditEntry.objects.filter(action="safety.report_viewed").count() == 0
    closed = client.get(f"{queue}?state=dismissed").content.decode()
    assert reverse("admin:safety_report_change", args=[done]) in closed
    assert reverse("admin:safety_report_change", args=[said]) not in closed
    found = client.get(f"{queue}?q=user:{bo.id}&state=all").content.decode()
    assert reverse("admin:safety_report_change", args=[done]) in found


def test_every_look_at_what_was_said_is_written_down_and_what_was_said_is_inert() -> None:
    ada, eve, conversation_id = friends("Ada", "Eve")
    attack = '<img src=x onerror="alert(1)">'
    report_id = report_message(ada, conversation_id, say(eve, conversation_id, attack), comment=attack)
    moderator = staff("moderator")
    client, address = verified(moderator), reverse("admin:safety_report_change", args=[report_id])
    for looks in (1, 2):
        page = client.get(address).content.decode()
        assert "&lt;img src=x" in page
        assert "<img src=x" not in page
        entries = AuditEntry.objects.filter(action="safety.report_viewed", subject_id=report_id)
        assert [entry.actor_id for entry in entries] == [moderator.id] * looks


@pytest.mark.parametrize("role", ["support", "finance", "verifier", "operator"])
def test_others_of_our_staff_do_not_see_it(role: str) -> None:
    ada, eve = person("Ada"), person("Eve")
    report_id = report(ada, eve)
    client = verified(staff(role))
    for address in (
        reverse("admin:safety_report_changelist"),
        reverse("admin:safety_report_change", args=[report_id]),
        reverse("admin:safety_report_resolve", args=[report_id]),
    ):
        assert client.get(address).status_code in {403, 404}
    assert browser().get(reverse("admin:safety_report_changelist")).status_code in {302, 403, 404}
    assert AuditEntry.objects.filter(action="safety.report_viewed").count() == 0


def test_moderators_decide_in_the_admin_with_a_reason() -> None:
    ada, eve = person("Ada"), person("Eve")
    report_id = report(ada, eve)
    moderator = staff("moderator")
    client = verified(moderator)
    address = reverse("admin:safety_report_resolve", args=[report_id])
    assert submit(client, address, {"action": "ban", "reason": ""}).status_code == 200
    assert Report.objects.get(id=report_id).state == "open"
    assert submit(client, address, {"action": "ban", "reason": REASON}).status_code == 302
    one = Report.objects.get(id=report_id)
    assert (one.state, one.action, one.closed_by_id) == ("resolved", "ban", moderator.id)
    assert User.objects.get(id=eve.user_id).banned_at is not None
    # It is decided: the page offers no more, and says who and what.
    page = client.get(reverse("admin:safety_report_change", args=[report_id])).content.decode()
    assert address not in page
    other = report(person("Bo"), person("Cy"))
    dismissed = submit(client, reverse("admin:safety_report_dismiss", args=[other]), {"reason": REASON})
    assert (dismissed.status_code, Report.objects.get(id=other).state) == (302, "dismissed")
