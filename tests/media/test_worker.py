"""From the upload to its thumbnails through the real outbox, broker and worker, and what happens when one is away."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import redis
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from pytest_django import Settings

from superapp.core.models import OutboxEvent
from superapp.media import services, tasks
from superapp.media.models import Asset
from tests.conftest import OwnServices
from tests.media import films, images
from tests.processes import Loops, Worker


@pytest.fixture(scope="module")
def shared_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this process stores photos and the worker finds them."""
    return tmp_path_factory.mktemp("media")


@pytest.fixture(autouse=True)
def media_root(shared_root: Path, settings: Settings) -> Path:
    settings.MEDIA_ROOT = str(shared_root)
    return shared_root


@pytest.fixture(scope="module")
def worker(own_services: OwnServices, shared_root: Path) -> Iterator[Worker]:
    with (
        Loops(own_services.addresses, settings={"MEDIA_ROOT": str(shared_root)}),
        Worker(own_services.addresses, settings={"MEDIA_ROOT": str(shared_root)}) as worker,
    ):
        yield worker


def upload() -> Asset:
    # A purpose that the worker's process knows as well.
    file = SimpleUploadedFile("me.jpg", images.jpeg(800, 600))
    return services.store(owner_id=1, file=file, purpose="avatar", client_id=uuid4())


def until(condition: Callable[[], bool], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def is_ready(asset: Asset) -> bool:
    asset.refresh_from_db()
    return asset.state == "ready"


def test_an_upload_gets_its_thumbnails(worker: Worker) -> None:
    asset = upload()
    until(lambda: is_ready(asset))
    sizes = {variant.name: (variant.width, variant.height) for variant in asset.variants.all()}
    assert sizes == {"thumb": (96, 72), "large": (640, 480)}
    assert asset.attempts == 1


def test_a_film_becomes_playable_and_what_came_is_gone(worker: Worker, shared_root: Path) -> None:
    file = SimpleUploadedFile("film.mp4", films.film())
    asset = services.store(owner_id=1, file=file, purpose="message", client_id=uuid4(), kind="video")
    raw = asset.storage_key
    until(lambda: is_ready(asset))
    assert asset.storage_key != raw
    assert set(asset.variants.values_list("name", flat=True)) == {"poster", "thumb", "large"}
    until(lambda: not (shared_root / raw).exists())


def test_a_hostile_file_is_refused_and_the_worker_goes_on(worker: Worker) -> None:
    pid = worker.pid
    kind, make, codes = films.REFUSED["8k film"]
    file = SimpleUploadedFile("film.mp4", make())
    asset = services.store(owner_id=1, file=file, purpose="message", client_id=uuid4(), kind=kind)

    def is_failed() -> bool:
        asset.refresh_from_db()
        return asset.state == "failed"

    until(is_failed)
    assert asset.refusal in codes
    again = upload()
    until(lambda: is_ready(again))
    assert worker.pid == pid
    assert worker.alive()


def test_while_the_broker_is_away_the_outbox_keeps_the_task(own_services: OwnServices, worker: Worker) -> None:
    own_services.servers.stop_redis()
    try:
        asset = upload()
        event = OutboxEvent.objects.get(event__asset_id=asset.id)

        def was_tried() -> bool:
            event.refresh_from_db()
            return event.attempts > 0

        until(was_tried)
        assert event.done_at is None
    finally:
        own_services.servers.start_redis()

    def is_ready_at_last() -> bool:
        if not worker.alive():
            # Celery ends now and then when its broker goes away in the middle of a task (an AttributeError in kombu's
            # clean-up). In production its supervisor does this.
            worker.restart()
        return is_ready(asset)

    until(is_ready_at_last)


def test_what_the_broker_lost_is_queued_again(own_services: OwnServices, worker: Worker) -> None:
    worker.stop()
    asset = upload()
    until(lambda: OutboxEvent.objects.filter(event__asset_id=asset.id, done_at__isnull=False).exists())
    with redis.Redis.from_url(own_services.addresses.redis_url) as broker:
        assert broker.llen("media") == 1
        broker.delete("media")
    worker.start()
    tasks.resume_processing()
    with redis.Redis.from_url(own_services.addresses.redis_url) as broker:
        assert broker.llen("media") == 0, "it is not overdue yet"
    Asset.objects.filter(id=asset.id).update(due_at=timezone.now() - timedelta(minutes=2))
    tasks.resume_processing()
    until(lambda: is_ready(asset))
