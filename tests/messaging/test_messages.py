"""Sending and reading back: what is taken, what is refused, and that a refusal leaves nothing."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from messaging.models import Message
from superapp.media import registry
from superapp.media import services as media
from superapp.media.models import Asset
from tests.media import images
from tests.messaging.api import Api
from tests.messaging.conftest import Wire
from tests.realtime.people import Device, friends, group, person, say

pytestmark = pytest.mark.django_db

if "test.elsewhere" not in registry._purposes:
    registry.register_purpose(
        "test.elsewhere", kinds={"photo"}, max_bytes=2**20, variants={}, may_view=lambda _viewer, references: references
    )


@pytest.fixture
def _storage(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


def upload(owner: Device, *, purpose: str = "message") -> Asset:
    file = SimpleUploadedFile("p.jpg", images.jpeg(64, 48))
    return media.store(owner_id=owner.user_id, file=file, purpose=purpose, client_id=uuid4())


def photo(asset: Asset | str) -> dict:
    return {"kind": "photo", "asset_id": str(getattr(asset, "id", asset))}


def send_photo(who: Device, conversation_id: int, asset: Asset, *, key: str | None = None) -> dict:
    path = f"conversations/{conversation_id}/messages/"
    return dict(Api(who).ok("POST", path, photo(asset), status=201, key=key or str(uuid4())))


# --- text -------------------------------------------------------------------------------------------------------------


def test_a_text_is_stored_pushed_and_read_back_as_the_same_thing(wire: Wire) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    wire.pushes()
    key = str(uuid4())
    sent = Api(ada).send(conversation_id, "hello", key=key)
    assert sent == {
        "conversation_id": str(conversation_id),
        "seq": 2,
        "message_no": 2,
        "sender_id": ada.id,
        "persona": None,
        "client_id": key,
        "kind": "text",
        "body": {"text": "hello"},
        "ref_seq": None,
        "target": None,
        "reactions": [],
        "edited_at": None,
        "recalled_at": None,
        "created_at": sent["created_at"],
    }
    ((topics, frame),) = wire.pushes()
    topic = f"conversation:{conversation_id}"
    assert (topics, frame) == ([topic], {"type": "message.created", "topic": topic, "version": 2, "payload": sent})
    assert Api(bo).history(conversation_id)[-1] == sent
    assert Api(bo).conversation(conversation_id)["last_message"] == sent


def test_repeating_the_key_returns_the_first_message(wire: Wire) -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    path, key = f"conversations/{conversation_id}/messages/", str(uuid4())
    body = {"kind": "text", "text": "once"}
    first = Api(ada).call("POST", path, body, key=key)
    wire.pushes()
    again = Api(ada).call("POST", path, body, key=key.upper())
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert ("Idempotent-Replayed" in first, again["Idempotent-Replayed"]) == (False, "true")
    assert Api(ada).send_refused(conversation_id, {"kind": "text", "text": "twice"}, key=key) == (
        409,
        "idempotency_conflict",
    )
    assert wire.types() == []
    assert [row["body"] for row in Api(ada).history(conversation_id)][1:] == [{"text": "once"}]


def test_the_same_key_is_free_for_others_and_elsewhere() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    other_id, key = group(ada, bo), str(uuid4())
    assert Api(ada).send(conversation_id, "one", key=key)["seq"] == 2
    assert Api(bo).send(conversation_id, "two", key=key)["seq"] == 3
    assert Api(ada).send(other_id, "three", key=key)["seq"] == 2


@pytest.mark.parametrize(
    "text",
    [
        "x" * 4000,
        "漢" * 4000,
        "👩‍👩‍👧‍👦 family, 🇨🇭 flag, e\u0301 accent",
        "\u202bשלום\u202c mixed \u202eright to left",
        " \n spaces stay \t\n",
        "\u200b\ufeff\x01\x1f\x7f\u2028",
        "\"\\</script>&amp;'; DROP TABLE messages;--",
        "𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    ],
    ids=["4,000", "4,000 wide", "joined emoji", "right to left", "spaces", "controls", "quotes", "astral"],
)
def test_texts_are_stored_exactly(text: str) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    assert Api(ada).send(conversation_id, text)["body"] == {"text": text}
    assert Api(bo).history(conversation_id)[-1]["body"] == {"text": text}


def test_refused_messages_leave_nothing(wire: Wire) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    before = Api(bo).conversation(conversation_id)
    wire.pushes()
    assert Api(ada).send_refused(conversation_id, {"kind": "text", "text": "x" * 4001}) == (422, "too_long")
    for body in (
        {"kind": "text", "text": ""},
        {"kind": "text", "text": "  \n "},
        {"kind": "text", "text": "a\0b"},
        {"kind": "text", "text": 7},
        {"kind": "text", "text": None},
        {"kind": "text", "text": ["a"]},
        {"kind": "text"},
        {"text": "a"},
        {"kind": "video", "text": "a"},
        {"kind": "friends_now", "text": "a"},
        {"kind": "group_created", "text": "a"},
        {"kind": "text", "text": "a", "asset_id": "1"},
        {"kind": "photo", "asset_id": "1", "text": "a"},
        {"kind": "photo"},
        {"kind": "photo", "asset_id": 1},
        {"kind": "photo", "asset_id": "9223372036854775808"},
        {"kind": "text", "text": "a", "created_at": "2020-01-01T00:00:00Z"},
        {"kind": "text", "text": "a", "client_id": str(uuid4())},
        {"kind": "text", "text": "a", "seq": 1},
        {"kind": "text", "text": "a", "sender_id": bo.id},
        {"kind": ["text"], "text": "a"},
    ):
        assert Api(ada).send_refused(conversation_id, body) == (400, "invalid_input"), body
    path = f"conversations/{conversation_id}/messages/"
    for key in (None, "abc", "0"):
        refusal = Api(ada).refused("POST", path, {"kind": "text", "text": "a"}, key=key)
        assert refusal == (400, "invalid_input"), key
    assert wire.types() == []
    assert Api(bo).conversation(conversation_id) == before


def test_half_a_surrogate_pair_is_no_text() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    path = f"/api/v1/conversations/{conversation_id}/messages/"
    response = Api(ada)._client.post(
        path,
        data=b'{"kind":"text","text":"\\ud83d"}',
        content_type="application/json",
        headers={"Idempotency-Key": str(uuid4())},
    )
    assert (response.status_code, response.json()["error"]["code"]) == (400, "malformed_body")


# --- photos -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_storage")
def test_a_photo_is_shown_to_the_conversation_and_nobody_else() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    eve, asset = person("Eve"), upload(ada)
    assert Api(bo).refused("GET", f"media/{asset.id}/") == (404, "not_found")
    sent = send_photo(ada, conversation_id, asset)
    assert sent["body"] == {"asset_id": str(asset.id), "width": 64, "height": 48, "content_type": "image/jpeg"}
    assert Api(bo).history(conversation_id)[-1] == sent
    assert Api(bo).get(f"media/{asset.id}/")["id"] == str(asset.id)
    assert Api(eve).refused("GET", f"media/{asset.id}/") == (404, "not_found")
    assert Api(eve).get(f"media/?ids={asset.id}")["results"] == []


@pytest.mark.usefixtures("_storage")
def test_a_photos_link_is_dead_for_who_cannot_see_the_conversation() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    eve, asset = person("Eve"), upload(ada)
    send_photo(ada, conversation_id, asset)
    url = Api(ada).get(f"media/{asset.id}/")["variants"]["original"]["url"]
    path = "/" + url.split("/", 3)[3]
    assert Api(eve).call("GET", path).status_code == 200  # the link is Ada's, and good for whoever Ada shows it to
    assert Api(eve).call("GET", path.replace(f"viewer={ada.id}", f"viewer={eve.id}")).status_code == 404


@pytest.mark.usefixtures("_storage")
def test_photos_that_are_not_ones_own_to_send_are_not_found(wire: Wire) -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    wire.pushes()
    for asset in (upload(bo), upload(ada, purpose="test.elsewhere"), "12345"):
        assert Api(ada).send_refused(conversation_id, photo(asset)) == (404, "not_found")
    assert wire.types() == []
    assert len(Api(bo).history(conversation_id)) == 1
    assert Asset.objects.exclude(reference=None).count() == 0


@pytest.mark.usefixtures("_storage")
def test_a_photo_is_sent_once_unless_it_is_the_same_message() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    asset, key = upload(ada), str(uuid4())
    first = send_photo(ada, conversation_id, asset, key=key)
    assert send_photo(ada, conversation_id, asset, key=key) == first
    assert Api(ada).send_refused(conversation_id, photo(asset)) == (404, "not_found")
    assert Api(ada).send_refused(group(ada, bo), photo(asset)) == (404, "not_found")
    assert Asset.objects.get(id=asset.id).reference == f"{conversation_id}:{first['seq']}"
    assert [row["seq"] for row in Api(bo).history(conversation_id)] == [1, 2]


@pytest.mark.usefixtures("_storage")
def test_a_photo_that_cannot_be_shown_is_not_sent() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    asset = upload(ada)
    Asset.objects.filter(id=asset.id).update(state=Asset.State.FAILED)
    assert Api(ada).send_refused(conversation_id, photo(asset)) == (409, "not_ready")
    assert len(Api(bo).history(conversation_id)) == 1
    assert Asset.objects.get(id=asset.id).reference is None


# --- history ----------------------------------------------------------------------------------------------------------


def seqs(page: dict) -> list[int]:
    return [row["seq"] for row in page["results"]]


def test_history_goes_both_ways_by_its_links() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    for number in range(9):
        say(ada if number % 2 else bo, conversation_id, str(number))
    path = f"conversations/{conversation_id}/messages/"
    newest = Api(ada).get(f"{path}?limit=4")
    assert (seqs(newest), newest["next"]) == ([7, 8, 9, 10], None)
    older = Api(ada).get(newest["previous"])
    assert seqs(older) == [3, 4, 5, 6]
    oldest = Api(ada).get(older["previous"])
    assert (seqs(oldest), oldest["previous"]) == ([1, 2], None)
    assert seqs(Api(ada).get(oldest["next"])) == [3, 4, 5, 6]
    assert seqs(Api(ada).get(older["next"])) == [7, 8, 9, 10]

    after = Api(ada).get(f"{path}?after=0&limit=6")
    assert (seqs(after), after["previous"]) == ([1, 2, 3, 4, 5, 6], None)
    assert seqs(Api(ada).get(after["next"])) == [7, 8, 9, 10]
    assert Api(ada).get(Api(ada).get(after["next"])["previous"])["results"] == after["results"]
    assert Api(ada).get(f"{path}?after=10")["results"] == []
    assert Api(ada).get(f"{path}?after={2**63 - 1}")["results"] == []
    assert Api(ada).get(f"{path}?before=1")["results"] == []
    assert seqs(Api(ada).get(f"{path}?before={2**63 - 1}&limit=2")) == [9, 10]
    assert len(seqs(Api(ada).get(path))) == 10


def test_history_refuses_what_is_no_place_in_it() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    for query in (
        "after=-1",
        "before=-1",
        "after=x",
        "after=1.5",
        "after=9223372036854775808",
        "after=" + "9" * 5000,
        "limit=0",
        "limit=101",
        "limit=x",
        "after=1&before=3",
        "around=3",
        "after=%00",
    ):
        path = f"conversations/{conversation_id}/messages/?{query}"
        assert Api(ada).refused("GET", path) == (400, "invalid_input"), query


def test_messages_are_stamped_by_the_database_whatever_the_servers_clock_says() -> None:
    """Two servers whose clocks differ by a day write into one conversation: its order and its times are one."""
    ada, bo, _direct = friends("Ada", "Bo")
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (before,) = cursor.fetchone()
    for shift in (timedelta(days=1), timedelta(days=-1)):
        with time_machine.travel(before + shift, tick=True):
            group_id = group(ada, bo)
            say(ada, group_id)
        say(bo, group_id)
        stamps = list(
            Message.objects.filter(conversation_id=group_id).order_by("seq").values_list("created_at", flat=True)
        )
        assert stamps == sorted(stamps)
        assert all(timedelta(0) <= stamp - before < timedelta(minutes=5) for stamp in stamps)
