"""The number on the icon is the sum of what every app says is unread."""

from collections.abc import Iterator

import pytest

from messaging import registry, services
from messaging.models import Message
from tests.messaging.api import Api
from tests.messaging.products import opened, post, tell
from tests.messaging.test_statements import statements
from tests.realtime.people import Device, befriend, friends, group, people, person, say

pytestmark = pytest.mark.django_db


def badge(who: Device) -> tuple[int, dict[str, int]]:
    found = Api(who).get("badge/")
    return found["total"], found["parts"]


@pytest.fixture
def shop() -> Iterator[dict[int, int]]:
    """An app with an inbox of its own; what is unread there, by person."""
    unread: dict[int, int] = {}

    def preview(user_id: int) -> dict[str, str] | None:
        return {"text": "Sale", "at": "2026-01-01T00:00:00.000000Z"} if user_id in unread else None

    registry.inbox.register("test.shop", unread=lambda user_id: unread.get(user_id, 0), preview=preview)
    yield unread
    del registry.inbox._apps["test.shop"]


def test_it_is_the_sum_of_its_parts(shop: dict[int, int]) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    # Their greeting.
    assert badge(bo) == (1, {"messages": 1, "notices": 0, "test.shop": 0})
    say(ada, conversation_id)
    say(ada, group(ada, bo))
    post(ada, conversation_id)
    tell(bo)
    shop[bo.user_id] = 5
    assert badge(bo) == (10, {"messages": 4, "notices": 1, "test.shop": 5})
    assert badge(ada) == (0, {"messages": 0, "notices": 0, "test.shop": 0})
    Api(bo).ok("POST", f"conversations/{conversation_id}/read/", {"seq": 99})
    assert badge(bo)[0] == 7


def test_muted_and_hidden_conversations_do_not_count_and_a_mark_counts_one() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    for _ in range(3):
        say(ada, conversation_id)

    def choose(**mine: bool) -> int:
        services.change_mine(actor_id=bo.user_id, conversation_id=conversation_id, **mine)
        return badge(bo)[1]["messages"]

    assert (choose(is_muted=True), choose(is_muted=False)) == (0, 4)
    assert (choose(is_marked_unread=True), choose(is_hidden=True)) == (4, 0)
    # The next message brings it back.
    say(ada, conversation_id)
    assert badge(bo)[1]["messages"] == 5
    services.mark_read(actor_id=bo.user_id, conversation_id=conversation_id, seq=99)
    assert (choose(is_marked_unread=True), choose(is_muted=True)) == (1, 0)


def test_what_was_said_after_somebody_left_is_not_theirs_to_read() -> None:
    ada, bo = people(2)
    conversation_id, name = opened(ada, bo)
    say(ada, conversation_id)
    services.set_members(member_ids=[ada.user_id], **name)
    say(ada, conversation_id)
    assert badge(bo)[1]["messages"] == 1


def test_it_is_what_the_list_says() -> None:
    ada, others = person("Ada"), people(6)
    for number, other in enumerate(others):
        conversation_id = befriend(other, ada)
        for _ in range(number):
            say(other, conversation_id)
    listed = sum(row["mine"]["unread"] for row in Api(ada).all("conversations/?limit=2"))
    assert badge(ada)[1]["messages"] == listed
    assert Message.objects.count() == 6 + 15


def test_it_costs_the_same_whatever_there_is_to_count() -> None:
    ada, bo, _conversation_id = friends("Ada", "Bo")
    before = statements(lambda: badge(bo))
    for _ in range(5):
        say(ada, group(ada, bo))
        tell(bo)
    assert statements(lambda: badge(bo)) == before
    # The sign-in's, and one for each app.
    assert before == 1 + len(registry.inbox.apps())


def test_the_inbox_shows_an_entry_for_each_app_that_has_something(shop: dict[int, int]) -> None:
    ada = person("Ada")
    assert Api(ada).get("inbox/") == {"results": []}
    tell(ada)
    shop[ada.user_id] = 2
    at = Api(ada).all("notices/")[0]["created_at"]
    assert Api(ada).get("inbox/")["results"] == [
        {"app": "notices", "unread": 1, "preview": {"text": "Conversations: p1", "at": at}},
        {"app": "test.shop", "unread": 2, "preview": {"text": "Sale", "at": "2026-01-01T00:00:00.000000Z"}},
    ]
