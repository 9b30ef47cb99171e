"""Catching up: what changed since the cursor, page by page, and nothing that was on its way is ever missed."""

import base64
import json
from typing import Any

import pytest
from django.db import connection

from messaging.models import Conversation, Membership
from superapp.realtime import push
from superapp.realtime.models import KeptEvent
from tests.messaging.api import Api
from tests.realtime.people import Device, befriend, friends, group, person, say

pytestmark = pytest.mark.django_db


def sync(who: Device, cursor: str = "") -> dict:
    return dict(Api(who).get(f"sync/?cursor={cursor}" if cursor else "sync/"))


def ids(page: dict) -> list[str]:
    return [conversation["id"] for conversation in page["conversations"]]


def long_ago() -> None:
    """Everything so far happened two minutes before now: beyond the overlap."""
    with connection.cursor() as cursor:
        for table, column in (
            ("messaging_conversation", "changed_at"),
            ("messaging_membership", "changed_at"),
            ("realtime_kept_event", "created_at"),
        ):
            cursor.execute(f"UPDATE {table} SET {column} = {column} - interval '2 minutes'")


def test_without_a_cursor_everything_is_listed() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    group_id = group(ada, bo)
    page = sync(ada)
    assert sorted(ids(page), key=int) == ids(page) == [str(conversation_id), str(group_id)]
    assert page["conversations"] == [Api(ada).conversation(found) for found in ids(page)]
    assert (page["events"], page["has_more"]) == ([], False)
    # A fresh start begins with the lists; events are for who has been here before.
    assert KeptEvent.objects.filter(user_id=ada.user_id).exists()


def test_with_a_cursor_only_what_changed_since() -> None:
    ada, bo, first_id = friends("Ada", "Bo")
    second_id = befriend(person("Cy"), ada)
    long_ago()
    cursor = sync(ada)["cursor"]
    assert ids(sync(ada, cursor)) == []
    say(bo, first_id)
    page = sync(ada, cursor)
    assert ids(page) == [str(first_id)]
    assert page["conversations"][0]["last_message"]["body"] == {"text": "hello"}
    # Reading on another device is a change too, for the reader alone.
    long_ago()
    cursor = sync(ada)["cursor"]
    cursor_of_bo = sync(bo)["cursor"]
    Api(ada).ok("POST", f"conversations/{second_id}/read/", {"seq": 1})
    assert ids(sync(ada, cursor)) == [str(second_id)]
    assert ids(sync(bo, cursor_of_bo)) == []


def test_what_is_listed_is_what_a_fetch_shows() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    say(ada, conversation_id)
    page = sync(bo)
    assert page["conversations"] == [Api(bo).conversation(conversation_id)]
    assert page["conversations"][0]["mine"]["unread"] == 2


def test_an_empty_conversation_is_not_listed() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    Conversation.objects.filter(id=conversation_id).update(last_seq=0, last_message_no=0, last_shown_seq=0)
    assert ids(sync(ada)) == Api(ada).all("conversations/") == []
    assert Api(bo).conversation(conversation_id)["last_message"] is None


def test_kept_events_come_once_their_time_has_come_and_only_to_their_person() -> None:
    ada, bo = person("Ada"), person("Bo")
    long_ago()
    cursor = sync(bo)["cursor"]
    request = Api(ada).ok("POST", "friend-requests/", {"handle": bo.handle, "greeting": "hi"})
    page = sync(bo, cursor)
    (event,) = page["events"]
    assert event["type"] == "friend.requested"
    assert event["payload"] == request | {"event_id": event["event_id"]}
    assert sync(ada, cursor)["events"] == []
    # Shown again within the overlap: the same event_id, so a device knows that it has it.
    assert [again["event_id"] for again in sync(bo, page["cursor"])["events"]] == [event["event_id"]]
    long_ago()
    assert sync(bo, page["cursor"])["events"] == []
    assert len(sync(bo, cursor)["events"]) in {0, 1}


def many_conversations(of: Device, count: int) -> list[str]:
    made = [10**12 + number for number in range(count)]
    Conversation.objects.bulk_create(
        Conversation(id=found, kind="group", title="Many", member_count=1, last_seq=1) for found in made
    )
    Membership.objects.bulk_create(Membership(conversation_id=found, user_id=of.user_id) for found in made)
    return [str(found) for found in made]


def pages_from(who: Device, cursor: str = "") -> list[dict]:
    found = [sync(who, cursor)]
    while found[-1]["has_more"]:
        found.append(sync(who, found[-1]["cursor"]))
    return found


