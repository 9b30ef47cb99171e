"""Who runs a group, what they decide, and what becomes of whoever goes."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

from messaging import services
from messaging.models import Conversation, Membership, Message
from superapp.core.api.fields import rfc3339
from tests.messaging.api import Api
from tests.messaging.conftest import Wire
from tests.messaging.groups import NO_LIMITS, id_of, last, roles, tea
from tests.realtime.people import friends, group, people, person, say

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_limits(settings: Any) -> None:
    settings.LIMITS_OVERRIDES = NO_LIMITS


# --- title, notice, settings ------------------------------------------------------------------------------------------


def test_owner_and_administrators_rename_a_group_once(wire: Wire) -> None:
    ada, bo, cy, at = tea()
    wire.pushes()
    renamed = Api(bo).ok("PATCH", f"{at}settings/", {"title": "Coffee"})
    assert (renamed["title"], renamed["last_message"]["kind"]) == ("Coffee", "title_changed")
    ((_topics, frame),) = wire.pushes()
    row = last(cy, at)
    assert frame["payload"] == row
    assert (row["sender_id"], row["body"]) == (bo.id, {"title": "Coffee"})
    # A retry changes nothing.
    assert Api(bo).ok("PATCH", f"{at}settings/", {"title": "Coffee"}) == renamed
    assert wire.pushes() == []
    assert Api(cy).refused("PATCH", f"{at}settings/", {"title": "Mine"}) == (403, "admins_only")
    assert Api(cy).conversation(id_of(at))["title"] == "Coffee"
    assert Api(ada).conversation(id_of(at))["mine"]["unread"] == 0


def test_settings_say_what_has_changed_and_hold() -> None:
    ada, bo, cy, at = tea()
    changed = Api(ada).ok("PATCH", f"{at}settings/", {"members_may_add": True, "is_silenced": True})
    assert changed["settings"] == {
        "is_silenced": True,
        "members_may_add": True,
        "members_may_mention_all": False,
        "joins_need_approval": False,
        "newcomers_see_history": False,
    }
    assert last(cy, at)["body"] == {"is_silenced": True}
    assert Api(cy).send_refused(id_of(at)) == (403, "silenced")
    Api(bo).send(id_of(at))
    for body in ({"is_silenced": "no"}, {"owner_id": cy.id}, {"title": " "}, {"title": "x" * 61}):
        assert Api(ada).refused("PATCH", f"{at}settings/", body) == (400, "invalid_input")


def test_a_notice_calls_for_everybody_until_it_is_read() -> None:
    ada, bo, cy, at = tea()
    shown = Api(bo).ok("PUT", f"{at}notice/", {"notice": "  Friday at eight.\n"})
    seq = shown["last_seq"]
    assert (shown["notice"], shown["mine"]["unread"], shown["mine"]["mention_seq"]) == ("Friday at eight.", 0, None)
    theirs = Api(cy).conversation(id_of(at))
    assert (theirs["notice"], theirs["mine"]["unread"], theirs["mine"]["mention_seq"]) == ("Friday at eight.", 1, seq)
    Api(cy).ok("POST", f"{at}read/", {"seq": seq})
    assert Api(cy).conversation(id_of(at))["mine"]["mention_seq"] is None
    # Taking it down calls for nobody.
    assert Api(ada).ok("PUT", f"{at}notice/", {"notice": ""})["notice"] == ""
    assert last(cy, at)["kind"] == "notice_removed"
    assert Api(cy).conversation(id_of(at))["mine"]["unread"] == 0
    assert Api(cy).refused("PUT", f"{at}notice/", {"notice": "me too"}) == (403, "admins_only")
    assert Api(ada).refused("PUT", f"{at}notice/", {"notice": "x" * 2001}) == (400, "invalid_input")


def test_an_alias_is_learnt_from_a_row_that_nobody_needs_to_see() -> None:
    ada, _bo, cy, at = tea()
    before = Api(ada).conversation(id_of(at))
    assert Api(cy).ok("PUT", f"{at}alias/", {"alias": "Doc"})["mine"]["alias"] == "Doc"
    after = Api(ada).conversation(id_of(at))
    assert (last(ada, at)["kind"], last(ada, at)["body"]) == ("alias_changed", {"alias": "Doc"})
    assert (after["last_at"], after["last_message"]) == (before["last_at"], before["last_message"])
    assert after["last_seq"] == before["last_seq"] + 1
    assert [member["alias"] for member in Api(ada).all(f"{at}members/") if member["user"]["id"] == cy.id] == ["Doc"]
    Api(cy).ok("PUT", f"{at}alias/", {"alias": ""})
    assert Api(cy).refused("PUT", f"{at}alias/", {"alias": "two\nlines"}) == (400, "invalid_input")


# --- who runs it ------------------------------------------------------------------------------------------------------


def test_the_owner_appoints_and_dismisses_and_members_do_not_promote_themselves(wire: Wire) -> None:
    ada, bo, cy, at = tea()
    for who in (bo, cy):
        for method, path, body in (
            ("PUT", f"admins/{cy.id}/", None),
            ("DELETE", f"admins/{bo.id}/", None),
            ("PUT", "owner/", {"user_id": who.id}),
        ):
            assert Api(who).refused(method, at + path, body) == (403, "owner_only")
    assert roles(at) == {ada.id: "owner", bo.id: "admin", cy.id: "member"}
    wire.pushes()
    for _ in range(2):
        Api(ada).ok("DELETE", f"{at}admins/{bo.id}/", status=204)
    assert [(frame["payload"]["kind"], frame["payload"]["body"]) for _topics, frame in wire.pushes()] == [
        ("admin_dismissed", {"member_id": bo.id})
    ]
    assert roles(at)[bo.id] == "member"
    assert Api(ada).refused("PUT", f"{at}admins/{person().id}/") == (404, "not_found")


def test_a_group_is_handed_over_to_one_who_is_there() -> None:
    ada, bo, cy, at = tea()
    assert Api(ada).refused("PUT", f"{at}owner/", {"user_id": ada.id}) == (422, "that_is_you")
    assert Api(ada).refused("PUT", f"{at}owner/", {"user_id": person().id}) == (404, "not_found")
    handed = Api(ada).ok("PUT", f"{at}owner/", {"user_id": cy.id})
    assert (handed["owner_id"], handed["mine"]["role"]) == (cy.id, "member")
    assert roles(at) == {ada.id: "member", bo.id: "admin", cy.id: "owner"}
    assert last(bo, at)["body"] == {"owner_id": cy.id}
    # Their own retry comes from somebody who no longer owns it.
    assert Api(ada).refused("PUT", f"{at}owner/", {"user_id": cy.id}) == (403, "owner_only")


def test_the_database_knows_one_owner() -> None:
    _ada, bo, _cy, at = tea()
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_membership SET role = 'owner' WHERE conversation_id = %s AND user_id = %s",
            [id_of(at), bo.user_id],
        )


def test_who_is_silenced_writes_again_when_it_is_over_or_taken_back() -> None:
    ada, bo, cy, at = tea()
    until = rfc3339(timezone.now() + timedelta(hours=1))
    for _ in range(2):
        Api(bo).ok("PUT", f"{at}members/{cy.id}/silence/", {"until": until}, status=204)
    assert (last(cy, at)["kind"], last(cy, at)["body"]) == ("member_silenced", {"member_id": cy.id, "until": until})
    assert Message.objects.filter(conversation_id=id_of(at), kind="member_silenced").count() == 1
    assert Api(cy).send_refused(id_of(at)) == (403, "silenced")
    assert Api(cy).conversation(id_of(at))["mine"]["silenced_until"] == until
    Api(bo).ok("DELETE", f"{at}members/{cy.id}/silence/", status=204)
    Api(cy).send(id_of(at))
    Api(ada).ok("PUT", f"{at}members/{cy.id}/silence/", {"until": until}, status=204)
    Membership.objects.filter(user_id=cy.user_id).update(silenced_until=timezone.now())
    Api(cy).send(id_of(at))
    past = {"until": rfc3339(timezone.now() - timedelta(minutes=1))}
    for body in (past, {"until": "soon"}, {"until": None}, {}):
        assert Api(bo).refused("PUT", f"{at}members/{cy.id}/silence/", body) == (400, "invalid_input")


def test_administrators_decide_over_members_and_the_owner_over_all() -> None:
    ada, bo, cy, at = tea()
    dee = person("Dee")
    Membership.objects.create(conversation_id=id_of(at), user_id=dee.user_id, role="admin")
    later = {"until": rfc3339(timezone.now() + timedelta(hours=1))}
    for whom in (ada, dee):
        assert Api(bo).refused("PUT", f"{at}members/{whom.id}/silence/", later) == (403, "owner_only")
        assert Api(bo).refused("DELETE", f"{at}members/{whom.id}/") == (403, "owner_only")
    for whom in (ada, bo, dee):
        assert Api(cy).refused("PUT", f"{at}members/{whom.id}/silence/", later) == (403, "admins_only")
        assert Api(cy).refused("DELETE", f"{at}members/{whom.id}/") == (403, "admins_only")
    assert Api(ada).refused("DELETE", f"{at}members/{ada.id}/") == (422, "that_is_you")
    assert set(roles(at)) == {ada.id, bo.id, cy.id, dee.id}
    Api(ada).ok("PUT", f"{at}members/{dee.id}/silence/", later, status=204)
    Api(ada).ok("DELETE", f"{at}members/{dee.id}/", status=204)
    assert set(roles(at)) == {ada.id, bo.id, cy.id}


def test_nobody_is_an_administrator_and_silenced() -> None:
    ada, _bo, cy, at = tea()
    later = {"until": rfc3339(timezone.now() + timedelta(hours=1))}
    Api(ada).ok("PUT", f"{at}members/{cy.id}/silence/", later, status=204)
    Api(ada).ok("PUT", f"{at}admins/{cy.id}/", status=204)
    Api(cy).send(id_of(at))


# --- going ------------------------------------------------------------------------------------------------------------


def test_who_is_removed_keeps_what_was_theirs_and_gets_nothing_more(wire: Wire) -> None:
    ada, bo, cy, at = tea()
    said = say(ada, id_of(at), "before")
    wire.pushes()
    Api(bo).ok("DELETE", f"{at}members/{cy.id}/", status=204)
    row = last(cy, at)
    assert (row["kind"], row["sender_id"], row["body"]) == ("member_removed", bo.id, {"member_id": cy.id})
    pushes = [(topics, frame["type"]) for topics, frame in wire.pushes()]
    assert ([f"conversation:{id_of(at)}"], "message.created") in pushes
    assert ([f"user:{cy.id}"], "conversation.left") in pushes
    then = Api(cy).conversation(id_of(at))
    assert (then["mine"]["left_seq"], then["last_seq"], then["mine"]["unread"]) == (row["seq"], row["seq"], 1)
    # What the group is called and agrees upon now is no longer theirs to know.
    say(ada, id_of(at), "after")
    Api(ada).ok("PATCH", f"{at}settings/", {"title": "Without Cy"})
    Api(ada).ok("PUT", f"{at}notice/", {"notice": "Cy is gone."})
    now = Api(cy).conversation(id_of(at))
    assert now == then
    assert (now["title"], now["notice"], now["member_count"], now["owner_id"], now["settings"]) == (
        "Tea",
        "",
        0,
        None,
        None,
    )
    assert [shown["seq"] for shown in Api(cy).history(id_of(at))] == [*range(1, said + 1), row["seq"]]
    assert [shown["id"] for shown in Api(cy).all("conversations/")] == [str(id_of(at))]
    assert Api(cy).send_refused(id_of(at)) == (404, "not_found")
    assert Api(ada).conversation(id_of(at))["member_count"] == 2
    # A retry changes nothing, and somebody who never was there is not found.
    wire.pushes()
    Api(bo).ok("DELETE", f"{at}members/{cy.id}/", status=204)
    assert wire.pushes() == []
    assert Api(bo).refused("DELETE", f"{at}members/{person().id}/") == (404, "not_found")


def test_leaving_is_repeatable_and_the_owner_hands_it_over_first() -> None:
    ada, bo, cy, at = tea()
    for _ in range(2):
        Api(bo).ok("POST", f"{at}leave/", status=204)
    assert Message.objects.filter(conversation_id=id_of(at), kind="member_left").count() == 1
    # They have done with it, and it is still theirs to read.
    assert Api(bo).all("conversations/") == []
    assert last(bo, at)["kind"] == "member_left"
    assert Api(ada).refused("POST", f"{at}leave/") == (409, "owner_must_stay")
    Api(ada).ok("PUT", f"{at}owner/", {"user_id": cy.id})
    Api(ada).ok("POST", f"{at}leave/", status=204)
    assert roles(at) == {cy.id: "owner"}
    assert Api(person()).refused("POST", f"{at}leave/") == (404, "not_found")


def test_the_last_one_who_leaves_disbands() -> None:
    ada, bo = people(2)
    at = f"conversations/{group(ada, bo)}/"
    Api(bo).ok("POST", f"{at}leave/", status=204)
    Api(ada).ok("POST", f"{at}leave/", status=204)
    conversation = Conversation.objects.get(id=id_of(at))
    assert (conversation.member_count, conversation.closed_at is None) == (0, False)
    assert not Membership.objects.filter(conversation_id=id_of(at), role="owner").exists()


def test_a_disbanded_group_is_read_and_nothing_else() -> None:
    ada, bo, cy, at = tea()
    say(cy, id_of(at), "remember this")
    assert Api(bo).refused("POST", f"{at}disband/") == (403, "owner_only")
    for _ in range(2):
        Api(ada).ok("POST", f"{at}disband/", status=204)
    assert last(cy, at)["kind"] == "group_disbanded"
    assert "remember this" in [row["body"].get("text") for row in Api(cy).history(id_of(at))]
    shown = Api(cy).conversation(id_of(at))
    assert shown["closed_at"] is not None
    rows = Message.objects.filter(conversation_id=id_of(at)).count()
    closed = (409, "conversation_closed")
    assert Api(ada).send_refused(id_of(at)) == closed
    for method, path, body in (
        ("PATCH", "settings/", {"title": "Alive"}),
        ("PUT", "notice/", {"notice": "x"}),
        ("PUT", "alias/", {"alias": "x"}),
        ("DELETE", f"members/{cy.id}/", None),
        ("PUT", f"admins/{cy.id}/", None),
        ("PUT", "owner/", {"user_id": cy.id}),
        ("POST", "leave/", None),
    ):
        assert Api(ada).refused(method, at + path, body) == closed
    assert Api(bo).refused("POST", f"{at}disband/") == (403, "owner_only")
    assert Message.objects.filter(conversation_id=id_of(at)).count() == rows


def test_conversations_of_two_are_no_groups() -> None:
    ada, bo, direct_id = friends("Ada", "Bo")
    at = f"conversations/{direct_id}/"
    for method, path, body in (
        ("PATCH", "settings/", {"title": "Us"}),
        ("PUT", "notice/", {"notice": "x"}),
        ("PUT", "alias/", {"alias": "x"}),
        ("DELETE", f"members/{bo.id}/", None),
        ("PUT", f"admins/{ada.id}/", None),
        ("PUT", "owner/", {"user_id": bo.id}),
        ("POST", "leave/", None),
        ("POST", "disband/", None),
    ):
        assert Api(ada).refused(method, at + path, body) == (404, "not_found")
    assert Conversation.objects.get(id=direct_id).last_seq == 1


def test_changes_are_limited(settings: Any) -> None:
    settings.LIMITS_OVERRIDES = {"messaging.change_group.user": (1, 1000)}
    ada, bo = people(2)
    conversation_id = group(ada, bo)
    services.change_alias(actor_id=ada.user_id, conversation_id=conversation_id, alias="A")
    path = f"conversations/{conversation_id}/alias/"
    assert Api(ada).refused("PUT", path, {"alias": "B"}, key=str(uuid4())) == (429, "too_many_requests")
