"""What workers make of an upload, once and in the end, whatever happens to them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import structlog
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from superapp.core.events import publish
from superapp.media import photos, registry, sandbox, sniff
from superapp.media.events import AssetReady, FileLeft
from superapp.media.files import NewFiles
from superapp.media.models import Asset, Variant

log = structlog.get_logger(__name__)

#: A file that cannot be processed must not take a worker down for ever.
MAX_ATTEMPTS = 5
#: Longer than a task may run. It doubles with each attempt, so that the last comes most of an hour after the first.
FIRST_PAUSE = timedelta(seconds=90)


def make_variants(*, asset_id: int) -> None:
    """Make what others are shown of an upload: smaller copies of a photo, a clean copy of sound and film, with pictures
    of the latter. Does nothing when that is done or somebody is at it.

    Attempts are counted before the work: a file that kills its worker is given up after ``MAX_ATTEMPTS``. Sound or film
    that is found unfit is given up at once. Raises what storage raises, and ``sandbox.Interrupted``; then the sweeper
    comes back to it.
    """
    asset = _claim(asset_id)
    if asset is None:
        return
    if asset.kind == Asset.Kind.PHOTO:
        _make_smaller(asset)
    else:
        _make_clean(asset)


def _make_smaller(asset: Asset) -> None:
    with NewFiles() as new:
        variants = _write_variants(asset, new)
        _finish(asset, new, variants)


def _make_clean(asset: Asset) -> None:
    pictures = {registry.POSTER: registry.POSTER_SIDE, **registry.purpose(asset.purpose).variants}
    with default_storage.open(asset.storage_key) as source:
        container = sniff.container(sniff.head(source))
        with (
            sandbox.work(
                source,
                kind=asset.kind,
                container=container or "",
                max_seconds=registry.KINDS[asset.kind].max_seconds,
                pictures=pictures if asset.kind == Asset.Kind.VIDEO else {},
            ) as outcome,
            NewFiles() as new,
        ):
            if outcome.refusal:
                _give_up(asset, outcome.refusal)
                return
            with outcome.playable.open("rb") as playable:
                key = new.write(playable)
            _finish(
                asset,
                new,
                [_picture(asset, name, picture, new) for name, picture in (outcome.pictures or {}).items()],
                storage_key=key,
                content_type=outcome.content_type,
                size_bytes=outcome.playable.stat().st_size,
                width=outcome.width,
                height=outcome.height,
                duration_ms=outcome.duration_ms,
                waveform=outcome.waveform,
            )


def _finish(asset: Asset, new: NewFiles, variants: Sequence[Variant], **columns: Any) -> None:
    """Should a lease have run out, two finish the same asset: the one who changes the state counts."""
    with transaction.atomic():
        unfinished = Asset.objects.filter(id=asset.id, state=Asset.State.PROCESSING)
        if unfinished.update(state=Asset.State.READY, **columns):
            Variant.objects.bulk_create(variants)
            if columns:
                publish(FileLeft(asset_id=asset.id, storage_key=asset.storage_key))
            publish(AssetReady(asset_id=asset.id, owner_id=asset.owner_id))
            new.keep()


@transaction.atomic
def _give_up(asset: Asset, refusal: str) -> None:
    """What is not a photo goes with that: nobody may be given it, and it may say where it was recorded."""
    unfinished = Asset.objects.filter(id=asset.id, state=Asset.State.PROCESSING)
    if unfinished.update(state=Asset.State.FAILED, refusal=refusal):
        log.info("media.refused", asset_id=asset.id, refusal=refusal)
        if not asset.is_clean:
            publish(FileLeft(asset_id=asset.id, storage_key=asset.storage_key))


@transaction.atomic
def _claim(asset_id: int) -> Asset | None:
    now = timezone.now()
    asset = (
        Asset.objects.select_for_update(no_key=True)
        .filter(id=asset_id, state=Asset.State.PROCESSING, due_at__lte=now)
        .first()
    )
    if asset is None:
        return None
    if asset.attempts >= MAX_ATTEMPTS:
        log.error("media.processing_given_up", asset_id=asset.id, attempts=asset.attempts)
        _give_up(asset, Asset.Refusal.TOO_HEAVY)
        return None
    asset.due_at = now + FIRST_PAUSE * 2**asset.attempts
    asset.attempts += 1
    asset.save(update_fields=["due_at", "attempts"])
    return asset


def _write_variants(asset: Asset, new: NewFiles) -> list[Variant]:
    sides = registry.purpose(asset.purpose).variants
    with default_storage.open(asset.storage_key) as file:
        return [
            Variant(
                asset=asset,
                name=name,
                storage_key=new.write(photo.content),
                content_type=photo.content_type,
                size_bytes=len(photo.content),
                width=photo.width,
                height=photo.height,
            )
            for name, photo in photos.smaller(file, sides)
        ]


def _picture(asset: Asset, name: str, picture: sandbox.Picture, new: NewFiles) -> Variant:
    content = picture.path.read_bytes()
    return Variant(
        asset=asset,
        name=name,
        storage_key=new.write(content),
        content_type="image/jpeg",
        size_bytes=len(content),
        width=picture.width,
        height=picture.height,
    )
