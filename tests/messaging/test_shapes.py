"""Shapes that are built by hand on busy paths equal the serializers which document them."""

import json
from datetime import UTC
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from messaging import consumers, selectors
from messaging.api import people_serializers as people_shapes
from messaging.api import serializers as shapes
from messaging.api.serializers import SENDABLE
from messaging.frames import friend_request_frame, message_frame
from messaging.models import FriendRequest, Message
from superapp.core.errors import InvalidInput
from tests.messaging.api import Api
from tests.messaging.conftest import Wire
from tests.realtime.people import friends, group, person, say

ids = st.one_of(
    st.integers(0, 2**63 - 1).map(str),
    st.sampled_from(["0", "007", "9223372036854775807", "9223372036854775808", "-1", "+1", "1.0", " 1", "１", "", "x"]),
    st.integers(),
    st.none(),
    st.booleans(),
)
uuids = st.one_of(
    st.uuids().map(str),
    st.uuids().map(lambda key: str(key).upper()),
    st.uuids().map(lambda key: key.hex),
    st.uuids().map(lambda key: f"{{{key}}}"),
    st.uuids().map(lambda key: f"{{{key.hex}}}--"),
    st.uuids().map(lambda key: f"uuid:{key.hex[1:]}"),
    st.text(max_size=40),
    st.text(min_size=36, max_size=36),
    st.integers(),
    st.none(),
)
values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.lists(st.text(), max_size=2)
)
calls: dict[str, st.SearchStrategy[Any]] = {
    "mention_ids": st.one_of(st.lists(ids, max_size=3), st.lists(st.just("7"), min_size=49, max_size=52), values),
    "mentions_all": st.one_of(st.booleans(), values),
    "quote_seq": st.one_of(st.integers(0, 2**63), values),
}
payloads = st.fixed_dictionaries(
    {},
    optional={
        "conversation_id": ids,
        "client_id": uuids,
        "kind": st.one_of(st.sampled_from(["text", *SENDABLE, "TEXT", "friends_now", "card", ""]), values),
        "text": st.one_of(st.text(), st.just("a\0b"), st.just("  "), values),
        "asset_id": ids,
        "user_id": ids,
        "created_at": values,
        **calls,
    },
)


def by_hand(payload: Any) -> dict | None:
    try:
        return consumers.parse_send(payload)
    except InvalidInput:
        return None


def by_serializer(payload: Any) -> dict | None:
    checked = shapes.SendCommand(data=payload)
    try:
        return dict(checked.validated_data) if checked.is_valid() else None
    except ValidationError:
        return None


@given(payloads)
def test_the_fast_parser_takes_what_the_documented_one_takes(payload: dict) -> None:
    assert by_hand(payload) == by_serializer(payload)


@given(
    st.fixed_dictionaries(
        {"conversation_id": ids, "client_id": uuids, "kind": st.just("text"), "text": st.one_of(st.text(), values)},
        optional=calls,
    )
)
def test_both_agree_on_texts(payload: dict) -> None:
    assert by_hand(payload) == by_serializer(payload)


@given(st.fixed_dictionaries({"conversation_id": ids, "client_id": uuids, "kind": st.just("photo"), "asset_id": ids}))
def test_both_agree_on_photos(payload: dict) -> None:
    assert by_hand(payload) == by_serializer(payload)


@given(
    conversation_id=st.integers(0, 2**63 - 1),
    seq=st.integers(1, 2**63 - 1),
    sender_id=st.integers(0, 2**63 - 1),
    client_id=st.uuids(),
    text=st.text(),
    at=st.datetimes(timezones=st.timezones()),
    reactions=st.dictionaries(st.text(), st.integers(1, 500), max_size=3),
    is_changed=st.booleans(),
)
def test_a_message_frame_is_its_documented_shape(
    conversation_id: int,
    seq: int,
    sender_id: int,
    client_id: UUID,
    text: str,
    at: Any,
    reactions: dict,
    is_changed: bool,
) -> None:
    if not 1 < at.year < 9999:
        return
    at = at.astimezone(UTC)
    message = Message(
        conversation_id=conversation_id,
        seq=seq,
        message_no=seq,
        sender_id=sender_id,
        client_id=client_id,
        kind="text",
        body={"text": text},
        created_at=at,
        reactions=reactions,
        edited_at=at if is_changed else None,
        recalled_at=at if is_changed else None,
    )
    assert message_frame(message) == json.loads(json.dumps(shapes.MessageOutput(message).data))
    change = Message(
        conversation_id=conversation_id,
        seq=seq,
        message_no=seq,
        sender_id=sender_id,
        client_id=client_id,
        kind="text",
        body={},
        created_at=at,
        ref_seq=seq,
    )
    for target in (None, message):
        change.target = target  # type: ignore[attr-defined]
        documented = json.loads(json.dumps(shapes.MessageOutput(change).data))
        frame = message_frame(change, target=target)
        assert frame == documented


