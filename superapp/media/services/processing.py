"""What workers make of an upload, once and in the end, whatever happens to them."""

from datetime import timedelta

import structlog
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from superapp.core.events import publish
from superapp.media import photos, registry
from superapp.media.events import AssetReady
from superapp.media.files import NewFiles
from superapp.media.models import Asset, Variant

log = structlog.get_logger(__name__)

#: A file that cannot be processed must not take a worker down for ever.
MAX_ATTEMPTS = 5
#: Longer than a task may run. It doubles with each attempt, so that the last comes most of an hour after the first.
FIRST_PAUSE = timedelta(seconds=90)


def make_variants(*, asset_id: int) -> None:
    """Make the smaller copies that the asset's purpose asks for. Does nothing when that is done or somebody is at it.

    Attempts are counted before the work: a file that kills its worker is given up after ``MAX_ATTEMPTS``.
    """
    asset = _claim(asset_id)
    if asset is None:
        return
    with NewFiles() as new:
        variants = _write_variants(asset, new)
        with transaction.atomic():
            # Should a lease have run out, two finish the same asset: the one who changes the state counts.
            if Asset.objects.filter(id=asset.id, state=Asset.State.PROCESSING).update(state=Asset.State.READY):
                Variant.objects.bulk_create(variants)
                publish(AssetReady(asset_id=asset.id, owner_id=asset.owner_id))
                new.keep()


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
        asset.state = Asset.State.FAILED
        asset.save(update_fields=["state"])
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
