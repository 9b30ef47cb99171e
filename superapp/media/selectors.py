"""Reads: who may see what, and what is still to be processed."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import IO

import structlog
from django.core.files.storage import default_storage
from django.db.models import QuerySet, Sum
from django.utils import timezone

from superapp.core.errors import NotFound, Unavailable
from superapp.media import registry
from superapp.media.links import Claim
from superapp.media.models import Asset, StoredFile, Variant

log = structlog.get_logger(__name__)


def assets_visible_to(viewer_id: int, asset_ids: Sequence[int]) -> list[Asset]:
    """Those of the assets that the viewer may see now, in the order asked for, with their variants.

    Two statements, and one question to each purpose that is among them.
    """
    found = _shown().prefetch_related("variants").in_bulk(list(set(asset_ids)))
    visible = visible_to(viewer_id, found.values())
    return [found[asset_id] for asset_id in dict.fromkeys(asset_ids) if asset_id in visible]


def asset_visible_to(viewer_id: int, asset_id: int) -> Asset:
    """Raises ``NotFound``."""
    for asset in assets_visible_to(viewer_id, [asset_id]):
        return asset
    raise NotFound


@dataclass(frozen=True)
class LinkedFile:
    """What a link leads to (the asset itself, or one of its variants), and how much longer it does."""

    asset: Asset
    file: StoredFile
    left: timedelta


def linked_file(*, asset_id: int, name: str, claim: Claim) -> LinkedFile:
    """The file behind a link.

    Raises ``NotFound`` for links that we did not make, when its viewer may no longer see it, and when the device that
    was given it is signed out; ``LinkExpired``.
    """
    file: Asset | Variant | None
    if name == registry.ORIGINAL:
        file = asset = _shown().filter(id=asset_id).first()
    else:
        file = Variant.objects.select_related("asset").filter(asset_id=asset_id, name=name).first()
        asset = file.asset if file else None
    if file is None or asset is None:
        raise NotFound
    viewer_id, device_id, left = claim.check(asset, name)
    if name == registry.ORIGINAL and not asset.is_clean:
        raise NotFound
    if not registry.is_signed_in(viewer_id, device_id) or not visible_to(viewer_id, [asset]):
        raise NotFound
    return LinkedFile(asset, file, left)


def assets_left_behind(*, overdue: timedelta, limit: int) -> list[int]:
    """Assets whose processing should have begun, or begun again, ``overdue`` ago; the longest waiting first."""
    waiting = Asset.objects.filter(state=Asset.State.PROCESSING, due_at__lte=timezone.now() - overdue)
    return list(waiting.order_by("due_at").values_list("id", flat=True)[:limit])


def unused_bytes(owner_id: int) -> int:
    """What somebody uploaded and has not used, from an index alone."""
    unused = Asset.objects.filter(owner_id=owner_id, reference=None)
    return int(unused.aggregate(total=Sum("size_bytes"))["total"] or 0)


def uploads_of(owner_id: int) -> Iterator[Asset]:
    """Everything that somebody uploaded and that is still there, the oldest first; a thousand at a time in memory."""
    last = 0
    while batch := list(_shown().filter(owner_id=owner_id, id__gt=last).order_by("id")[:1000]):
        yield from batch
        last = batch[-1].id


def kept_file(asset_id: int) -> Asset:
    """For services: nobody is asked whether they may see it. Raises ``NotFound``."""
    asset = _shown().filter(id=asset_id).first()
    if asset is None:
        raise NotFound
    return asset


@contextmanager
def opened(asset: Asset) -> Iterator[IO[bytes]]:
    """The file at full size, for services. Raises ``NotFound`` where storage has lost it, ``Unavailable``."""
    try:
        content = default_storage.open(asset.storage_key)
    except FileNotFoundError:
        log.exception("media.file_missing", asset_id=asset.id, storage_key=asset.storage_key)
        raise NotFound from None
    except OSError as error:
        log.exception("media.storage_failed", asset_id=asset.id, storage_key=asset.storage_key)
        raise Unavailable from error
    with content:
        yield content


def _shown() -> QuerySet[Asset]:
    return Asset.objects.exclude(state=Asset.State.DELETING)


def visible_to(viewer_id: int, assets: Collection[Asset]) -> set[int]:
    """Ids of those that the viewer may see: their own, and what the purpose of each allows."""
    others = [asset for asset in assets if asset.owner_id != viewer_id and asset.reference is not None]
    asked: dict[str, set[str]] = defaultdict(set)
    for asset in others:
        asked[asset.purpose].add(asset.reference or "")
    allowed = {name: registry.purpose(name).may_view(viewer_id, references) for name, references in asked.items()}
    return {asset.id for asset in assets if asset.owner_id == viewer_id} | {
        asset.id for asset in others if asset.reference in allowed[asset.purpose]
    }
