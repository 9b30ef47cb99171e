"""What people can say, kind by kind: what they give, what everybody is shown, and what is refused."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from messaging.models import Conversation, Membership, Message
from superapp.media.models import Asset
from tests.media import films, images
from tests.messaging.api import Api
from tests.messaging.conftest import Wire
from tests.messaging.uploads import ready, upload
from tests.realtime.people import Device, friends, group, people, person, say

pytestmark = pytest.mark.django_db
Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _media_root(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


def send(who: Device, conversation_id: int, *, key: str | None = None, **message: Any) -> Json:
    path = f"conversations/{conversation_id}/messages/"
    return dict(Api(who).ok("POST", path, message, status=201, key=key or str(uuid4())))


def refused(who: Device, conversation_id: int, **message: Any) -> tuple[int, str]:
    return Api(who).send_refused(conversation_id, message)


def mention_of(who: Device, conversation_id: int) -> int | None:
    seq: int | None = Api(who).conversation(conversation_id)["mine"]["mention_seq"]
    return seq


# --- what hangs on a message ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("photo", {"width": 64, "height": 48, "content_type": "image/jpeg"}),
        ("voice", {"content_type": "audio/mp4"}),
        ("video", {"width": 320, "height": 240, "content_type": "video/mp4"}),
        ("file", {"name": "report.pdf", "size_bytes": 15, "content_type": "application/pdf"}),
    ],
)
def test_what_was_uploaded_is_sent_and_seen_by_who_may_read(kind: str, shown: Json, wire: Wire) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    asset = ready(ada, kind)
    wire.pushes()
    message = send(ada, conversation_id, kind=kind, asset_id=str(asset.id))
    assert message["kind"] == kind
    body = message["body"]
    assert body | shown == body
    assert body["asset_id"] == str(asset.id)
    if kind in {"voice", "video"}:
        assert 900 <= body["duration_ms"] <= 1100
    if kind == "voice":
        assert 0 < len(body["waveform"]) <= 64
    ((_topics, frame),) = wire.pushes()
    assert frame["payload"] == message == Api(bo).history(conversation_id)[-1]
    assert Api(bo).get(f"media/{asset.id}/")["kind"] == kind
    assert Api(person()).refused("GET", f"media/{asset.id}/") == (404, "not_found")


def test_a_message_is_of_the_kind_that_its_upload_is() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    photo, film = ready(ada, "photo"), ready(ada, "video")
    for kind, asset in (("voice", photo), ("file", photo), ("photo", film), ("voice", film)):
        assert refused(ada, conversation_id, kind=kind, asset_id=str(asset.id)) == (422, "wrong_kind")
    assert set(Asset.objects.values_list("reference", flat=True)) == {None}
    assert len(Api(ada).history(conversation_id)) == 1


def test_only_an_own_finished_upload_can_be_sent() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    unfinished = upload(ada, "voice")
    assert refused(ada, conversation_id, kind="voice", asset_id=str(unfinished.id)) == (409, "not_ready")
    damaged = ready(ada, "video", films.half(films.film()))
    assert refused(ada, conversation_id, kind="video", asset_id=str(damaged.id)) == (409, "not_ready")
    for asset_id in (ready(bo).id, 12345):
        assert refused(ada, conversation_id, kind="photo", asset_id=str(asset_id)) == (404, "not_found")
    used = ready(ada)
    send(ada, conversation_id, kind="photo", asset_id=str(used.id))
    assert refused(ada, conversation_id, kind="photo", asset_id=str(used.id)) == (404, "not_found")


def test_voice_takes_a_minute_at_most() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    long = ready(ada, "voice", films.recorded("old amr", 62.0))
    response = Api(ada).call(
        "POST",
        f"conversations/{conversation_id}/messages/",
        {"kind": "voice", "asset_id": str(long.id)},
        key=str(uuid4()),
    )
    assert (response.status_code, response.json()["error"]["code"]) == (422, "too_long")
    assert response.json()["error"]["details"] == {"max_seconds": 60}


def test_what_else_a_picture_is_does_not_come_along() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    asset = ready(ada, "photo", images.polyglot())
    send(ada, conversation_id, kind="photo", asset_id=str(asset.id))
    shown = Api(bo).get(f"media/{asset.id}/")["variants"]["original"]
    content = b"".join(Api(bo).call("GET", shown["url"].removeprefix("http://testserver")))
    assert b"<script" not in content
    assert shown["content_type"].startswith("image/")


# --- places and people ------------------------------------------------------------------------------------------------


def test_a_place_has_degrees_and_may_have_a_name() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    place = {"latitude": 48.85837009, "longitude": -180, "name": "Tour Eiffel", "address": "5 avenue Anatole"}
    assert send(ada, conversation_id, kind="location", **place)["body"] == place | {"latitude": 48.85837}
    bare = send(ada, conversation_id, kind="location", latitude=-90, longitude=180)["body"]
    assert bare == {"latitude": -90, "longitude": 180, "name": "", "address": ""}


@pytest.mark.parametrize(
    "wrong",
    [
        {"latitude": 90.1},
        {"latitude": -91},
        {"longitude": 180.5},
        {"longitude": "2.29"},
        {"latitude": True},
        {"latitude": None},
        {"latitude": 10**400},
        {"name": "x" * 101},
        {"address": "a\u202eb"},
        {"text": "here"},
    ],
)
def test_a_place_that_is_none(wrong: Json) -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    place = {"kind": "location", "latitude": 48.8, "longitude": 2.3} | wrong
    assert refused(ada, conversation_id, **place) == (400, "invalid_input")


def test_a_contact_is_a_card_as_of_sending() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    cy = person("Cy")
    card = send(ada, conversation_id, kind="contact", user_id=cy.id)["body"]
    assert card == {"user_id": cy.id, "display_name": "Cy", "avatar_id": None}
    Api(cy).ok("PATCH", "me/", {"display_name": "Cyrus"})
    assert Api(bo).history(conversation_id)[-1]["body"] == card
    assert refused(ada, conversation_id, kind="contact", user_id="12345") == (404, "not_found")


# --- calling people ---------------------------------------------------------------------------------------------------


def test_who_is_called_by_name_learns_where() -> None:
    ada, bo, cy = people(3)
    conversation_id = group(ada, bo, cy)
    stranger = person()
    before = dict(Membership.objects.filter(conversation_id=conversation_id).values_list("user_id", "changed_at"))
    message = send(
        ada, conversation_id, kind="text", text="@Bo look", mention_ids=[bo.id, stranger.id, bo.id], mentions_all=False
    )
    # Whoever does not belong to it is not called, and neither is the message refused for it.
    assert message["body"] == {"text": "@Bo look", "mention_ids": [bo.id]}
    assert (mention_of(bo, conversation_id), mention_of(cy, conversation_id)) == (message["seq"], None)
    # Nothing was written for whoever is not called.
    after = dict(Membership.objects.filter(conversation_id=conversation_id).values_list("user_id", "changed_at"))
    assert {user_id for user_id in before if before[user_id] != after[user_id]} == {ada.user_id, bo.user_id}
    say(ada, conversation_id)
    assert mention_of(bo, conversation_id) == message["seq"]
    Api(bo).ok("POST", f"conversations/{conversation_id}/read/", {"seq": message["seq"]})
    assert mention_of(bo, conversation_id) is None


def test_fifty_can_be_called_and_no_more() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    ids = [str(number) for number in range(1, 52)]
    assert refused(ada, conversation_id, kind="text", text="all", mention_ids=ids) == (400, "invalid_input")
    assert send(ada, conversation_id, kind="text", text="all", mention_ids=ids[:50])["body"] == {"text": "all"}


def test_everybody_is_called_by_who_may() -> None:
    ada, bo, cy = people(3)
    conversation_id = group(ada, bo, cy)
    everybody = {"kind": "text", "text": "Listen", "mentions_all": True}
    assert refused(bo, conversation_id, **everybody) == (403, "may_not_call_all")
    message = send(ada, conversation_id, **everybody)
    assert message["body"] == {"text": "Listen", "mentions_all": True}
    assert {mention_of(who, conversation_id) for who in (bo, cy)} == {message["seq"]}
    assert mention_of(ada, conversation_id) is None
    Membership.objects.filter(conversation_id=conversation_id, user_id=bo.user_id).update(role="admin")
    assert send(bo, conversation_id, **everybody)["seq"] == mention_of(cy, conversation_id)
    assert refused(cy, conversation_id, **everybody) == (403, "may_not_call_all")
    Conversation.objects.filter(id=conversation_id).update(members_may_mention_all=True)
    send(cy, conversation_id, **everybody)
    # Between two there is nobody else to call.
    _ada, _bo, direct = friends("Ada", "Bo")
    assert refused(_ada, direct, **everybody) == (403, "may_not_call_all")


# --- answering --------------------------------------------------------------------------------------------------------


def test_an_answer_shows_what_it_answers() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    asked = say(ada, conversation_id, "long " * 100)
    answer = send(bo, conversation_id, kind="text", text="yes", quote_seq=asked)
    quote = {"seq": asked, "sender_id": ada.id, "persona": None, "kind": "text", "text": ("long " * 100)[:100]} | {
        "is_recalled": False
    }
    assert answer["body"] == {"text": "yes", "quote": quote}
    photo = send(ada, conversation_id, kind="photo", asset_id=str(ready(ada).id))["seq"]
    of_photo = send(bo, conversation_id, kind="text", text="nice", quote_seq=photo)["body"]["quote"]
    assert of_photo == {"seq": photo, "sender_id": ada.id, "persona": None, "kind": "photo", "text": ""} | {
        "is_recalled": False
    }


def test_what_cannot_be_answered() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    say(ada, conversation_id)
    said = {"kind": "text", "text": "yes"}
    # The row that says that they are friends, one that is not there, and one that was cleared.
    assert refused(bo, conversation_id, **said, quote_seq=1) == (422, "not_for_this")
    assert refused(bo, conversation_id, **said, quote_seq=99) == (404, "not_found")
    Membership.objects.filter(conversation_id=conversation_id, user_id=bo.user_id).update(cleared_seq=2)
    assert refused(bo, conversation_id, **said, quote_seq=2) == (404, "not_found")
    assert Message.objects.filter(conversation_id=conversation_id).count() == 2


# --- what is none -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        # Only a product makes a card, and only the house writes rows that say what happened.
        {"kind": "card", "text": "100 €"},
        {"kind": "card", "card": {"kind": "transfer", "reference": "1", "data": {"amount": 100}}},
        {"kind": "text", "text": "hello", "card": {"kind": "transfer", "reference": "1"}},
        {"kind": "text", "text": "hello", "body": {"card": {}}},
        {"kind": "recalled"},
        {"kind": "members_added", "user_id": "1"},
        {"kind": "deleted"},
        {"kind": "text"},
        {"kind": "text", "text": 1},
        {"kind": "text", "text": "a", "asset_id": "1"},
        {"kind": "text", "text": "a", "mention_ids": "1"},
        {"kind": "text", "text": "a", "mention_ids": [1]},
        {"kind": "text", "text": "a", "mentions_all": 1},
        {"kind": "text", "text": "a", "quote_seq": "1"},
        {"kind": "text", "text": "a", "quote_seq": 0},
        {"kind": "text", "text": "a", "quote_seq": 2**63},
        {"kind": "photo", "asset_id": "1", "quote_seq": 1},
        {"kind": "contact"},
    ],
)
def test_what_is_no_message(message: Json) -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    assert refused(ada, conversation_id, **message) == (400, "invalid_input")


def test_a_retry_of_any_kind_is_the_same_message() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    said = say(ada, conversation_id)
    messages: list[Json] = [
        {"kind": "photo", "asset_id": str(ready(ada).id)},
        {"kind": "location", "latitude": 1.5, "longitude": 2},
        {"kind": "contact", "user_id": ada.id},
        {"kind": "text", "text": "yes", "quote_seq": said, "mention_ids": [ada.id]},
    ]
    for message in messages:
        key = str(uuid4())
        assert send(ada, conversation_id, key=key, **message) == send(ada, conversation_id, key=key, **message)
        other = {"kind": "text", "text": "other"}
        assert Api(ada).send_refused(conversation_id, other, key=key) == (409, "idempotency_conflict")
