"""Smaller copies, made by a worker: whatever happens to it, once and in the end."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from superapp.core.events import after_commit
from superapp.media import photos, selectors, services
from superapp.media.events import AssetReady
from superapp.media.models import Asset, Variant
from tests.media import images
from tests.media.conftest import Person, files_in, stored

announced: list[AssetReady] = []
after_commit(AssetReady)(announced.append)


@pytest.fixture(autouse=True)
def _nothing_announced() -> None:
    announced.clear()


def state(asset: Asset) -> tuple[str, int]:
    asset.refresh_from_db()
    return asset.state, asset.attempts


def later(seconds: float) -> time_machine.travel:
    return time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=True)


def test_variants_are_made_and_announced(person: Person, media_root: Path) -> None:
    asset = stored(person, images.jpeg(300, 200))
    services.make_variants(asset_id=asset.id)
    assert state(asset) == ("ready", 1)
    made = {variant.name: (variant.width, variant.height) for variant in asset.variants.all()}
    assert made == {"thumb": (32, 21), "large": (128, 85)}
    assert {path.stat().st_size for path in files_in(media_root)} == {
        asset.size_bytes,
        *asset.variants.values_list("size_bytes", flat=True),
    }
    assert announced == [AssetReady(asset_id=asset.id, owner_id=person.id)]


def test_a_small_photo_is_not_enlarged(person: Person) -> None:
    asset = stored(person, images.jpeg(20, 10))
    services.make_variants(asset_id=asset.id)
    assert {(variant.width, variant.height) for variant in asset.variants.all()} == {(20, 10)}


def test_a_task_that_comes_twice_works_once(person: Person, media_root: Path) -> None:
    asset = stored(person)
    services.make_variants(asset_id=asset.id)
    before = files_in(media_root)
    with later(3600):
        services.make_variants(asset_id=asset.id)
    assert state(asset) == ("ready", 1)
    assert files_in(media_root) == before
    assert len(announced) == 1


def test_a_task_for_nothing_does_nothing(person: Person) -> None:
    services.make_variants(asset_id=12345)
    assert announced == []


def test_a_task_leaves_alone_what_somebody_works_on(person: Person) -> None:
    asset = stored(person)
    Asset.objects.update(attempts=1, due_at=timezone.now() + timedelta(seconds=60))
    services.make_variants(asset_id=asset.id)
    assert state(asset) == ("processing", 1)


def test_two_who_finish_the_same_asset_leave_one_set(
    person: Person, media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker was frozen for longer than its lease, and wakes up after another one is done."""
    asset = stored(person)
    smaller = photos.smaller

    def overtaken(*arguments: Any) -> Any:
        copies = list(smaller(*arguments))
        monkeypatch.setattr(photos, "smaller", smaller)
        with later(3600):
            services.make_variants(asset_id=asset.id)
        return iter(copies)

    monkeypatch.setattr(photos, "smaller", overtaken)
    services.make_variants(asset_id=asset.id)
    assert state(asset) == ("ready", 2)
    assert (asset.variants.count(), len(files_in(media_root)), len(announced)) == (2, 3, 1)


def test_a_failed_attempt_leaves_nothing_and_is_resumed(person: Person, media_root: Path) -> None:
    asset = stored(person)
    (original,) = files_in(media_root)
    content = original.read_bytes()
    original.write_bytes(content[:100])
    with pytest.raises(OSError, match="Truncated"):
        services.make_variants(asset_id=asset.id)
    assert state(asset) == ("processing", 1)
    assert (Variant.objects.count(), files_in(media_root)) == (0, [original])

    original.write_bytes(content)
    services.make_variants(asset_id=asset.id)
    assert state(asset) == ("processing", 1)
    with later(services.FIRST_PAUSE.total_seconds() + 1):
        services.make_variants(asset_id=asset.id)
    assert state(asset) == ("ready", 2)


def test_poison_is_given_up(person: Person, media_root: Path) -> None:
    """The attempt is counted before the work, so that a killed worker counts as well."""
    asset = stored(person)
    (original,) = files_in(media_root)
    original.write_bytes(b"poison")
    pauses: list[float] = []
    now = timezone.now()
    for _ in range(services.MAX_ATTEMPTS + 3):
        now += timedelta(hours=1)
        with time_machine.travel(now, tick=False):
            try:
                services.make_variants(asset_id=asset.id)
            except OSError:
                asset.refresh_from_db()
                pauses.append((asset.due_at - now).total_seconds())
    assert pauses == [90, 180, 360, 720, 1440]
    assert state(asset) == ("failed", services.MAX_ATTEMPTS)
    assert selectors.assets_left_behind(overdue=timedelta(0), limit=10) == []
    assert announced == []
    # Its owner still sees what they uploaded.
    assert person.asset(asset.id).json()["state"] == "failed"


def test_what_was_left_behind_is_found_oldest_first(person: Person) -> None:
    old, older, fresh, done = (stored(person) for _ in range(4))
    services.make_variants(asset_id=done.id)
    now = timezone.now()
    for asset, minutes in ((old, 2), (older, 3), (fresh, 0), (done, 9)):
        Asset.objects.filter(id=asset.id).update(due_at=now - timedelta(minutes=minutes))
    assert selectors.assets_left_behind(overdue=timedelta(minutes=1), limit=10) == [older.id, old.id]
    assert selectors.assets_left_behind(overdue=timedelta(minutes=1), limit=1) == [older.id]
