"""How far somebody has read, and how much is left: by subtraction, forward only."""

from typing import Any

import pytest

from messaging.models import Conversation, Membership
from tests.messaging.api import Api
from tests.messaging.conftest import Wire
from tests.realtime.people import Device, another_device, friends, group, person, say

pytestmark = pytest.mark.django_db


def read(who: Device, conversation_id: int, seq: Any) -> dict:
    return dict(Api(who).ok("POST", f"conversations/{conversation_id}/read/", {"seq": seq}))


def unread(who: Device, conversation_id: int) -> int:
    return int(Api(who).conversation(conversation_id)["mine"]["unread"])


def test_unread_is_what_came_after_the_mark() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    for _ in range(5):
        say(ada, conversation_id)
    assert (unread(ada, conversation_id), unread(bo, conversation_id)) == (0, 6)
    assert read(bo, conversation_id, 4) == {"conversation_id": str(conversation_id), "read_seq": 4, "unread": 2}
    assert unread(bo, conversation_id) == 2
    say(ada, conversation_id)
    assert unread(bo, conversation_id) == 3


def test_the_row_that_begins_a_group_is_not_unread() -> None:
    ada, bo = person("Ada"), person("Bo")
    group_id = group(ada, bo)
    assert unread(bo, group_id) == 0
    say(ada, group_id)
    say(ada, group_id)
    assert unread(bo, group_id) == 2
    assert read(bo, group_id, 1)["unread"] == 2
    assert read(bo, group_id, 2)["unread"] == 1


def test_a_mark_never_moves_back(wire: Wire) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    for _ in range(3):
        say(ada, conversation_id)
    read(bo, conversation_id, 3)
    wire.pushes()
    assert read(bo, conversation_id, 2) == {"conversation_id": str(conversation_id), "read_seq": 3, "unread": 1}
    assert read(bo, conversation_id, 0)["read_seq"] == 3
    assert read(bo, conversation_id, 3)["read_seq"] == 3
    assert wire.types() == []


def test_a_mark_ends_at_the_last_message() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    say(ada, conversation_id)
    assert read(bo, conversation_id, 2**63 - 1) == {
        "conversation_id": str(conversation_id),
        "read_seq": 2,
        "unread": 0,
    }
    say(ada, conversation_id)
    assert unread(bo, conversation_id) == 1


def test_who_writes_has_read_what_was_there() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    say(ada, conversation_id)
    say(bo, conversation_id)
    mine = Api(bo).conversation(conversation_id)["mine"]
    assert (mine["read_seq"], mine["unread"]) == (3, 0)
    assert unread(ada, conversation_id) == 1


@pytest.mark.parametrize("seq", [None, -1, 2**63, 10**40, "3", 1.5, True, [], {}])
def test_marks_are_whole_numbers(seq: Any) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    path = f"conversations/{conversation_id}/read/"
    assert Api(bo).refused("POST", path, {"seq": seq}) == (400, "invalid_input")
    assert Api(bo).refused("POST", path, {}) == (400, "invalid_input")
    assert unread(bo, conversation_id) == 1
    assert unread(ada, conversation_id) == 0


def test_ones_own_devices_are_told_and_the_other_one_is_not(wire: Wire) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    say(ada, conversation_id)
    wire.pushes()
    mark = read(bo, conversation_id, 2)
    assert wire.pushes() == [([f"user:{bo.id}"], {"type": "read.updated", "payload": mark})]
    assert Api(ada).conversation(conversation_id)["mine"]["peer_read_seq"] is None


def test_marks_are_shown_to_each_other_where_both_share_them(wire: Wire) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    say(ada, conversation_id)
    assert Api(ada).get("messaging-settings/")["shares_read_marks"] is False
    assert Api(ada).ok("PATCH", "messaging-settings/", {"shares_read_marks": True})["shares_read_marks"] is True
    read(bo, conversation_id, 1)
    assert "peer.read" not in wire.types()
    assert Api(ada).conversation(conversation_id)["mine"]["peer_read_seq"] is None

    Api(bo).ok("PATCH", "messaging-settings/", {"shares_read_marks": True})
    read(bo, conversation_id, 2)
    told = [(topics, frame["payload"]) for topics, frame in wire.pushes() if frame["type"] == "peer.read"]
    assert told == [([f"user:{ada.id}"], {"conversation_id": str(conversation_id), "user_id": bo.id, "read_seq": 2})]
    assert Api(ada).conversation(conversation_id)["mine"]["peer_read_seq"] == 2
    # The greeting is Ada's, so her own mark stands on her own last message.
    assert Api(bo).conversation(conversation_id)["mine"]["peer_read_seq"] == 2

    Api(ada).ok("PATCH", "messaging-settings/", {"shares_read_marks": False})
    assert Api(ada).conversation(conversation_id)["mine"]["peer_read_seq"] is None
    assert Api(bo).conversation(conversation_id)["mine"]["peer_read_seq"] is None


