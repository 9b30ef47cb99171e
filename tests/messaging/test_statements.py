"""What the busy paths cost the database: a number of statements that does not grow with what there is."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from messaging import services
from messaging.models import Friendship
from superapp.media import services as media
from tests.media import images
from tests.messaging.api import Api
from tests.realtime.people import Device, befriend, friends, group, person, say
from tests.sizes import sizes

pytestmark = pytest.mark.django_db


def statements(work: Callable[[], Any]) -> int:
    """How many statements ``work`` sends, the opening and closing of transactions apart."""
    with CaptureQueriesContext(connection) as captured:
        work()
    return sum(not query["sql"].startswith(("SAVEPOINT", "RELEASE", "ROLLBACK TO")) for query in captured)


def group_of(count: int) -> tuple[Device, int]:
    owner = person("Ada")
    members = range(10**14, 10**14 + count - 1)
    Friendship.objects.bulk_create(
        Friendship(user_id=owner.user_id, friend_id=member, source="handle", conversation_id=0) for member in members
    )
    made = services.create_group(creator_id=owner.user_id, title="Many", member_ids=list(members), client_id=uuid4())
    return owner, made.conversation_id


def test_a_send_costs_as_much_in_a_group_of_two_as_in_the_largest() -> None:
    costs = set()
    for count in (2, sizes.group_members):
        owner, conversation_id = group_of(count)
        costs |= {statements(lambda: say(owner, conversation_id)) for _ in range(3)}  # noqa: B023
    assert costs == {5}


def test_a_send_between_two_costs_the_same() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    assert statements(lambda: say(ada, conversation_id)) == 5


def test_calling_people_and_answering_costs_one_more_each() -> None:
    for count in (2, 50):
        owner, conversation_id = group_of(count)
        said = say(owner, conversation_id)
        send = {"sender_id": owner.user_id, "conversation_id": conversation_id, "kind": "text", "text": "hello"}
        called = list(range(10**14, 10**14 + count - 1))
        for extra in ({"mention_ids": called}, {"mentions_all": True}, {"quote_seq": said}):
            assert statements(lambda: services.send_message(**send, **extra, client_id=uuid4())) == 6  # noqa: B023


def test_what_is_done_to_a_message_costs_the_same_in_any_group() -> None:
    costs: dict[str, set[int]] = {}
    for count in (2, 50):
        owner, conversation_id = group_of(count)
        called = list(range(10**14, 10**14 + count - 1))
        which = {"actor_id": owner.user_id, "conversation_id": conversation_id, "seq": say(owner, conversation_id)}
        works: dict[str, Callable[[], Any]] = {
            "react": lambda: services.react(**which, emoji="👍", is_added=True),  # noqa: B023
            "edit": lambda: services.edit_message(**which, text="other", mention_ids=called),  # noqa: B023
            "recall": lambda: services.recall_message(**which),  # noqa: B023
        }
        for name, work in works.items():
            costs.setdefault(name, set()).add(statements(work))
    assert {name: len(found) for name, found in costs.items()} == dict.fromkeys(costs, 1)
    assert max(max(found) for found in costs.values()) <= 18


def test_a_photo_costs_at_most_eight(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    ada, _bo, conversation_id = friends("Ada", "Bo")
    file = SimpleUploadedFile("p.jpg", images.jpeg())
    asset = media.store(owner_id=ada.user_id, file=file, purpose="message", client_id=uuid4())

    def send() -> None:
        services.send_message(
            sender_id=ada.user_id, conversation_id=conversation_id, client_id=uuid4(), kind="photo", asset_id=asset.id
        )

    assert statements(send) == 7


def test_a_replay_costs_one() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    message = {"conversation_id": conversation_id, "client_id": uuid4(), "kind": "text", "text": "once"}
    services.send_message(sender_id=ada.user_id, **message)
    assert statements(lambda: services.send_message(sender_id=ada.user_id, **message)) == 1


def test_lists_cost_the_same_however_long_they_are() -> None:
    ada = person("Ada")
    device = Api(ada)
    costs: dict[str, list[int]] = {}
    for size in (1, 6):
        while len(device.all("conversations/")) < size:
            other = person("Bo")
            conversation_id = befriend(other, ada)
            say(other, conversation_id)
            say(other, conversation_id)
        for path in (
            "conversations/",
            f"conversations/{conversation_id}/",
            f"conversations/{conversation_id}/messages/",
            f"conversations/{conversation_id}/messages/?after=0",
            f"conversations/{conversation_id}/messages/?before=2",
            f"conversations/{conversation_id}/members/",
            "sync/",
            "friends/",
            "friend-requests/",
        ):
            name = path.replace(str(conversation_id), "…")
            costs.setdefault(name, []).append(statements(lambda: device.get(path)) - 1)  # noqa: B023
    # Beside the one that finds out who asks.
    assert costs == {
        "conversations/": [3, 3],
        "conversations/…/": [2, 2],
        "conversations/…/messages/": [3, 3],
        "conversations/…/messages/?after=0": [3, 3],
        "conversations/…/messages/?before=2": [3, 3],
        "conversations/…/members/": [4, 4],
        "sync/": [5, 5],
        "friends/": [3, 3],
        "friend-requests/": [2, 2],
    }


def test_reading_costs_the_same_in_any_group() -> None:
    costs = set()
    for count in (2, 50):
        owner, conversation_id = group_of(count)
        seq = say(owner, conversation_id)
        costs.add(
            statements(lambda: services.mark_read(actor_id=10**14, conversation_id=conversation_id, seq=seq))  # noqa: B023
        )
    # The mark, what is left to read, and whether somebody else may be shown it.
    assert costs == {3}


def test_typing_costs_one() -> None:
    ada = person("Ada")
    conversation_id = group(ada, person("Bo"))
    assert statements(lambda: services.show_typing(actor_id=ada.user_id, conversation_id=conversation_id)) == 1
