"""What nobody uses any more goes: the row says so first, then the files go, then the row."""

from collections.abc import Sequence
from datetime import timedelta

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from superapp.core.errors import Unavailable
from superapp.media import files
from superapp.media.models import Asset, Variant
from superapp.media.services.copies import still_used


def delete_orphans(*, older_than: timedelta, batch: int) -> int:
    """Delete up to ``batch`` uploads that have hung on nothing for longer than ``older_than``; returns how many went.

    Call it outside a transaction and until it returns 0. It may be killed anywhere and run beside itself: whatever is
    half done is finished by the next call. A file that storage does not let go keeps its row, and is tried again after
    another ``older_than``.
    """
    deleted, _stuck = _delete(_give_up(Q(unused_since__lt=Now() - older_than), batch))
    return deleted


def delete_uploads_of(*, owner_id: int, batch: int) -> int:
    """Delete up to ``batch`` uploads of somebody that hang on nothing, however young; returns how many went.

    As ``delete_orphans``, for somebody who has left. Raises ``Unavailable`` when storage does not let one go.
    """
    assets = _give_up(Q(owner_id=owner_id), batch)
    _deleted, stuck = _delete(assets)
    if stuck:
        raise Unavailable
    # Not those that are gone: where two do this at once, the other may have taken the last row.
    return len(assets)


def _delete(assets: Sequence[Asset]) -> tuple[int, set[int]]:
    """How many went, and which storage did not let go."""
    gone = [asset.id for asset in assets if _delete_files(asset)]
    stuck = {asset.id for asset in assets} - set(gone)
    if stuck:
        Asset.objects.filter(id__in=stuck).update(unused_since=Now())
    with transaction.atomic():
        Variant.objects.filter(asset_id__in=gone).delete()
        deleted, _ = Asset.objects.filter(id__in=gone, state=Asset.State.DELETING).delete()
    return deleted, stuck


def delete_file(*, storage_key: str) -> None:
    """A file that no row names any more. Raises ``OSError`` when storage does not let it go."""
    default_storage.delete(storage_key)


@transaction.atomic
def _give_up(which: Q, batch: int) -> Sequence[Asset]:
    """From the commit on nothing can be attached, shown or delivered of them, and every link is dead."""
    assets = list(
        Asset.objects.select_for_update(skip_locked=True, no_key=True)
        .filter(which, reference=None)
        .order_by("unused_since")
        .prefetch_related("variants")[:batch]
    )
    Asset.objects.filter(id__in=[asset.id for asset in assets]).update(
        state=Asset.State.DELETING, link_generation=F("link_generation") + 1
    )
    return assets


def _delete_files(asset: Asset) -> bool:
    kept = still_used(asset)
    keys = [*(variant.storage_key for variant in asset.variants.all()), asset.storage_key]
    return all(files.delete(key) for key in keys if key not in kept)
