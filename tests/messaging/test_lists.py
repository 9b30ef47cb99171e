"""The list of conversations: what is on top, what is out of it, and what one page of it costs."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from messaging import log, services
from messaging.models import Conversation, Membership, Message
from superapp.core.ids import new_id
from tests.messaging.api import Api
from tests.messaging.conftest import Wire
from tests.realtime.people import Device, another_device, befriend, friends, group, person, say

pytestmark = pytest.mark.django_db


def listed(who: Device, query: str = "") -> list[str]:
    return [row["id"] for row in Api(who).all(f"conversations/{query}")]


def choose(who: Device, conversation_id: int, **choice: bool) -> dict:
    return dict(Api(who).ok("PATCH", f"conversations/{conversation_id}/mine/", choice))


def acquaintances(ada: Device, count: int) -> list[int]:
    """Conversations of Ada's with as many people, the first one first."""
    return [befriend(person("Bo"), ada) for _ in range(count)]


def test_the_pinned_come_first_and_each_half_is_by_time() -> None:
    ada = person("Ada")
    ids = [str(found) for found in acquaintances(ada, 4)]
    assert listed(ada) == ids[::-1]
    for found in (ids[0], ids[1]):
        assert choose(ada, int(found), is_pinned=True)["is_pinned"]
    assert listed(ada) == [ids[1], ids[0], ids[3], ids[2]]
    Api(ada).send(ids[0], "later than all")
    assert listed(ada) == [ids[0], ids[1], ids[3], ids[2]]
    choose(ada, int(ids[0]), is_pinned=False)
    assert listed(ada) == [ids[1], ids[0], ids[3], ids[2]]
    # Pages go across the border, and back.
    first = Api(ada).get("conversations/?limit=1")
    second = Api(ada).get(first["next"])
    third = Api(ada).get(second["next"])
    assert [page["results"][0]["id"] for page in (first, second, third)] == [ids[1], ids[0], ids[3]]
    assert Api(ada).get(third["previous"])["results"][0]["id"] == ids[0]
    assert Api(ada).get(second["previous"])["results"][0]["id"] == ids[1]


def test_what_is_hidden_comes_back_with_a_message_and_not_with_an_event() -> None:
    ada, bo = person("Ada"), person("Bo")
    group_id = group(ada, bo)
    say(ada, group_id)
    choose(bo, group_id, is_pinned=True)
    mine = choose(bo, group_id, is_hidden=True)
    assert (mine["is_hidden"], mine["is_pinned"]) == (True, False)
    assert listed(bo) == []
    assert listed(ada) == [str(group_id)]
    # It is still theirs to read, and /sync/ says that it is hidden.
    assert Api(bo).conversation(group_id)["mine"] == mine
    assert Api(bo).get("sync/")["conversations"][0]["mine"]["is_hidden"]
    log.add(conversation_id=group_id, actor_id=ada.user_id, kind=Message.Kind.GROUP_CREATED, body={})
    assert listed(bo) == []
    say(ada, group_id)
    assert listed(bo) == [str(group_id)]
    assert not Api(bo).conversation(group_id)["mine"]["is_hidden"]


def test_pinning_shows_what_was_hidden_and_both_at_once_is_nonsense() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    choose(ada, conversation_id, is_hidden=True)
    mine = choose(ada, conversation_id, is_pinned=True)
    assert (mine["is_hidden"], mine["is_pinned"]) == (False, True)
    path = f"conversations/{conversation_id}/mine/"
    assert Api(ada).refused("PATCH", path, {"is_hidden": True, "is_pinned": True}) == (400, "invalid_input")
    for body in ({"is_muted": None}, {"is_muted": 1}, {"unread": 0}, {"left_seq": 1}):
        assert Api(ada).refused("PATCH", path, body) == (400, "invalid_input")
    assert Api(ada).conversation(conversation_id)["mine"] == mine


def test_each_choice_changes_itself_alone_and_can_be_taken_back() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    before = Api(ada).conversation(conversation_id)["mine"]
    for name in ("is_muted", "is_pinned", "is_hidden", "is_marked_unread"):
        assert choose(ada, conversation_id, **{name: True}) == {**before, name: True}
        assert choose(ada, conversation_id) == {**before, name: True}
        assert choose(ada, conversation_id, **{name: False}) == before


