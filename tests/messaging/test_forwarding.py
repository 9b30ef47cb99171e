"""Sending on: copies that live by themselves, one by one or merged into a record."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage

from messaging import registry, services
from messaging.cards import Card
from messaging.models import CardCopy, ChatRecord, Membership, Message
from superapp.media import services as media
from superapp.media.models import Asset, Variant
from tests.media.test_links import fetch
from tests.messaging.api import Api
from tests.messaging.uploads import ready, upload
from tests.realtime.people import Device, befriend, friends, group, people, person, say

pytestmark = pytest.mark.django_db
Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _media_root(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    settings.LIMITS_OVERRIDES = {"messaging.change.user": (1000, 1), "messaging.send.user": (1000, 1)}


@pytest.fixture(autouse=True, scope="module")
def _cards() -> None:
    for kind, forwardable in (("test.open", True), ("test.shut", False)):
        if registry.cards.get(kind) is None:
            registry.cards.register(kind, fallback=lambda data: data["name"], forwardable=forwardable)


def forward(who: Device, conversation_id: int, seq: int, *to: int, key: str | None = None) -> list[Json]:
    path = f"conversations/{conversation_id}/messages/{seq}/forward/"
    body = {"conversation_ids": [str(target) for target in to]}
    return list(Api(who).ok("POST", path, body, key=key or str(uuid4()))["results"])


def merge(who: Device, conversation_id: int, seqs: list[int], *to: int, title: str = "Tea") -> list[Json]:
    body = {"conversation_ids": [str(target) for target in to], "seqs": seqs, "title": title}
    return list(Api(who).ok("POST", f"conversations/{conversation_id}/records/", body, key=str(uuid4()))["results"])


def send(who: Device, conversation_id: int, **message: Any) -> int:
    return services.send_message(
        sender_id=who.user_id, conversation_id=conversation_id, client_id=uuid4(), **message
    ).seq


def three() -> tuple[Device, Device, Device, int, int]:
    """Ada with Bo, and Bo with Cy."""
    ada, bo, source = friends("Ada", "Bo")
    cy = person("Cy")
    return ada, bo, cy, source, befriend(bo, cy)


# --- one by one -------------------------------------------------------------------------------------------------------


def test_a_text_arrives_without_what_it_called_and_answered() -> None:
    ada, bo, cy, source, target = three()
    asked = say(ada, source)
    said = send(ada, source, kind="text", text="@Bo yes", mention_ids=[bo.user_id], quote_seq=asked)
    ((sent),) = forward(bo, source, said, target)
    assert (sent["conversation_id"], sent["error"]) == (str(target), None)
    assert (sent["message"]["sender_id"], sent["message"]["body"]) == (bo.id, {"text": "@Bo yes"})
    assert Api(cy).history(target)[-1] == sent["message"]
    assert Api(cy).conversation(target)["mine"]["mention_seq"] is None
    assert Api(cy).conversation(target)["mine"]["unread"] == 2


@pytest.mark.parametrize("kind", ["photo", "voice", "video", "file"])
def test_a_file_is_seen_by_the_new_readers_and_dies_with_its_own_copy(kind: str) -> None:
    ada, bo, cy, source, target = three()
    asset = ready(ada, kind)
    said = send(ada, source, kind=kind, asset_id=asset.id)
    (sent,) = forward(bo, source, said, target)
    body, copied = Api(bo).message(source, said)["body"], sent["message"]["body"]
    assert copied == body | {"asset_id": copied["asset_id"]}
    assert copied["asset_id"] != body["asset_id"]
    path = {"old": f"media/{body['asset_id']}/", "new": f"media/{copied['asset_id']}/"}
    shown = Api(cy).get(path["new"])
    assert shown["variants"].keys() == Api(bo).get(path["old"])["variants"].keys()
    for variant in shown["variants"].values():
        assert fetch(variant["url"]).status_code == 200
    # Neither is who sees the one shown the other.
    assert Api(cy).refused("GET", path["old"]) == (404, "not_found")
    assert Api(ada).refused("GET", path["new"]) == (404, "not_found")
    Api(bo).recall(target, sent["message"]["seq"])
    assert fetch(shown["variants"]["original"]["url"]).status_code == 404
    assert Api(bo).get(path["old"])["state"] == "ready"


def test_a_copy_outlives_what_it_is_a_copy_of_and_the_last_one_takes_the_files() -> None:
    ada, bo, cy, source, target = three()
    asset = ready(ada)
    said = send(ada, source, kind="photo", asset_id=asset.id)
    (sent,) = forward(bo, source, said, target)
    copied = int(sent["message"]["body"]["asset_id"])
    keys = {asset.storage_key, *Variant.objects.filter(asset_id=asset.id).values_list("storage_key", flat=True)}
    Api(ada).recall(source, said)
    assert media.delete_orphans(older_than=timedelta(0), batch=10) == 1
    assert not Asset.objects.filter(id=asset.id).exists()
    assert all(default_storage.exists(key) for key in keys)
    assert fetch(Api(cy).get(f"media/{copied}/")["variants"]["thumb"]["url"]).status_code == 200
    Api(bo).recall(target, sent["message"]["seq"])
    assert media.delete_orphans(older_than=timedelta(0), batch=10) == 1
    assert not any(default_storage.exists(key) for key in keys)


def test_a_photo_is_sent_on_before_its_smaller_sizes_are_made() -> None:
    ada, bo, cy, source, target = three()
    asset = upload(ada)
    said = send(ada, source, kind="photo", asset_id=asset.id)
    (sent,) = forward(bo, source, said, target)
    copied = int(sent["message"]["body"]["asset_id"])
    media.make_variants(asset_id=copied)
    assert Api(cy).get(f"media/{copied}/")["variants"].keys() >= {"original", "thumb"}
    assert Asset.objects.get(id=asset.id).state == "processing"


def test_places_and_contacts_go_on_as_they_are() -> None:
    ada, bo, cy, source, target = three()
    place = send(ada, source, kind="location", latitude=1.5, longitude=2, name="Tower")
    card = send(ada, source, kind="contact", user_id=ada.user_id)
    for seq in (place, card):
        (sent,) = forward(bo, source, seq, target)
        assert sent["message"]["body"] == Api(ada).message(source, seq)["body"]
    assert len(Api(cy).history(target)) == 3


def test_a_card_goes_on_only_where_its_product_says_so() -> None:
    ada, bo, _cy, source, target = three()
    seqs = {
        kind: services.post_card(
            conversation_id=source,
            sender_id=ada.user_id,
            card=Card(kind, f"{kind}-1", {"name": "Parcel"}),
            client_id=uuid4(),
        )
        for kind in ("test.open", "test.shut")
    }
    (sent,) = forward(bo, source, seqs["test.open"], target)
    assert sent["message"]["body"] == Api(ada).message(source, seqs["test.open"])["body"]
    path = f"conversations/{source}/messages/{seqs['test.shut']}/forward/"
    body = {"conversation_ids": [str(target)]}
    assert Api(bo).refused("POST", path, body, key=str(uuid4())) == (422, "not_for_this")
    # Later versions find the copy as well.
    copies = CardCopy.objects.filter(kind="test.open").values_list("conversation_id", "seq")
    assert set(copies) == {(source, seqs["test.open"]), (target, sent["message"]["seq"])}
    assert Message.objects.filter(kind="card", conversation_id=target).count() == 1


def test_each_conversation_takes_or_refuses_it_for_itself() -> None:
    ada, bo, cy, source, target = three()
    said = say(ada, source, "news")
    stranger, other, foreign = friends("Eve", "Mallory")
    services.block(actor_id=cy.user_id, user_id=bo.user_id)
    tea = group(bo, ada)
    key = str(uuid4())
    results = forward(bo, source, said, target, foreign, tea, 12345, tea, key=key)
    assert [one["conversation_id"] for one in results] == [str(target), str(foreign), str(tea), "12345"]
    codes = [one["error"]["code"] if one["error"] else None for one in results]
    assert codes == ["blocked", "not_found", None, "not_found"]
    services.unblock(actor_id=cy.user_id, user_id=bo.user_id)
    # The retry reaches who is ready now, and nobody twice.
    again = forward(bo, source, said, target, tea, key=key)
    assert [one["error"] for one in again] == [None, None]
    assert again[1]["message"] == results[2]["message"]
    assert [row["body"].get("text") for row in Api(ada).history(tea)].count("news") == 1
    other_source = say(ada, source, "other")
    conflict = forward(bo, source, other_source, tea, key=key)
    assert conflict[0]["error"]["code"] == "idempotency_conflict"
    assert stranger.id != other.id


def test_what_cannot_be_sent_on() -> None:
    ada, bo, _cy, source, target = three()
    said, gone, hidden = (say(ada, source) for _ in range(3))
    Api(ada).recall(source, gone)
    Api(bo).ok("DELETE", f"conversations/{source}/messages/{hidden}/", status=204)
    body = {"conversation_ids": [str(target)]}

    def refused(who: Device, seq: int, body: Json = body) -> tuple[int, str]:
        return Api(who).refused("POST", f"conversations/{source}/messages/{seq}/forward/", body, key=str(uuid4()))

    assert refused(bo, gone) == (409, "recalled")
    assert refused(bo, hidden) == (404, "not_found")
    assert refused(bo, 1) == (422, "not_for_this")
    assert refused(bo, 99) == (404, "not_found")
    assert refused(person(), said) == (404, "not_found")
    for ids in ([], ["x"], [str(number) for number in range(10)]):
        assert refused(bo, said, {"conversation_ids": ids}) == (400, "invalid_input")
    assert len(Api(bo).history(target)) == 1


# --- merged -----------------------------------------------------------------------------------------------------------


def test_a_record_is_what_was_said_frozen() -> None:
    ada, bo, cy, source, target = three()
    tea = group(bo, ada)
    first = say(ada, tea, "one")
    photo = send(bo, tea, kind="photo", asset_id=ready(bo).id)
    gone, hidden = say(ada, tea, "secret"), say(ada, tea, "secret too")
    last = send(bo, tea, kind="text", text="three", quote_seq=first)
    Api(ada).recall(tea, gone)
    Api(bo).ok("DELETE", f"conversations/{tea}/messages/{hidden}/", status=204)
    # In any order, with rows that say what happened among them.
    (sent,) = merge(bo, tea, [last, 1, photo, gone, hidden, first, 99], target)
    message = sent["message"]
    assert (message["kind"], message["sender_id"]) == ("record", bo.id)
    assert message["body"] == {
        "title": "Tea",
        "count": 3,
        "preview": [
            {"display_name": "Ada", "kind": "text", "text": "one"},
            {"display_name": "Bo", "kind": "photo", "text": ""},
            {"display_name": "Bo", "kind": "text", "text": "three"},
        ],
    }
    record = Api(cy).get(f"conversations/{target}/messages/{message['seq']}/record/")
    assert record["title"] == "Tea"
    assert [row["body"].get("text") for row in record["rows"]] == ["one", None, "three"]
    assert [row["created_at"] for row in record["rows"]] == [
        Api(bo).message(tea, seq)["created_at"] for seq in (first, photo, last)
    ]
    # No ids of people whom the readers may not know; their names are as of then.
    assert ada.id not in str(record)
    Api(ada).ok("PATCH", "me/", {"display_name": "Adele"})
    Api(ada).edit(tea, first, "edited")
    Api(ada).recall(tea, first)
    assert Api(cy).get(f"conversations/{target}/messages/{message['seq']}/record/") == record
    # What is in it can be seen by who may read it, until it is recalled.
    asset_id = record["rows"][1]["body"]["asset_id"]
    url = Api(cy).get(f"media/{asset_id}/")["variants"]["original"]["url"]
    assert Api(person()).refused("GET", f"media/{asset_id}/") == (404, "not_found")
    Api(bo).recall(target, message["seq"])
    assert fetch(url).status_code == 404
    path = f"conversations/{target}/messages/{message['seq']}/record/"
    assert Api(cy).refused("GET", path) == (404, "not_found")
    assert not ChatRecord.objects.exists()
    assert source != tea


def test_a_record_goes_on_as_a_whole_and_shows_inside_another_what_it_is_called() -> None:
    ada, bo, cy, source, target = three()
    photo = send(ada, source, kind="photo", asset_id=ready(ada).id)
    (sent,) = merge(bo, source, [photo], target, title="Ours")
    seq = sent["message"]["seq"]
    dee = person("Dee")
    elsewhere = befriend(cy, dee)
    (onward,) = forward(cy, target, seq, elsewhere)
    assert onward["message"]["body"] == sent["message"]["body"]
    Api(bo).recall(target, seq)
    rows = Api(dee).get(f"conversations/{elsewhere}/messages/{onward['message']['seq']}/record/")["rows"]
    assert Api(dee).get(f"media/{rows[0]['body']['asset_id']}/")["kind"] == "photo"
    (nested,) = merge(cy, elsewhere, [onward["message"]["seq"]], elsewhere, title="Theirs")
    inner = Api(dee).get(f"conversations/{elsewhere}/messages/{nested['message']['seq']}/record/")["rows"][0]
    assert (inner["kind"], inner["body"]["title"], inner["body"]["count"]) == ("record", "Ours", 1)


def test_what_makes_no_record() -> None:
    ada, bo, _cy, source, target = three()
    said = say(ada, source)
    good: Json = {"conversation_ids": [str(target)], "seqs": [said], "title": "Tea"}

    def refused(who: Device, **changes: Any) -> tuple[int, str]:
        return Api(who).refused("POST", f"conversations/{source}/records/", good | changes, key=str(uuid4()))

    assert refused(bo, seqs=[1, 99]) == (422, "not_for_this")
    assert refused(person()) == (404, "not_found")
    for changes in ({"seqs": []}, {"seqs": list(range(1, 102))}, {"seqs": ["1"]}, {"title": " "}, {"rows": []}):
        assert refused(bo, **changes) == (400, "invalid_input")
    assert Api(bo).refused("GET", f"conversations/{source}/messages/{said}/record/") == (404, "not_found")
    newcomer, tea = person(), group(*people(2))
    Membership.objects.create(conversation_id=tea, user_id=newcomer.user_id, joined_seq=2)
    body = {"conversation_ids": [str(tea)], "seqs": [1], "title": "x"}
    assert Api(newcomer).refused("POST", f"conversations/{tea}/records/", body, key=str(uuid4()))[0] == 422


def test_a_retry_finds_what_was_sent_although_the_source_is_gone() -> None:
    ada, bo, cy, source, target = three()
    other = befriend(bo, person("Dee"))
    said = say(ada, source, "news")
    key = str(uuid4())
    (sent,) = forward(bo, source, said, target, key=key)
    record: dict[str, Any] = {"conversation_ids": [str(target)], "seqs": [said], "title": "Tea"}
    path, record_key = f"conversations/{source}/records/", str(uuid4())
    (merged,) = Api(bo).ok("POST", path, record, key=record_key)["results"]
    Api(ada).recall(source, said)
    assert forward(bo, source, said, target, key=key) == [sent]
    assert Api(bo).ok("POST", path, record, key=record_key)["results"] == [merged]
    # What was not sent then is not sent now.
    again, new = forward(bo, source, said, target, other, key=key)
    assert (again, new["message"], new["error"]["code"]) == (sent, None, "recalled")
    assert len(Api(cy).history(target)) == 3
