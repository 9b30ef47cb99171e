"""What happens to groups, as a terminal shows it."""

from datetime import UTC
from typing import Any

import pytest

from superapp.client.conversation_log import NOT_COUNTED
from superapp.client.group_events import GROUP_EVENTS, people_in
from superapp.client.transcript import Transcript

NAMES = {str(number): name for number, name in enumerate(("Bo", "Cy", "Dee", "Eve", "Fay", "Gus"), 2)}
EVENTS: list[tuple[str, dict[str, Any], str]] = [
    ("group_created", {"title": "Tea\nyou: hi", "member_ids": ["2", "1"]}, "Bo opened the group “Tea you: hi”"),
    ("members_added", {"member_ids": ["3", "1"]}, "Bo added Cy, you"),
    ("members_added", {"member_ids": list("345671234")}, "Bo added Cy, Dee, Eve, Fay, Gus and 4 more"),
    ("member_joined", {"inviter_id": "3", "approver_id": None}, "Bo joined, brought by Cy"),
    ("member_removed", {"member_id": "3"}, "Bo removed Cy"),
    ("member_left", {}, "Bo left"),
    (
        "member_silenced",
        {"member_id": "1", "until": "2026-03-01T10:00:00.000000Z"},
        "you may not write until 2026-03-01 10:00 UTC",
    ),
    ("member_silenced", {"member_id": "3", "until": None}, "Cy may write again"),
    ("alias_changed", {"alias": "Doc"}, "Bo is called Doc here"),
    ("alias_changed", {"alias": ""}, "Bo is called by their own name here"),
    ("admin_appointed", {"member_id": "3"}, "Bo made Cy an administrator"),
    ("admin_dismissed", {"member_id": "3"}, "Cy is no administrator any more"),
    ("owner_changed", {"owner_id": "3"}, "Bo handed the group over to Cy"),
    ("title_changed", {"title": "Coffee"}, "Bo renamed the group “Coffee”"),
    ("notice_changed", {"notice": "Friday\nat eight"}, "Bo put up a notice: Friday at eight"),
    ("notice_removed", {}, "Bo took the notice down"),
    ("settings_changed", {"is_silenced": True, "members_may_add": False}, "is silenced: on, members may add: off"),
    ("group_disbanded", {}, "Bo disbanded the group"),
]


def message(kind: str, body: dict[str, Any]) -> Any:
    return {"kind": kind, "sender_id": "2", "created_at": "2026-03-01T10:05:00Z", "seq": 1, "body": body}


@pytest.mark.parametrize(("kind", "body", "shown"), EVENTS)
def test_every_event_is_one_line(kind: str, body: dict[str, Any], shown: str) -> None:
    transcript = Transcript(me="1", name_of=NAMES.__getitem__, zone=UTC)
    _day, line = transcript.lines_of(message(kind, body))
    assert line.startswith("10:05 ")
    assert line.endswith(shown)


def test_none_is_forgotten() -> None:
    assert {kind for kind, _body, _shown in EVENTS} == GROUP_EVENTS


def test_a_line_names_only_some_of_many() -> None:
    assert people_in(message("members_added", {"member_ids": list("34567123")})) == list("34567")
    assert people_in(message("text", {"member_id": "3"})) == []


def test_a_notice_counts_as_unread_and_other_events_do_not() -> None:
    assert {"notice_changed"} == GROUP_EVENTS - NOT_COUNTED