@pytest.mark.parametrize("who_ends_it", ["reader", "other"])
@pytest.mark.parametrize("how", ["block", "remove"])
def test_marks_are_no_longer_shown_once_two_are_not_close(wire: Wire, who_ends_it: str, how: str) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    for someone in (ada, bo):
        Api(someone).ok("PATCH", "messaging-settings/", {"shares_read_marks": True})
    say(ada, conversation_id)
    say(ada, conversation_id)
    read(bo, conversation_id, 2)
    assert Api(ada).conversation(conversation_id)["mine"]["peer_read_seq"] == 2
    one, other = (bo, ada) if who_ends_it == "reader" else (ada, bo)
    if how == "block":
        Api(one).ok("PUT", f"blocks/{other.id}/", status=204)
    else:
        Api(one).ok("DELETE", f"friends/{other.id}/", status=204)
    wire.pushes()
    read(bo, conversation_id, 3)
    assert wire.types() == ["read.updated"]
    for someone in (ada, bo):
        assert Api(someone).conversation(conversation_id)["mine"]["peer_read_seq"] is None


def test_groups_do_not_show_who_has_read(wire: Wire) -> None:
    ada, bo = person("Ada"), person("Bo")
    group_id = group(ada, bo)
    for who in (ada, bo):
        Api(who).ok("PATCH", "messaging-settings/", {"shares_read_marks": True})
    say(ada, group_id)
    wire.pushes()
    read(bo, group_id, 2)
    assert wire.types() == ["read.updated"]
    assert Api(ada).conversation(group_id)["mine"]["peer_read_seq"] is None


def test_reading_takes_away_that_it_was_marked_unread_even_where_nothing_is_new(wire: Wire) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    path = f"conversations/{conversation_id}/mine/"
    read(bo, conversation_id, 1)
    assert Api(bo).ok("PATCH", path, {"is_marked_unread": True})["is_marked_unread"]
    wire.pushes()
    # The mark stands where it stood, or is asked back: it stays, and the flag goes.
    assert read(bo, conversation_id, 0) == {"conversation_id": str(conversation_id), "read_seq": 1, "unread": 0}
    ((topics, frame),) = wire.pushes()
    assert (topics, frame["type"]) == ([f"user:{bo.id}"], "conversation.changed")
    assert frame["payload"]["mine"] == Api(bo).conversation(conversation_id)["mine"]
    assert not frame["payload"]["mine"]["is_marked_unread"]
    # Where nothing was ever read it is the same.
    group_id = group(ada, bo)
    Api(bo).ok("PATCH", f"conversations/{group_id}/mine/", {"is_marked_unread": True})
    assert read(bo, group_id, 0)["read_seq"] == 0
    assert not Api(bo).conversation(group_id)["mine"]["is_marked_unread"]


def test_reading_further_takes_the_flag_away_too(wire: Wire) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    say(ada, conversation_id)
    Api(bo).ok("PATCH", f"conversations/{conversation_id}/mine/", {"is_marked_unread": True})
    wire.pushes()
    assert read(bo, conversation_id, 2)["unread"] == 0
    assert sorted(wire.types()) == ["conversation.changed", "read.updated"]
    Api(bo).ok("PATCH", f"conversations/{conversation_id}/mine/", {"is_marked_unread": True})
    # Who writes has read.
    say(bo, conversation_id)
    assert not Api(bo).conversation(conversation_id)["mine"]["is_marked_unread"]