def test_ones_own_devices_are_told_and_nobody_else(wire: Wire) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    theirs = Api(bo).conversation(conversation_id)
    wire.pushes()
    mine = choose(ada, conversation_id, is_muted=True, is_pinned=True)
    payload = {"conversation_id": str(conversation_id), "mine": mine}
    assert wire.pushes() == [([f"user:{ada.id}"], {"type": "conversation.changed", "payload": payload})]
    assert Api(another_device(ada)).conversation(conversation_id)["mine"] == mine
    assert Api(bo).conversation(conversation_id) == theirs


def test_a_choice_is_a_change_for_sync_of_its_owner() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    with connection.cursor() as cursor:
        for table in ("messaging_conversation", "messaging_membership"):
            cursor.execute(f"UPDATE {table} SET changed_at = changed_at - interval '2 minutes'")
    cursors = {who.id: Api(who).get("sync/")["cursor"] for who in (ada, bo)}
    choose(ada, conversation_id, is_muted=True)
    (seen,) = Api(ada).get(f"sync/?cursor={cursors[ada.id]}")["conversations"]
    assert seen["mine"]["is_muted"]
    assert Api(bo).get(f"sync/?cursor={cursors[bo.id]}")["conversations"] == []


def test_fifty_are_pinned_and_no_more() -> None:
    ada = person("Ada")
    ids = acquaintances(ada, 3)
    Membership.objects.filter(conversation_id__in=ids[:2], user_id=ada.user_id).update(pinned_at="2026-01-01T00:00Z")
    strangers = [
        Membership(conversation_id=_empty_conversation(), user_id=ada.user_id, pinned_at="2026-01-01T00:00Z")
        for _ in range(services.MOST_PINNED - 2)
    ]
    Membership.objects.bulk_create(strangers)
    path = f"conversations/{ids[2]}/mine/"
    assert Api(ada).refused("PATCH", path, {"is_pinned": True, "is_muted": True}) == (422, "too_many_pinned")
    assert Api(ada).conversation(ids[2])["mine"]["is_muted"] is False
    # One that is on top already stays there, and one that leaves makes room.
    choose(ada, ids[0], is_pinned=True)
    choose(ada, ids[0], is_pinned=False)
    assert choose(ada, ids[2], is_pinned=True)["is_pinned"]


def test_strangers_choose_nothing() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    eve = person("Eve")
    for body in ({"is_pinned": True}, {"is_muted": True}, {}):
        assert Api(eve).refused("PATCH", f"conversations/{conversation_id}/mine/", body) == (404, "not_found")
    assert Membership.objects.filter(user_id=eve.user_id).count() == 0
    assert Api(ada).refused("PATCH", "conversations/1/mine/", {"is_pinned": True}) == (404, "not_found")


def test_who_leaves_has_it_no_longer_and_who_was_removed_until_they_hide_it() -> None:
    ada, bo, cy = person("Ada"), person("Bo"), person("Cy")
    group_id = group(ada, bo, cy)
    say(ada, group_id, "with you")
    choose(bo, group_id, is_pinned=True)
    services.leave_group(actor_id=bo.user_id, conversation_id=group_id)
    services.remove_member(actor_id=ada.user_id, conversation_id=group_id, user_id=cy.user_id)
    say(ada, group_id, "without you")
    assert listed(bo) == []
    assert listed(cy) == [str(group_id)]
    assert Api(cy).conversation(group_id)["last_message"]["kind"] == "member_removed"
    assert Api(bo).conversation(group_id)["mine"]["is_hidden"]
    choose(cy, group_id, is_hidden=True)
    say(ada, group_id, "more")
    assert listed(cy) == []
    # Whoever comes back begins anew.
    services.add_members(actor_id=ada.user_id, conversation_id=group_id, user_ids=[bo.user_id])
    assert listed(bo)[0] == str(group_id)


