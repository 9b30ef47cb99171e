"""A copy of one's data: asked for, made piece by piece, fetched by its person alone, and gone after a week."""

import io
import json
import tracemalloc
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from superapp.accounts import registry, selectors, services
from superapp.accounts.models import DataExport, User
from superapp.accounts.registry import Rows
from superapp.accounts.services import archives, exports
from superapp.core.errors import Conflict
from superapp.core.models import AuditEntry, OutboxEvent
from superapp.media import tasks as media_tasks
from superapp.media.models import Asset
from tests.accounts.people import Caller, Person, new_handle, person
from tests.accounts.sessions import later
from tests.accounts.test_privacy import Life

pytestmark = pytest.mark.django_db
EXPORTS = "/api/v1/me/exports/"
ROOMS = [room.name for room in registry.privacy.rooms()]


@pytest.fixture(autouse=True)
def _own_storage(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "media")


@pytest.fixture
def ada() -> Person:
    return person(handle=new_handle())


def ask(caller: Caller, key: str | None = None) -> Any:
    return caller.call("POST", EXPORTS, HTTP_IDEMPOTENCY_KEY=key or str(uuid4()))


def refusal(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def made(caller: Caller) -> dict[str, Any]:
    """A copy from the request to its end, without a worker in between."""
    export_id = ask(caller).json()["id"]
    while services.make_export(export_id=int(export_id)):
        pass
    return dict(caller.get(f"{EXPORTS}{export_id}/").json())


def addresses(caller: Caller, export: dict[str, Any]) -> list[str]:
    assets = caller.get(f"/api/v1/media/?ids={','.join(export['archive_ids'])}").json()["results"]
    return [asset["variants"]["original"]["url"].partition("localhost:8000")[2] for asset in assets]


def fetched(caller: Caller, export: dict[str, Any]) -> dict[str, bytes]:
    """What is in the archives, by path."""
    contents: dict[str, bytes] = {}
    for address in addresses(caller, export):
        response = Client().get(address)
        assert response.status_code == 200
        assert response["Content-Disposition"].startswith("attachment")
        with zipfile.ZipFile(io.BytesIO(response.getvalue())) as archive:
            assert archive.testzip() is None
            contents |= {name: archive.read(name) for name in archive.namelist() if name not in contents}
    return contents


def lines(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.decode().splitlines()]


def one_step_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where each step takes long."""
    monkeypatch.setattr(exports, "SECONDS", -1.0)


def files_in_storage(settings: Settings) -> int:
    return sum(path.is_file() for path in Path(settings.MEDIA_ROOT).rglob("*"))


# --- What is in it ----------------------------------------------------------------------------------------------------


def test_copy_has_a_folder_for_each_room_and_all_that_is_ones_own() -> None:
    life = Life()
    me = Caller(life.ada.token)
    export = made(me)
    assert (export["state"], export["rooms"], export["done_rooms"]) == ("ready", ROOMS, ROOMS)
    contents = fetched(me, export)
    assert {name.partition("/")[0] for name in contents} == {*ROOMS, "index.txt"}
    profile = json.loads(contents["accounts/profile.json"])
    assert (profile["handle"], profile["phone"], profile["birth_date"]) == (life.ada.handle, life.phone, "1985-02-28")
    assert lines(contents["accounts/devices.jsonl"])[0]["id"] == str(life.ada.device_id)
    said = [row["body"].get("text") for row in lines(contents["messaging/messages.jsonl"])]
    assert said.count("what Ada said") == 1
    assert "what Ada said to all" in said
    assert [row["emoji"] for row in lines(contents["messaging/reactions.jsonl"])] == ["👍"]
    contacts = lines(contents["messaging/contacts.jsonl"])
    assert {row["user_id"] for row in contacts} == {life.bo.id, life.cy.id}
    directions = {(row["direction"], row["user_id"]) for row in lines(contents["messaging/friend_requests.jsonl"])}
    assert directions >= {("outgoing", life.dee.id), ("incoming", life.eve.id)}
    assert [row["user_id"] for row in lines(contents["messaging/blocks.jsonl"])] == [life.eve.id]
    titles = {row["id"]: row["title"] for row in lines(contents["messaging/conversations.jsonl"])}
    assert titles == {str(life.direct): "", str(life.group): "Tea"}
    uploads = {row["id"]: row["file"] for row in lines(contents["media/uploads.jsonl"])}
    assert set(uploads) == {str(asset.id) for asset in (life.photo, life.unused, life.face)}
    for asset in (life.photo, life.unused, life.face):
        with default_storage.open(asset.storage_key) as file:
            assert contents[f"media/{uploads[str(asset.id)]}"] == file.read()


def test_copy_holds_nothing_of_others_and_nothing_that_opens_an_account() -> None:
    life = Life()
    me = Caller(life.ada.token)
    everything = b"\n".join(fetched(me, made(me)).values()).decode(errors="replace")
    # What Bo wrote and what he calls her are Bo's.
    assert "what Bo said" not in everything
    assert "Countess" not in everything
    for name in ("digest", "code_hash", '"password"', "storage_key", "request_hash", life.ada.token):
        assert name not in everything, name


def test_index_is_for_people_in_their_language() -> None:
    ada = person()
    User.objects.filter(id=ada.id).update(language="fr")
    index = fetched(ada.api, made(ada.api))["index.txt"].decode()
    assert index.startswith("Une copie de ce que Superapp conserve de vous")
    assert "accounts/profile.json" in index


def test_second_copy_does_not_hold_the_first(ada: Person) -> None:
    first = made(ada.api)
    contents = fetched(ada.api, made(ada.api))
    assert lines(contents["media/uploads.jsonl"]) == []
    assert not any(archive in name for name in contents for archive in first["archive_ids"])


def test_file_that_storage_has_lost_costs_no_other() -> None:
    life = Life()
    default_storage.delete(life.unused.storage_key)
    me = Caller(life.ada.token)
    contents = fetched(me, made(me))
    assert contents[f"media/files/{life.unused.id}.jpg.missing"] == b""
    assert f"media/files/{life.photo.id}.jpg" in contents


# --- Asking -----------------------------------------------------------------------------------------------------------


def test_asking_is_repeatable_and_one_is_made_at_a_time(ada: Person) -> None:
    key = str(uuid4())
    first = ask(ada.api, key)
    assert (first.status_code, first.json()["state"], first.json()["done_rooms"]) == (201, "preparing", [])
    again = ask(ada.api, key)
    assert (again.json(), again["Idempotent-Replayed"]) == (first.json(), "true")
    other = ask(ada.api)
    assert refusal(other) == (409, "export_under_way")
    assert other.json()["error"]["details"] == {"export_id": first.json()["id"]}
    assert OutboxEvent.objects.filter(event__export_id=int(first.json()["id"])).count() == 1
    assert AuditEntry.objects.filter(action="accounts.export_requested", subject_id=str(ada.id)).count() == 1


def test_two_a_day(ada: Person) -> None:
    made(ada.api)
    made(ada.api)
    third = ask(ada.api)
    assert refusal(third) == (429, "too_many_requests")
    assert 0 < int(third["Retry-After"]) <= 86_400
    with later(days=1, seconds=1):
        assert services.request_export(actor_id=ada.id, client_id=uuid4()).state == "preparing"


def test_list_shows_mine_the_newest_first_in_two_statements(ada: Person, django_assert_num_queries: Any) -> None:
    ids = [made(ada.api)["id"] for _ in range(2)]
    made(person().api)
    with django_assert_num_queries(2):
        listed = ada.api.get(EXPORTS).json()["results"]
    assert [row["id"] for row in listed] == ids[::-1]


# --- Whose it is ------------------------------------------------------------------------------------------------------


def test_nobody_else_sees_or_fetches_it(ada: Person) -> None:
    bo = person()
    export = made(ada.api)
    assert refusal(bo.api.get(f"{EXPORTS}{export['id']}/")) == (404, "not_found")
    assert bo.api.get(EXPORTS).json()["results"] == []
    (archive_id,) = export["archive_ids"]
    assert refusal(bo.api.get(f"/api/v1/media/{archive_id}/")) == (404, "not_found")
    assert bo.api.get(f"/api/v1/media/?ids={archive_id}").json()["results"] == []
    (address,) = addresses(ada.api, export)
    as_bo = address.replace(f"viewer={ada.id}", f"viewer={bo.id}")
    assert Client().get(as_bo).status_code == 404
    # And the address is good for as long as the device is signed in.
    assert Client().get(address).status_code == 200
    services.revoke_device(actor_id=ada.id, device_id=ada.device_id)
    assert Client().get(address).status_code == 404


def test_pieces_are_shown_to_nobody(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    export_id = int(ask(ada.api).json()["id"])
    one_step_a_task(monkeypatch)
    assert services.make_export(export_id=export_id)
    pieces = DataExport.objects.get(id=export_id).pieces
    assert pieces
    for asset_id, _size in pieces:
        assert refusal(ada.api.get(f"/api/v1/media/{asset_id}/")) == (404, "not_found")


@pytest.mark.parametrize("purpose", ["data_export", "data_export_piece"])
def test_nobody_uploads_one(ada: Person, purpose: str) -> None:
    form = {"purpose": purpose, "kind": "file", "file": io.BytesIO(b"x")}
    headers = {"Authorization": f"Bearer {ada.session.access.text}", "Idempotency-Key": str(uuid4())}
    assert Client(headers=headers).post("/api/v1/media/", form).status_code == 415


# --- Made step by step ------------------------------------------------------------------------------------------------


def test_progress_shows_which_rooms_are_done(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    one_step_a_task(monkeypatch)
    export_id, seen, more = ask(ada.api).json()["id"], [], True
    while more:
        more = services.make_export(export_id=int(export_id))
        seen.append(len(ada.api.get(f"{EXPORTS}{export_id}/").json()["done_rooms"]))
    # And in the end they are packed.
    assert seen == [*range(1, len(ROOMS) + 1), len(ROOMS)]
    assert ada.api.get(f"{EXPORTS}{export_id}/").json()["state"] == "ready"


class Shelf:
    """A room above with as much in it as a test likes."""

    def __init__(self, parts: int, rows: int) -> None:
        self.parts, self.rows, self.walked = parts, rows, 0

    def export(self, user_id: int) -> Any:
        for number in range(self.parts):
            yield f"list{number}", Rows(self._rows(number))

    def _rows(self, number: int) -> Any:
        self.walked += 1
        for row in range(self.rows):
            yield {"list": number, "row": row, "text": f"{uuid4()} {uuid4()} {uuid4()}"}


def put_up(monkeypatch: pytest.MonkeyPatch, shelf: Any) -> None:
    monkeypatch.setattr(registry.privacy, "_rooms", dict(registry.privacy._rooms))
    registry.privacy.register("shelf", export=shelf.export, erase=lambda _: None, covers={})


def test_large_room_is_copied_in_pieces_and_packed_into_several_archives(
    ada: Person, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    shelf = Shelf(parts=6, rows=300)
    put_up(monkeypatch, shelf)
    monkeypatch.setattr(archives, "PIECE_BYTES", 10_000)
    monkeypatch.setattr(archives, "ARCHIVE_BYTES", 40_000)
    export = made(ada.api)
    assert export["done_rooms"] == [*ROOMS, "shelf"]
    assert len(export["archive_ids"]) > 1
    contents = fetched(ada.api, export)
    for number in range(6):
        rows = lines(contents[f"shelf/list{number}.jsonl"])
        assert [row["row"] for row in rows] == list(range(300))
    # Whoever went on left out what was done.
    assert shelf.walked == 6
    # The pieces are gone with the next round.
    media_tasks.delete_unused()
    assert files_in_storage(settings) == len(export["archive_ids"])


def test_memory_does_not_grow_with_what_there_is() -> None:
    peaks = []
    for rows in (500, 20_000):
        room = registry.Room("shelf", Shelf(parts=1, rows=rows).export, lambda _: None, lambda _: [], {})
        tracemalloc.start()
        with archives.piece(room, user_id=1, offset=0) as piece:
            assert piece.is_last
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 256 * 1024


def test_whoever_was_overtaken_brings_nothing(ada: Person, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """As when a lease ran out under somebody slow: the second one's copy counts, the first one's piece is gone."""
    export_id = int(ask(ada.api).json()["id"])

    class Slow:
        slept = False

        def export(self, user_id: int) -> Any:
            if not Slow.slept:
                Slow.slept = True
                DataExport.objects.filter(id=export_id).update(due_at=timezone.now())
                assert not services.make_export(export_id=export_id)
            yield "here", {"a": 1}

    put_up(monkeypatch, Slow())
    assert not services.make_export(export_id=export_id)
    export = DataExport.objects.get(id=export_id)
    assert (export.state, export.turn, len(export.archive_ids)) == ("ready", 2, 1)
    media_tasks.delete_unused()
    assert files_in_storage(settings) == 1
    assert Asset.objects.count() == 1


# --- When something goes wrong ----------------------------------------------------------------------------------------


class Broken:
    fails = True

    def export(self, user_id: int) -> Any:
        if self.fails:
            raise OSError("+33612345678 could not be reached")
        yield "here", {"a": 1}


def test_failure_is_tried_again_and_then_waits_for_a_person(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Broken()
    put_up(monkeypatch, broken)
    export_id = int(ask(ada.api).json()["id"])
    assert not services.make_export(export_id=export_id)
    export = DataExport.objects.get(id=export_id)
    assert (export.state, export.error, export.done_rooms) == ("preparing", "OSError", ROOMS)
    assert timezone.now() < export.due_at
    with pytest.raises(Conflict):
        services.retry_export(export_id=export_id)
    for day in range(1, 7):
        with later(hours=day * 12):
            services.make_export(export_id=export_id)
    assert ada.api.get(f"{EXPORTS}{export_id}/").json()["state"] == "failed"
    broken.fails = False
    # It was not their fault: they may ask for another.
    assert made(ada.api)["state"] == "ready"
    services.retry_export(export_id=export_id)
    assert not services.make_export(export_id=export_id)
    assert DataExport.objects.get(id=export_id).state == "ready"


def test_one_that_is_being_made_is_not_made_twice(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    export_id = int(ask(ada.api).json()["id"])
    DataExport.objects.filter(id=export_id).update(due_at=timezone.now() + timedelta(seconds=60))
    assert not services.make_export(export_id=export_id)
    assert DataExport.objects.get(id=export_id).attempts == 0


# --- The end ----------------------------------------------------------------------------------------------------------


def test_copy_is_gone_after_a_week(ada: Person, settings: Settings) -> None:
    export = made(ada.api)
    (archive_id,) = export["archive_ids"]
    with later(days=6, hours=23):
        services.forget_expired()
        assert DataExport.objects.filter(id=int(export["id"])).exists()
    with later(days=7, seconds=1):
        assert not list(selectors.exports_of(ada.id))
        assert selectors.visible_archives(ada.id, {export["id"]}) == set()
        services.forget_expired()
    assert refusal(ada.api.get(f"{EXPORTS}{export['id']}/")) == (404, "not_found")
    assert refusal(ada.api.get(f"/api/v1/media/{archive_id}/")) == (404, "not_found")
    media_tasks.delete_unused()
    assert files_in_storage(settings) == 0
    assert not Asset.objects.exists()


def test_copies_go_with_the_account(settings: Settings) -> None:
    life = Life()
    made(Caller(life.ada.token))
    ask(Caller(life.ada.token))
    life.leave()
    with later(days=30, seconds=1):
        assert services.erase(user_id=life.ada.user_id)
    assert not DataExport.objects.filter(user_id=life.ada.user_id).exists()
    media_tasks.delete_unused()
    assert not Asset.objects.filter(purpose__startswith="data_export").exists()
