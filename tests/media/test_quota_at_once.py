"""The room for unused uploads is exact, however many come at once."""

from pathlib import Path
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from pytest_django import Settings

from superapp.localdev.stage import Addresses
from superapp.media import services
from superapp.media.errors import QuotaExceeded
from superapp.media.models import Asset
from tests.media.conftest import EVERYTHING, files_in

THREADS = 8


@pytest.fixture(autouse=True)
def _database(committed_db: Addresses) -> None:
    """Everything commits."""


def test_uploads_at_the_same_time_share_the_room(settings: Settings, media_root: Path) -> None:
    settings.MEDIA_MAX_UNUSED_BYTES = 350
    barrier, answers = Barrier(THREADS), []

    def upload() -> None:
        try:
            barrier.wait()
            file = SimpleUploadedFile("a.bin", bytes(100))
            services.store(owner_id=7, file=file, purpose=EVERYTHING, client_id=uuid4(), kind="file")
            answers.append("stored")
        except QuotaExceeded:
            answers.append("refused")
        finally:
            connection.close()

    threads = [Thread(target=upload) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["refused"] * (THREADS - 3) + ["stored"] * 3
    assert (Asset.objects.filter(owner_id=7).count(), len(files_in(media_root))) == (3, 3)