def test_two_devices_of_one_person_agree() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    phone, tablet = bo, another_device(bo)
    for _ in range(3):
        say(ada, conversation_id)
    say(phone, conversation_id)
    assert Api(tablet).conversation(conversation_id)["mine"]["unread"] == 0
    assert Api(tablet).history(conversation_id)[-1]["sender_id"] == bo.id
    say(ada, conversation_id)
    read(phone, conversation_id, 6)
    assert Api(tablet).conversation(conversation_id)["mine"]["unread"] == 0
    assert read(tablet, conversation_id, 2)["read_seq"] == 6


def readers(who: Device, group_id: int, seq: int) -> list[str]:
    path = f"conversations/{group_id}/messages/{seq}/readers/"
    return [profile["id"] for profile in Api(who).get(path)["results"]]


def share(*people: Device) -> None:
    for who in people:
        Api(who).ok("PATCH", "messaging-settings/", {"shares_read_marks": True})


def test_small_groups_show_who_has_read_among_those_who_share_it() -> None:
    ada, bo, cy, di = (person(name) for name in ("Ada", "Bo", "Cy", "Di"))
    group_id = group(ada, bo, cy, di)
    seq = say(ada, group_id)
    path = f"conversations/{group_id}/messages/{seq}/readers/"
    share(bo, cy)
    for reader in (bo, di):
        read(reader, group_id, seq)
    assert Api(ada).refused("GET", path) == (403, "read_marks_not_shared")
    share(ada)
    # Cy has not read, Di does not share.
    assert readers(ada, group_id, seq) == [bo.id]
    read(cy, group_id, seq + 5)
    assert readers(ada, group_id, seq) == [bo.id, cy.id]
    assert readers(bo, group_id, seq) == [ada.id, cy.id]
    # Who has left, and who blocks or is blocked, is not among them.
    Membership.objects.filter(conversation_id=group_id, user_id=cy.user_id).update(left_seq=seq, left_message_no=1)
    assert readers(ada, group_id, seq) == [bo.id]
    assert Api(cy).refused("GET", path) == (404, "not_found")
    Api(bo).ok("PUT", f"blocks/{ada.id}/", status=204)
    assert readers(ada, group_id, seq) == readers(bo, group_id, seq) == []


def test_readers_of_what_is_not_there_or_not_mine_are_nobodys_business() -> None:
    ada, bo = person("Ada"), person("Bo")
    group_id = group(ada, bo)
    share(ada, bo)
    first = say(ada, group_id)
    second = say(ada, group_id)
    for seq in (0, second + 1, 2**63 - 1):
        assert Api(bo).refused("GET", f"conversations/{group_id}/messages/{seq}/readers/") == (404, "not_found")
    # Of what was said before somebody came, others may have read it, but not they.
    Membership.objects.filter(conversation_id=group_id, user_id=bo.user_id).update(joined_seq=second, read_seq=second)
    assert Api(bo).refused("GET", f"conversations/{group_id}/messages/{first}/readers/") == (404, "not_found")
    assert readers(ada, group_id, first) == []
    assert readers(ada, group_id, second) == [bo.id]


def test_large_groups_do_not_show_who_has_read() -> None:
    ada, bo = person("Ada"), person("Bo")
    group_id = group(ada, bo)
    share(ada)
    seq = say(ada, group_id)
    Conversation.objects.filter(id=group_id).update(member_count=51)
    path = f"conversations/{group_id}/messages/{seq}/readers/"
    assert Api(ada).refused("GET", path) == (422, "group_too_large_for_readers")
    Conversation.objects.filter(id=group_id).update(member_count=50)
    assert Api(ada).get(path) == {"results": []}


def test_settings_take_only_what_they_know() -> None:
    ada = person("Ada")
    for body in ({"shares_read_marks": 1}, {"shares_read_marks": "true"}, {"shares_read_marks": None}, {"other": True}):
        assert Api(ada).refused("PATCH", "messaging-settings/", body) == (400, "invalid_input")
    assert Api(ada).get("messaging-settings/")["shares_read_marks"] is False


def test_typing_is_shown_to_the_conversation_and_too_much_of_it_is_swallowed(wire: Wire) -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    wire.pushes()
    for _ in range(10):
        Api(ada).ok("POST", f"conversations/{conversation_id}/typing/", status=204)
    shown = wire.pushes()
    topic = f"conversation:{conversation_id}"
    payload = {"conversation_id": str(conversation_id), "user_id": ada.id, "persona": None}
    assert shown == [([topic], {"type": "typing", "topic": topic, "payload": payload})] * 3
