"""Somebody else's things are not there: every address of this app, asked by a stranger and by nobody."""

import re
from uuid import uuid4

import pytest
from django.test import Client

import superapp.urls  # noqa: F401  (registers the converter that the addresses below use)
from messaging.api.urls import urlpatterns
from messaging.models import Conversation, Membership, Message
from tests.messaging.api import Api
from tests.messaging.conftest import Wire
from tests.realtime.people import friends, group, person, say

pytestmark = pytest.mark.django_db

TEXT = {"kind": "text", "text": "let me in"}
#: Everything below one conversation: method, path, body, whether it needs a key.
OF_A_CONVERSATION = [
    ("GET", "", None, False),
    ("GET", "members/", None, False),
    ("GET", "messages/", None, False),
    ("GET", "messages/?after=0", None, False),
    ("GET", "messages/?before=3", None, False),
    ("POST", "messages/", TEXT, True),
    ("POST", "messages/", {"kind": "photo", "asset_id": "1"}, True),
    ("POST", "read/", {"seq": 1}, False),
    ("POST", "typing/", {}, False),
]


@pytest.mark.parametrize(("method", "path", "body", "keyed"), OF_A_CONVERSATION)
def test_conversations_of_others_are_not_there(
    method: str, path: str, body: dict | None, keyed: bool, wire: Wire
) -> None:
    ada, bo, direct_id = friends("Ada", "Bo")
    group_id, eve = group(ada, bo), person("Eve")
    say(ada, direct_id, "secret")
    wire.pushes()
    rows = (Message.objects.count(), list(Membership.objects.order_by("pk").values_list()))
    absent = Api(eve).refused(method, f"conversations/1/{path}", body, key=str(uuid4()) if keyed else None)
    for conversation_id in (direct_id, group_id):
        response = Api(eve).call(
            method, f"conversations/{conversation_id}/{path}", body, key=str(uuid4()) if keyed else None
        )
        assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found") == absent
        assert b"secret" not in response.content
    assert (Message.objects.count(), list(Membership.objects.order_by("pk").values_list())) == rows
    assert set(Conversation.objects.values_list("last_seq", flat=True)) == {1, 2}
    assert wire.types() == []


def test_lists_hold_ones_own_things_only() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    say(ada, conversation_id)
    Api(ada).ok("PUT", f"blocks/{bo.id}/", status=204)
    eve = person("Eve")
    for path in ("conversations/", "friends/", "friend-requests/", "friend-requests/?direction=outgoing", "blocks/"):
        assert Api(eve).get(path) == {"results": [], "next": None, "previous": None}
    sync = Api(eve).get("sync/")
    assert (sync["conversations"], sync["events"]) == ([], [])


def test_friendships_of_others_are_not_there() -> None:
    ada, bo, _conversation = friends("Ada", "Bo")
    eve = person("Eve")
    for method, body in (("GET", None), ("PATCH", {"remark": "x"}), ("DELETE", None)):
        for other in (ada.id, bo.id, "1"):
            assert Api(eve).refused(method, f"friends/{other}/", body) == (404, "not_found")
    assert len(Api(ada).all("friends/")) == 1


@pytest.mark.parametrize("path", [str(pattern.pattern) for pattern in urlpatterns])
def test_nobody_gets_anything_without_a_sign_in(path: str) -> None:
    client = Client()
    path = re.sub(r"<id:\w+>", "1", path)
    for method in ("get", "post", "put", "patch", "delete"):
        response = getattr(client, method)(f"/api/v1/{path}", data={}, content_type="application/json")
        assert response.status_code in {401, 405}, method
        assert response.json()["error"]["code"] in {"unauthenticated", "method_not_allowed"}


@pytest.mark.parametrize("reference", ["0", "-1", "9223372036854775808", "x", "1e3", "%00", "１２", "1" * 40])
def test_what_is_no_id_is_not_found(reference: str) -> None:
    assert Api(person("Ada")).refused("GET", f"conversations/{reference}/") == (404, "not_found")
