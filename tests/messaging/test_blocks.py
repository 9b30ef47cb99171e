"""Not wanting to hear from somebody."""

import pytest

from messaging.models import Block, FriendRequest
from tests.messaging.api import Api
from tests.messaging.conftest import Wire
from tests.realtime.people import friends, group, person

pytestmark = pytest.mark.django_db


def test_who_is_blocked_cannot_send_and_nobody_notices(wire: Wire) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    Api(bo).ok("PUT", f"blocks/{ada.id}/", status=204)
    Api(bo).ok("PUT", f"blocks/{ada.id}/", status=204)
    before = Api(bo).conversation(conversation_id)
    wire.pushes()
    assert Api(ada).send_refused(conversation_id) == (403, "blocked")
    assert Api(ada).refused("POST", f"conversations/{conversation_id}/typing/") == (403, "blocked")
    assert wire.types() == []
    assert Api(bo).conversation(conversation_id) == before
    assert len(Api(bo).history(conversation_id)) == 1


def test_unblocking_releases_nothing_that_was_refused(wire: Wire) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    Api(bo).ok("PUT", f"blocks/{ada.id}/", status=204)
    key = "00000000-0000-4000-8000-000000000001"
    assert Api(ada).send_refused(conversation_id, key=key) == (403, "blocked")
    wire.pushes()
    Api(bo).ok("DELETE", f"blocks/{ada.id}/", status=204)
    Api(bo).ok("DELETE", f"blocks/{ada.id}/", status=204)
    assert wire.types() == []
    assert len(Api(bo).history(conversation_id)) == 1
    # The refusal stored nothing, so the same key sends now, and another text is no conflict.
    assert Api(ada).send(conversation_id, "again", key=key)["seq"] == 2


def test_a_new_group_is_no_way_around_a_block(wire: Wire) -> None:
    ada, bo, _conversation_id = friends("Ada", "Bo")
    Api(bo).ok("PUT", f"blocks/{ada.id}/", status=204)
    wire.pushes()
    body = {"title": "Surprise", "member_ids": [bo.id]}
    key = "00000000-0000-4000-8000-000000000002"
    assert Api(ada).refused("POST", "conversations/groups/", body, key=key) == (403, "not_friends")
    assert wire.types() == []
    # The one who blocks may still invite.
    Api(bo).ok("POST", "conversations/groups/", {"title": "Fine", "member_ids": [ada.id]}, status=201, key=key)


def test_a_group_both_are_in_still_works() -> None:
    ada, bo, _conversation = friends("Ada", "Bo")
    group_id = group(ada, bo, person("Cy"))
    Api(bo).ok("PUT", f"blocks/{ada.id}/", status=204)
    assert Api(ada).send(group_id, "to all")["seq"] == 2
    assert [row["body"] for row in Api(bo).history(group_id)][-1] == {"text": "to all"}


def test_who_blocks_may_still_speak_and_read() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    Api(bo).ok("PUT", f"blocks/{ada.id}/", status=204)
    Api(bo).send(conversation_id, "last word")
    assert Api(ada).history(conversation_id)[-1]["body"] == {"text": "last word"}


def test_who_is_blocked_cannot_ask_to_be_friends(wire: Wire) -> None:
    ada, bo = person("Ada"), person("Bo")
    Api(bo).ok("PUT", f"blocks/{ada.id}/", status=204)
    for body in ({"handle": bo.handle}, {"user_id": bo.id}):
        assert Api(ada).refused("POST", "friend-requests/", body) == (404, "not_found")
    assert FriendRequest.objects.filter(sender_id=ada.user_id).count() == 0
    assert wire.types() == []


def test_blocks_are_listed_for_their_owner_alone() -> None:
    ada, bo, cy = person("Ada"), person("Bo"), person("Cy")
    for other in (bo, cy):
        Api(ada).ok("PUT", f"blocks/{other.id}/", status=204)
    assert [block["user"]["id"] for block in Api(ada).all("blocks/")] == [cy.id, bo.id]
    assert Api(bo).all("blocks/") == []


def test_nobody_can_block_themselves_or_nobody() -> None:
    ada = person("Ada")
    assert Api(ada).refused("PUT", f"blocks/{ada.id}/") == (422, "that_is_you")
    assert Api(ada).refused("PUT", "blocks/1/") == (404, "not_found")
    assert Block.objects.filter(user_id=ada.user_id).count() == 0
