"""The same key several times at the same moment, with real commits, from several threads."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from superapp.core.errors import IdempotencyConflict, Unavailable
from superapp.core.models import OutboxEvent
from superapp.media import services
from superapp.media.models import Asset
from tests.media import images
from tests.media.conftest import PURPOSE, files_in

pytestmark = pytest.mark.usefixtures("committed_db")


def store(content: bytes, owner_id: int, key: UUID) -> Asset | IdempotencyConflict:
    try:
        while True:
            file = SimpleUploadedFile("a.jpg", content)
            try:
                return services.store(owner_id=owner_id, file=file, purpose=PURPOSE, client_id=key)
            except Unavailable:
                # Too many at once: what a phone does then.
                continue
    except IdempotencyConflict as conflict:
        return conflict
    finally:
        connection.close()


def store_eight_times(contents: list[bytes], owner_id: int) -> list[Asset | IdempotencyConflict]:
    """In turns with each of ``contents``, all with one key."""
    key = uuid4()
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda number: store(contents[number % len(contents)], owner_id, key), range(8)))


def test_one_upload(media_root: Path) -> None:
    results = store_eight_times([images.jpeg(800, 600)], owner_id=7001)
    assets = [result for result in results if isinstance(result, Asset)]
    assert sorted(asset.is_replay for asset in assets) == [False] + [True] * 7
    kept = Asset.objects.get(owner_id=7001)
    assert {asset.id for asset in assets} == {kept.id}
    assert OutboxEvent.objects.filter(event__owner_id=7001).count() == 1
    assert len(files_in(media_root)) == 1


def test_two_different_uploads(media_root: Path) -> None:
    results = store_eight_times([images.jpeg(800, 600), images.jpeg(600, 800)], owner_id=7002)
    kept = Asset.objects.get(owner_id=7002)
    assert [isinstance(result, IdempotencyConflict) for result in results].count(True) == 4
    assert {result.id for result in results if isinstance(result, Asset)} == {kept.id}
    assert len(files_in(media_root)) == 1
