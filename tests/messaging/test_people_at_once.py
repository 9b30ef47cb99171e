"""The same person asking, choosing and tagging from two places at the same time, in threads that really commit."""

import threading
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from messaging import services
from messaging.models import FriendRequest, Friendship, FriendTag, Preferences, TaggedFriend
from messaging.services import leaving
from superapp.core.errors import NotFound, TooManyRequests
from tests.core.waiting import until_blocked
from tests.messaging.threads import at_once
from tests.realtime.people import friends, person

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture(autouse=True)
def _no_limits(settings: Any) -> None:
    settings.LIMITS_OVERRIDES = {"messaging.friend_request.user": (1_000_000, 1)}


def test_of_four_who_would_be_the_hundredth_one_is() -> None:
    ada = person("Ada")
    FriendRequest.objects.bulk_create(
        FriendRequest(
            recipient_id=number,
            sender_id=ada.user_id,
            id=number,
            source="handle",
            created_at=timezone.now() - timedelta(days=1),
        )
        for number in range(10**15, 10**15 + 99)
    )
    asked = [person("Bo").user_id for _ in range(4)]
    answers = at_once(
        [
            partial(services.request_friend, sender_id=ada.user_id, recipient_id=user_id, source="handle")
            for user_id in asked
        ]
    )
    assert [type(answer) for answer in answers if not isinstance(answer, FriendRequest)] == [TooManyRequests] * 3
    assert FriendRequest.objects.filter(sender_id=ada.user_id).count() == 100


def test_different_settings_at_once_all_hold() -> None:
    ada = person("Ada")
    choices: list[dict[str, Any]] = [
        {"addable_by": "card"},
        {"presence_for": "nobody"},
        {"is_found_by_handle": False},
        {"shares_read_marks": True},
    ]
    answers = at_once([partial(services.change_preferences, actor_id=ada.user_id, **choice) for choice in choices * 2])
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    stored = Preferences.objects.get(user_id=ada.user_id)
    assert {name: getattr(stored, name) for choice in choices for name in choice} == {
        name: value for choice in choices for name, value in choice.items()
    }


def test_a_tag_of_one_name_is_made_once() -> None:
    ada = person("Ada")
    tags = at_once([partial(services.create_tag, actor_id=ada.user_id, name="Work")] * 6)
    assert len({tag.id for tag in tags}) == 1
    assert FriendTag.objects.filter(user_id=ada.user_id).count() == 1


def test_a_friendship_that_ends_leaves_no_tag_behind() -> None:
    for _ in range(5):
        ada, bo, _conversation_id = friends("Ada", "Bo")
        tag = services.create_tag(actor_id=ada.user_id, name="Work")
        answers = at_once(
            [
                partial(services.change_friend, actor_id=ada.user_id, friend_id=bo.user_id, tag_ids=[tag.id]),
                partial(services.remove_friend, actor_id=bo.user_id, friend_id=ada.user_id),
                partial(services.delete_tag, actor_id=ada.user_id, tag_id=tag.id),
            ]
        )
        assert {type(answer) for answer in answers} <= {Friendship, type(None), NotFound}
        assert TaggedFriend.objects.filter(user_id=ada.user_id).count() == 0


def test_nor_does_somebody_who_leaves_the_product() -> None:
    ada, bo, _conversation_id = friends("Ada", "Bo")
    tag = services.create_tag(actor_id=ada.user_id, name="Work")

    def file_bo() -> None:
        with transaction.atomic():
            # The friendship is held before there is a tag: whoever erases comes in between.
            services.change_friend(actor_id=ada.user_id, friend_id=bo.user_id, remark="B.")
            held.set()
            until_blocked(1)
            services.change_friend(actor_id=ada.user_id, friend_id=bo.user_id, tag_ids=[tag.id])

    def erase_bo() -> None:
        held.wait(timeout=30)
        leaving.erase_person(bo.user_id)

    held = threading.Event()
    assert at_once([file_bo, erase_bo]) == [None, None]
    assert not Friendship.objects.filter(friend_id=bo.user_id).exists()
    assert not TaggedFriend.objects.filter(friend_id=bo.user_id).exists()