def test_more_than_a_page_goes_on_under_the_next_cursor() -> None:
    ada = person("Ada")
    made = many_conversations(ada, 230)
    for number in range(230):
        push.to_users([ada.user_id], type="test.kept", payload={"number": number}, keep=True)
    pages = pages_from(ada)
    assert [len(page["conversations"]) for page in pages] == [100, 100, 30]
    assert [found for page in pages for found in ids(page)] == made

    since = base64.urlsafe_b64encode(json.dumps({"since": "2026-01-01T00:00:00+00:00"}).encode()).decode()
    pages = pages_from(ada, since)
    assert [found for page in pages for found in ids(page)] == made
    assert [event["payload"]["number"] for page in pages for event in page["events"]] == list(range(230))


def test_events_go_on_where_conversations_have_ended() -> None:
    ada = person("Ada")
    long_ago()
    cursor = sync(ada)["cursor"]
    made = many_conversations(ada, 3)
    for number in range(130):
        push.to_users([ada.user_id], type="test.kept", payload={"number": number}, keep=True)
    pages = pages_from(ada, cursor)
    assert {found for page in pages for found in ids(page)} == set(made)
    assert [event["payload"]["number"] for page in pages for event in page["events"]] == list(range(130))


def test_the_last_cursor_begins_where_the_first_page_began() -> None:
    """What changes while somebody pages through is in the next round, if this one has passed it."""
    ada, bo, conversation_id = friends("Ada", "Bo")
    made = many_conversations(ada, 120)
    long_ago()
    first = sync(ada)
    assert first["has_more"] is True
    # The smallest ids come first, so this page has been and gone.
    passed = int(made[0])
    Conversation.objects.filter(id=passed).update(title="Changed")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE messaging_conversation SET changed_at = clock_timestamp() WHERE id = %s", [passed])
    say(bo, conversation_id)
    last = sync(ada, first["cursor"])
    assert last["has_more"] is False
    assert str(passed) not in ids(last)
    assert str(passed) in ids(sync(ada, last["cursor"]))


def encoded(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


NOW = "2026-06-01T00:00:00+00:00"


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%00",
        "é",
        "!!!!",
        "a" * 501,
        encoded([]),
        encoded({}),
        encoded(7),
        encoded({"since": 7}),
        encoded({"since": "yesterday"}),
        encoded({"since": "2026-06-01T00:00:00"}),
        encoded({"since": "0001-01-01T00:00:00+00:00"}),
        encoded({"since": "9999-12-31T23:59:59+00:00"}),
        encoded({"since": NOW, "until": 3}),
        encoded({"since": NOW, "conversation": "1"}),
        encoded({"since": NOW, "conversation": -1}),
        encoded({"since": NOW, "conversation": 2**63}),
        encoded({"since": NOW, "conversation": True}),
        encoded({"since": NOW, "event": [NOW]}),
        encoded({"since": NOW, "event": [NOW, "1"]}),
        encoded({"since": NOW, "event": {"a": 1}}),
        encoded({"since": NOW, "event": 5}),
    ],
)
def test_cursors_that_are_not_ours_are_refused(cursor: str) -> None:
    ada, _bo, _conversation = friends("Ada", "Bo")
    assert Api(ada).refused("GET", f"sync/?cursor={cursor}") == (400, "invalid_input")


@pytest.mark.parametrize(
    "content",
    [
        {"since": "2026-06-01T00:00:00+23:59"},
        {"since": "2026-06-01T00:00:00-23:59"},
        {"since": NOW, "until": "2026-06-01T00:00:00+16:00"},
        {"since": NOW, "event": ["2026-06-01T00:00:00+20:00", 1]},
    ],
)
def test_a_moment_in_another_time_zone_is_the_same_moment(content: Any) -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    assert ids(sync(ada, encoded(content))) == [str(conversation_id)]


def test_other_lists_refuse_cursors_that_are_not_theirs() -> None:
    ada, _bo, _conversation = friends("Ada", "Bo")
    for path in ("friends/", "conversations/", "friend-requests/", "blocks/"):
        for content in ([0, "2026-06-01T00:00:00+23:59", 1], [0, NOW, 2**70], [0, NOW, -(2**70)], [0, NOW], [], {}, 7):
            status = Api(ada).call("GET", f"{path}?cursor={encoded(content)}").status_code
            assert status in {200, 400}, (path, content)
