"""What is left unused goes, files and all, whatever happens in between; what is in use stays."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from superapp.core.errors import NotFound, Unavailable
from superapp.media import files, services, tasks
from superapp.media.models import Asset, Variant
from tests.media import images
from tests.media.conftest import PURPOSE, Person, files_in, stored

DAY = timedelta(days=1)


def unused_for(asset: Asset, time: timedelta) -> None:
    Asset.objects.filter(id=asset.id).update(unused_since=timezone.now() - time)


def attach(asset: Asset, reference: str = "1:1") -> None:
    with transaction.atomic():
        services.attach(asset_ids=[asset.id], owner_id=asset.owner_id, purpose=asset.purpose, reference=reference)


@pytest.fixture
def orphan(person: Person) -> Asset:
    asset = stored(person)
    services.make_variants(asset_id=asset.id)
    unused_for(asset, 2 * DAY)
    return asset


def test_unused_uploads_go_with_every_file(orphan: Asset, person: Person, media_root: Path) -> None:
    assert len(files_in(media_root)) == 3
    assert services.delete_orphans(older_than=DAY, batch=10) == 1
    assert (Asset.objects.count(), Variant.objects.count(), files_in(media_root)) == (0, 0, [])
    assert person.asset(orphan.id).status_code == 404
    assert services.delete_orphans(older_than=DAY, batch=10) == 0


def test_what_hangs_on_something_or_is_fresh_stays(person: Person, media_root: Path) -> None:
    used, fresh = stored(person), stored(person)
    attach(used)
    unused_for(used, 9 * DAY)
    unused_for(fresh, DAY - timedelta(minutes=1))
    assert services.delete_orphans(older_than=DAY, batch=10) == 0
    assert len(files_in(media_root)) == 2


def test_detaching_starts_the_time_anew(orphan: Asset) -> None:
    """However long ago it was uploaded."""
    attach(orphan)
    services.detach(purpose=PURPOSE, reference="1:1")
    assert services.delete_orphans(older_than=DAY, batch=10) == 0
    unused_for(orphan, 2 * DAY)
    assert services.delete_orphans(older_than=DAY, batch=10) == 1


def test_the_scheduled_task_goes_on_until_nothing_is_left(
    person: Person, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr(tasks, "DELETIONS_PER_BATCH", 2)
    for asset in [stored(person) for _ in range(5)]:
        unused_for(asset, settings.MEDIA_UNUSED_KEPT_FOR + timedelta(seconds=1))
    kept = stored(person)
    tasks.delete_unused()
    assert Asset.objects.get().id == kept.id


def test_a_batch_takes_the_oldest_first(person: Person) -> None:
    assets = [stored(person) for _ in range(3)]
    for days, asset in zip((2, 4, 3), assets, strict=True):
        unused_for(asset, days * DAY)
    assert services.delete_orphans(older_than=DAY, batch=2) == 2
    assert Asset.objects.get().id == assets[0].id


class Killed(BaseException):
    """As a process ends: no handler of errors sees it."""


def test_one_that_is_killed_in_between_is_finished_by_the_next(
    orphan: Asset, person: Person, media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete = files.delete

    def first_alone(key: str) -> bool:
        delete(key)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(files, "delete", first_alone)
        with pytest.raises(Killed):
            services.delete_orphans(older_than=DAY, batch=10)
    assert len(files_in(media_root)) == 2
    # Nobody meets what is half gone.
    assert person.asset(orphan.id).status_code == 404
    with pytest.raises(NotFound):
        attach(orphan)
    assert services.delete_orphans(older_than=DAY, batch=10) == 1
    assert (Asset.objects.count(), files_in(media_root)) == (0, [])


def test_a_file_that_storage_keeps_keeps_its_row_and_holds_up_nobody(
    orphan: Asset, person: Person, media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = stored(person)
    unused_for(second, 2 * DAY)
    delete = FileSystemStorage.delete

    def refuse(storage: FileSystemStorage, name: str) -> None:
        if name == orphan.storage_key:
            raise PermissionError(name)
        delete(storage, name)

    with monkeypatch.context() as patch:
        patch.setattr(FileSystemStorage, "delete", refuse)
        assert services.delete_orphans(older_than=DAY, batch=1) == 0
        assert services.delete_orphans(older_than=DAY, batch=1) == 1
        assert services.delete_orphans(older_than=DAY, batch=1) == 0
    assert Asset.objects.get().state == "deleting"
    unused_for(orphan, 2 * DAY)
    assert services.delete_orphans(older_than=DAY, batch=1) == 1
    assert files_in(media_root) == []


def test_a_repeated_upload_of_what_is_going_is_asked_to_come_again(person: Person) -> None:
    key = uuid4()
    person.upload(images.jpeg(), key=key)
    Asset.objects.update(state="deleting")
    with pytest.raises(Unavailable):
        services.store(
            owner_id=person.id, file=SimpleUploadedFile("a.jpg", images.jpeg()), purpose=PURPOSE, client_id=key
        )
