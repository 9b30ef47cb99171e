"""A copy of one's data through the real outbox, broker and worker; and what a worker that is killed costs."""

import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage
from django.db import connection, connections, transaction
from django.utils import timezone
from pytest_django import Settings

from superapp.accounts import services, tasks
from superapp.accounts.models import DataExport
from superapp.accounts.registry import privacy
from superapp.media import tasks as media_tasks
from superapp.media.models import Asset
from tests.accounts.people import new_handle, person
from tests.conftest import OwnServices
from tests.core.waiting import until
from tests.processes import Loops, Worker


@pytest.fixture(scope="module")
def shared_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


@pytest.fixture(autouse=True)
def _media_root(shared_root: Path, settings: Settings) -> None:
    settings.MEDIA_ROOT = str(shared_root)


@pytest.fixture(scope="module")
def worker(own_services: OwnServices, shared_root: Path) -> Iterator[Worker]:
    with (
        Loops(own_services.addresses, settings={"MEDIA_ROOT": str(shared_root)}),
        Worker(own_services.addresses, settings={"MEDIA_ROOT": str(shared_root)}) as worker,
    ):
        yield worker


def request() -> int:
    ada = person(handle=new_handle())
    return services.request_export(actor_id=ada.id, client_id=uuid4()).id


def requested_elsewhere() -> int:
    """In a transaction of its own, while this one holds a lock."""
    with ThreadPoolExecutor(1) as pool:
        export_id = pool.submit(request).result()
        pool.submit(connections.close_all).result()
    return export_id


def export(export_id: int) -> DataExport:
    return DataExport.objects.get(id=export_id)


def names_in(export_id: int) -> set[str]:
    (archive_id,) = export(export_id).archive_ids
    with default_storage.open(Asset.objects.get(id=archive_id).storage_key) as file, zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        return set(archive.namelist())


def test_copy_is_made_by_a_worker(worker: Worker) -> None:
    export_id = request()
    until(lambda: export(export_id).state == "ready")
    assert {"index.txt", "accounts/profile.json", "messaging/messages.jsonl"} <= names_in(export_id)


def test_worker_killed_in_the_middle_costs_one_step(worker: Worker, shared_root: Path) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        # The last room reads this table: the others will be done, and this one waits.
        cursor.execute("LOCK TABLE payments_wallet IN ACCESS EXCLUSIVE MODE")
        export_id = requested_elsewhere()
        until(lambda: len(export(export_id).done_rooms) == len(privacy.rooms()) - 1)
        worker.kill()
    stopped = export(export_id)
    assert (stopped.state, stopped.done_rooms) == ("preparing", [room.name for room in privacy.rooms()][:-1])
    pieces = [asset_id for asset_id, _size in stopped.pieces]
    # As after some minutes, when what the killed one had claimed has run out; nobody but the sweeper knows of it.
    DataExport.objects.filter(id=export_id).update(due_at=timezone.now() - timedelta(minutes=2))
    worker.restart()
    tasks.resume_exports()
    until(lambda: export(export_id).state == "ready")
    assert {"index.txt", "accounts/profile.json", "messaging/messages.jsonl"} <= names_in(export_id)
    # It went on: the pieces that were done are those that were packed, and are gone with the next round.
    assert [asset_id for asset_id, _size in export(export_id).pieces][: len(pieces)] == pieces
    media_tasks.delete_unused()
    assert not Asset.objects.filter(id__in=pieces).exists()