@pytest.mark.django_db
def test_a_friend_request_frame_is_its_documented_shape() -> None:
    ada, bo = person("Ada"), person("Bo")
    Api(ada).ok("POST", "friend-requests/", {"handle": bo.handle, "greeting": "hi"})
    request = FriendRequest.objects.get(recipient_id=bo.user_id)
    selectors.show_people([request], sender="sender_id", recipient="recipient_id")
    assert friend_request_frame(request) == json.loads(json.dumps(people_shapes.FriendRequestOutput(request).data))


@pytest.mark.django_db
def test_a_conversation_frame_is_its_documented_shape() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    say(ada, conversation_id)
    for found in (conversation_id, group(ada, bo)):
        frame = selectors.conversation_frame(actor_id=bo.user_id, conversation_id=found)
        fields = shapes.ConversationOutput().fields
        assert frame.keys() == fields.keys()
        assert frame["mine"].keys() == shapes.MineOutput().fields.keys()
        assert frame["last_message"].keys() == shapes.MessageOutput().fields.keys()
        assert (type(frame["id"]), type(frame["last_seq"]), frame["last_at"][-1]) == (str, int, "Z")


@pytest.mark.django_db
def test_replies_of_the_socket_are_what_rest_answers() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    actor = SimpleNamespace(user_id=ada.user_id, device_id=ada.device_id)
    key = str(uuid4())
    payload = {"conversation_id": str(conversation_id), "client_id": key, "kind": "text", "text": "hello"}
    reply = consumers.send(actor, **consumers.parse_send(payload))  # type: ignore[arg-type]
    assert reply == Api(ada).send(conversation_id, "hello", key=key)
    reader = SimpleNamespace(user_id=bo.user_id, device_id=bo.device_id)
    mark = dict(consumers.read(reader, conversation_id=conversation_id, seq=2))  # type: ignore[arg-type]
    assert mark == Api(bo).ok("POST", f"conversations/{conversation_id}/read/", {"seq": 2})


@pytest.mark.django_db
def test_applying_the_pushes_to_an_old_picture_gives_a_fresh_one(wire: Wire) -> None:
    """What a push says is what a fetch shows: history, last message and read mark, rebuilt from frames alone."""
    ada, bo, conversation_id = friends("Ada", "Bo")
    picture = {
        side.id: {"history": Api(side).history(conversation_id), **Api(side).conversation(conversation_id)["mine"]}
        for side in (ada, bo)
    }
    wire.pushes()
    Api(ada).send(conversation_id, "one")
    Api(bo).ok("POST", f"conversations/{conversation_id}/read/", {"seq": 2})
    Api(bo).send(conversation_id, "two")
    Api(ada).send(conversation_id, "three")
    Api(ada).ok("POST", f"conversations/{conversation_id}/read/", {"seq": 4})
    for topics, frame in wire.pushes():
        payload = frame["payload"]
        for side in (ada, bo):
            mine = picture[side.id]
            if frame["type"] == "message.created":
                mine["history"].append(payload)
                own = payload["sender_id"] == side.id
                mine["unread"] = 0 if own else mine["unread"] + 1
                mine["read_seq"] = payload["seq"] if own else mine["read_seq"]
            elif topics == [f"user:{side.id}"]:
                assert frame["type"] == "read.updated"
                mine |= {"read_seq": payload["read_seq"], "unread": payload["unread"]}
    for side in (ada, bo):
        fresh = Api(side).conversation(conversation_id)
        assert picture[side.id] == {"history": Api(side).history(conversation_id), **fresh["mine"]}
        assert fresh["last_message"] == picture[side.id]["history"][-1]
