"""Two devices of one person that choose at the same time, in threads that really commit."""

from functools import partial

import pytest

from messaging import services
from messaging.errors import TooManyPinned
from messaging.models import Conversation, Membership
from superapp.core.ids import new_id
from tests.messaging.api import Api
from tests.messaging.threads import at_once
from tests.realtime.people import befriend, friends, person

pytestmark = pytest.mark.usefixtures("committed_db")


def test_different_choices_at_once_all_hold() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    for wanted in (True, False, True):
        choices = [{"is_muted": wanted}, {"is_pinned": wanted}, {"is_marked_unread": wanted}]
        at_once(
            [
                partial(services.change_mine, actor_id=ada.user_id, conversation_id=conversation_id, **choice)
                for choice in choices * 3
            ]
        )
        mine = Api(ada).conversation(conversation_id)["mine"]
        assert {name: mine[name] for choice in choices for name in choice} == {
            "is_muted": wanted,
            "is_pinned": wanted,
            "is_marked_unread": wanted,
        }


def test_two_devices_do_not_pin_more_than_there_may_be() -> None:
    ada = person("Ada")
    for _ in range(services.MOST_PINNED - 1):
        empty = Conversation.objects.create(id=new_id(), kind="group", member_count=1)
        Membership.objects.create(conversation=empty, user_id=ada.user_id, pinned_at="2026-01-01T00:00Z")
    ids = [befriend(person("Bo"), ada) for _ in range(4)]
    answers = at_once(
        [partial(services.change_mine, actor_id=ada.user_id, conversation_id=found, is_pinned=True) for found in ids]
    )
    assert [type(answer) for answer in answers if answer is not None] == [TooManyPinned] * 3
    assert Membership.objects.filter(user_id=ada.user_id, pinned_at__isnull=False).count() == services.MOST_PINNED


def test_marks_of_two_devices_end_at_the_furthest() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    for _ in range(8):
        Api(ada).send(conversation_id)
    Api(bo).ok("PATCH", f"conversations/{conversation_id}/mine/", {"is_marked_unread": True})
    marks = at_once(
        [
            partial(services.mark_read, actor_id=bo.user_id, conversation_id=conversation_id, seq=seq)
            for seq in (3, 9, 1, 7, 2**63 - 1, 5, 0, 8)
        ]
    )
    assert max(mark.read_seq for mark in marks) == 9
    mine = Api(bo).conversation(conversation_id)["mine"]
    assert (mine["read_seq"], mine["unread"], mine["is_marked_unread"]) == (9, 0, False)
