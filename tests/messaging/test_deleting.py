"""Deleting for oneself: a row, or everything up to one. Own devices are told; for everybody else nothing changes."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from messaging import services
from messaging.models import HiddenMessage, Membership
from messaging.services import deletions, marks
from tests.messaging.api import Api
from tests.messaging.conftest import Wire
from tests.messaging.uploads import ready
from tests.realtime.people import Device, another_device, friends, group, people, person, say

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _media_root(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


def delete(who: Device, conversation_id: int, seq: int) -> None:
    Api(who).ok("DELETE", f"conversations/{conversation_id}/messages/{seq}/", status=204)


def clear(who: Device, conversation_id: int, seq: int) -> int:
    cleared = Api(who).ok("POST", f"conversations/{conversation_id}/clear/", {"seq": seq})
    assert cleared["conversation_id"] == str(conversation_id)
    return int(cleared["cleared_seq"])


def events(who: Device, cursor: str) -> list[tuple[str, Any]]:
    page = Api(who).get(f"sync/?cursor={cursor}")
    return [
        (event["type"], {name: value for name, value in event["payload"].items() if name != "event_id"})
        for event in page["events"]
        if event["type"] in {"message.deleted", "history.cleared"}
    ]


def test_in_its_place_stays_that_there_was_something(wire: Wire) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    first, second = say(ada, conversation_id, "one"), say(ada, conversation_id, "secret")
    Api(ada).react(conversation_id, second)
    theirs = Api(ada).history(conversation_id)
    cursor = Api(bo).get("sync/")["cursor"]
    wire.pushes()
    for _ in range(2):
        delete(bo, conversation_id, second)
    ((topics, frame),) = wire.pushes()
    assert (topics, frame["type"]) == ([f"user:{bo.id}"], "message.deleted")
    told = {"conversation_id": str(conversation_id), "seq": second}
    assert events(another_device(bo), cursor) == [("message.deleted", told)]
    rows = Api(bo).history(conversation_id)
    assert [row["seq"] for row in rows] == [1, 2, 3, 4]
    shown = rows[second - 1]
    assert (shown["kind"], shown["body"], shown["reactions"], shown["edited_at"]) == ("deleted", {}, [], None)
    # Nor does a row that is about it say what it was.
    assert rows[-1]["target"] == {name: value for name, value in shown.items() if name != "target"}
    assert "secret" not in str(rows)
    assert Api(bo).message(conversation_id, second)["kind"] == "deleted"
    # The list shows what is above it, the number of unread messages is that of before, and others see all.
    conversation = Api(bo).conversation(conversation_id)
    assert (conversation["last_message"]["seq"], conversation["mine"]["unread"]) == (first, 3)
    assert Api(ada).history(conversation_id) == theirs
    assert Api(ada).conversation(conversation_id)["last_message"]["seq"] == second


def test_nothing_can_be_done_with_it_any_more() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    said = say(bo, conversation_id)
    delete(bo, conversation_id, said)
    one = f"conversations/{conversation_id}/messages/{said}/"
    assert Api(bo).refused("PUT", f"{one}reactions/", {"emoji": "👍", "is_added": True}) == (404, "not_found")
    assert Api(bo).refused("PATCH", one, {"text": "x"}) == (404, "not_found")
    assert Api(bo).refused("POST", f"{one}recall/") == (404, "not_found")
    quoting = {"kind": "text", "text": "x", "quote_seq": said}
    assert Api(bo).send_refused(conversation_id, quoting) == (404, "not_found")
    Api(ada).react(conversation_id, said)


def test_its_file_is_gone_for_who_deleted_it() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    asset = ready(ada)
    photo = services.send_message(
        sender_id=ada.user_id, conversation_id=conversation_id, client_id=uuid4(), kind="photo", asset_id=asset.id
    )
    Api(bo).get(f"media/{asset.id}/")
    delete(bo, conversation_id, photo.seq)
    assert Api(bo).refused("GET", f"media/{asset.id}/") == (404, "not_found")


def test_what_is_not_there_or_not_ones_own_to_delete() -> None:
    ada, bo = people(2)
    conversation_id = group(ada, bo)
    said = say(ada, conversation_id)
    Api(bo).react(conversation_id, said)
    for who, seq in ((bo, 99), (bo, said + 1), (person(), said)):
        path = f"conversations/{conversation_id}/messages/{seq}/"
        assert Api(who).refused("DELETE", path) == (404, "not_found")
    # A row that says what happened to the conversation can be deleted like any other.
    delete(bo, conversation_id, 1)
    Membership.objects.filter(conversation_id=conversation_id, user_id=bo.user_id).update(joined_seq=said + 1)
    assert Api(bo).refused("DELETE", f"conversations/{conversation_id}/messages/{said}/") == (404, "not_found")


def test_a_call_in_it_calls_no_more() -> None:
    ada, bo = people(2)
    conversation_id = group(ada, bo)
    send = {"sender_id": ada.user_id, "conversation_id": conversation_id, "kind": "text", "text": "@Bo"}
    called = [services.send_message(**send, client_id=uuid4(), mention_ids=[bo.user_id]).seq for _ in range(2)]
    everybody = services.send_message(**send, client_id=uuid4(), mentions_all=True).seq
    for gone, stands in ((everybody, called[1]), (called[1], called[0]), (called[0], None)):
        delete(bo, conversation_id, gone)
        assert Api(bo).conversation(conversation_id)["mine"]["mention_seq"] == stands
    assert Api(ada).get(f"conversations/{conversation_id}/messages/{everybody}/")["kind"] == "text"


def test_history_is_cleared_and_read_up_to_where_it_was_seen(wire: Wire) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    for text in ("one", "two", "three"):
        say(ada, conversation_id, text)
    delete(bo, conversation_id, 2)
    cursor = Api(bo).get("sync/")["cursor"]
    wire.pushes()
    assert clear(bo, conversation_id, 3) == 3
    assert clear(bo, conversation_id, 3) == 3
    assert clear(bo, conversation_id, 1) == 3
    told = {"conversation_id": str(conversation_id), "cleared_seq": 3}
    assert events(another_device(bo), cursor)[-1] == ("history.cleared", told)
    own = [frame["type"] for topics, frame in wire.pushes() if topics == [f"user:{bo.id}"]]
    assert sorted(own) == ["history.cleared", "read.updated"]
    assert [row["body"] for row in Api(bo).history(conversation_id)] == [{"text": "three"}]
    mine = Api(bo).conversation(conversation_id)["mine"]
    assert (mine["first_seq"], mine["read_seq"], mine["unread"]) == (4, 3, 1)
    assert not HiddenMessage.objects.filter(conversation_id=conversation_id).exists()
    # Beyond the end is the end, and what comes later is there.
    assert clear(bo, conversation_id, 99) == 4
    assert Api(bo).conversation(conversation_id)["last_message"] is None
    say(ada, conversation_id, "four")
    assert [row["body"] for row in Api(bo).history(conversation_id)] == [{"text": "four"}]
    assert len(Api(ada).history(conversation_id)) == 5


def test_what_comes_while_all_is_cleared_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    seen = say(ada, conversation_id)

    def read_and_then(**mark: Any) -> Any:
        read = marks.mark_read(**mark)
        say(ada, conversation_id, "late")
        return read

    monkeypatch.setattr(deletions, "mark_read", read_and_then)
    assert clear(bo, conversation_id, 99) == seen
    assert [row["body"]["text"] for row in Api(bo).history(conversation_id)] == ["late"]
    assert Api(bo).conversation(conversation_id)["mine"]["unread"] == 1


def test_strangers_clear_nothing() -> None:
    _ada, _bo, conversation_id = friends("Ada", "Bo")
    path = f"conversations/{conversation_id}/clear/"
    assert Api(person()).refused("POST", path, {"seq": 1}) == (404, "not_found")


def test_whoever_has_left_clears_what_is_left_to_them() -> None:
    ada, bo = people(2)
    conversation_id = group(ada, bo)
    seq = say(ada, conversation_id)
    Membership.objects.filter(conversation_id=conversation_id, user_id=bo.user_id).update(
        left_seq=seq, left_message_no=1
    )
    say(ada, conversation_id)
    assert clear(bo, conversation_id, 99) == seq
    assert Api(bo).history(conversation_id) == []