def test_where_somebody_has_left_time_stands_still() -> None:
    ada, bo = person("Ada"), person("Bo")
    group_id = group(ada, bo)
    services.remove_member(actor_id=ada.user_id, conversation_id=group_id, user_id=bo.user_id)
    other_id = befriend(person("Cy"), bo)
    before = Api(bo).conversation(group_id)
    cursor = Api(bo).get("sync/")["cursor"]
    with connection.cursor() as database:
        database.execute("UPDATE messaging_membership SET changed_at = changed_at - interval '2 minutes'")
        database.execute("UPDATE messaging_conversation SET changed_at = changed_at - interval '2 minutes'")
    say(ada, group_id, "without you")
    # Neither its place in the list, nor its time, nor /sync/ says that the others go on talking.
    assert listed(bo) == [str(other_id), str(group_id)]
    assert Api(bo).conversation(group_id) == before
    assert Api(bo).get(f"sync/?cursor={cursor}")["conversations"] == []


def test_only_what_is_unread_or_only_groups() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    group_id = group(bo, ada)
    quiet_id = befriend(ada, person("Cy"))
    say(bo, conversation_id)
    assert listed(ada, "?only=groups") == [str(group_id)]
    assert listed(ada, "?only=unread") == [str(conversation_id)]
    choose(ada, quiet_id, is_marked_unread=True)
    assert listed(ada, "?only=unread") == [str(conversation_id), str(quiet_id)]
    assert listed(ada, "?only=all&limit=1") == [str(conversation_id), str(quiet_id), str(group_id)]
    assert Api(ada).refused("GET", "conversations/?only=mine") == (400, "invalid_input")


def test_cursors_of_other_lists_are_refused() -> None:
    ada, _bo, _conversation_id = friends("Ada", "Bo")
    for cursor in ("x", "WzAsMV0", "WzAsIm5vdCBhIG51bWJlciIsIjIwMjYtMDEtMDFUMDA6MDBaIiwxXQ"):
        assert Api(ada).refused("GET", f"conversations/?cursor={cursor}") == (400, "invalid_input")


def test_one_page_of_three_hundred_takes_three_statements() -> None:
    ada = person("Ada")
    others = [person("Bo") for _ in range(3)]
    made = [_written(ada, others, number) for number in range(300)]
    device = Api(ada)
    pages, path = [], "conversations/?limit=100"
    while path:
        with CaptureQueriesContext(connection) as captured:
            page = device.get(path)
        # Beside the one that finds out who asks: the page, what is shown of it, and the people in it.
        assert len(captured) - 1 <= 3, [query["sql"] for query in captured]
        pages.append(page["results"])
        path = page["next"]
    assert [len(page) for page in pages] == [100, 100, 100]
    shown = [row["id"] for page in pages for row in page]
    pinned = [str(found) for number, found in enumerate(made) if number % 30 == 0]
    rest = [str(found) for number, found in enumerate(made) if number % 30]
    assert shown == pinned[::-1] + rest[::-1]
    assert {row["last_message"]["body"]["text"] for page in pages for row in page} == {"hello"}


def _written(ada: Device, others: list[Device], number: int) -> int:
    """A conversation with a message in it: every third one a group, every thirtieth on top."""
    conversation_id = new_id()
    is_group = number % 3 == 0
    Conversation.objects.create(
        id=conversation_id,
        kind="group" if is_group else "direct",
        member_count=4 if is_group else 2,
        last_seq=1,
        last_message_no=1,
        last_shown_seq=1,
    )
    Message.objects.create(
        conversation_id=conversation_id,
        seq=1,
        message_no=1,
        sender_id=others[0].user_id,
        client_id=uuid4(),
        request_hash=b"",
        kind="text",
        body={"text": "hello"},
        created_at="2026-01-01T00:00Z",
    )
    members = [ada, *others] if is_group else [ada, others[number % 3]]
    Membership.objects.bulk_create(
        Membership(
            conversation_id=conversation_id,
            user_id=member.user_id,
            pinned_at="2026-01-01T00:00Z" if member is ada and number % 30 == 0 else None,
        )
        for member in members
    )
    with connection.cursor() as cursor:
        # In a test's one transaction every now is the same.
        cursor.execute(
            "UPDATE messaging_conversation SET last_at = timestamptz '2026-01-01' + %s * interval '1 minute'"
            " WHERE id = %s",
            [number, conversation_id],
        )
    return conversation_id


def _empty_conversation() -> int:
    return Conversation.objects.create(id=new_id(), kind="group", member_count=1).id
