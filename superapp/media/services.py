"""What people and jobs can do with files. See ``registry`` for how a room says which files it takes."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import structlog
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from superapp.core.errors import IdempotencyConflict, NotFound
from superapp.core.events import publish
from superapp.core.idempotency import request_hash
from superapp.core.ids import new_id
from superapp.media import photos, registry
from superapp.media.errors import FileDamaged, FileTooLarge, NotReady, UnsupportedMedia
from superapp.media.events import AssetReady, PhotoStored
from superapp.media.files import NewFiles
from superapp.media.models import Asset, Variant

log = structlog.get_logger(__name__)

#: A file that cannot be processed must not take a worker down for ever.
MAX_ATTEMPTS = 5
#: Longer than a task may run. It doubles with each attempt, so that the last comes most of an hour after the first.
FIRST_PAUSE = timedelta(seconds=90)


def store(*, owner_id: int, file: UploadedFile, purpose: str, client_id: UUID) -> Asset:
    """Keep a clean copy of an uploaded file; it can be attached at once, its variants follow.

    Call it outside a transaction: it decodes images and writes to storage. Repeating a ``client_id`` with the same file
    and purpose returns the first asset, with ``is_replay`` set.

    Raises ``PurposeUnknown``, ``UnsupportedMedia``, ``FileTooLarge``, ``ImageTooLarge``, ``FileDamaged``,
    ``IdempotencyConflict`` or ``Unavailable``; then nothing is kept, no row and no file.
    """
    _check_allowed(file, registry.purpose(purpose))
    asked = request_hash(purpose=purpose, sha256=_sha256(file))
    if earlier := _earlier_upload(owner_id, client_id, asked):
        return earlier
    photo = photos.normalise(file)
    with NewFiles() as new:
        key = new.write(photo.content)
        with transaction.atomic():
            asset = Asset.objects.insert_once(
                once={"owner_id": owner_id, "client_id": client_id},
                request_hash=asked,
                id=new_id(),
                purpose=purpose,
                kind=Asset.Kind.PHOTO,
                storage_key=key,
                content_type=photo.content_type,
                size_bytes=len(photo.content),
                width=photo.width,
                height=photo.height,
            )
            if not asset.is_replay:
                publish(PhotoStored(asset_id=asset.id, owner_id=owner_id))
                new.keep()
    return asset


def attach(*, asset_ids: Sequence[int], owner_id: int, purpose: str, reference: str) -> list[Asset]:
    """Hang the owner's uploads on ``reference``, which then decides who may see them; in the caller's transaction.

    Returns them in the order given. An upload hangs on one thing at a time; the same call again changes nothing.
    Two statements, however many assets, and no savepoint: it is part of sending a message.

    Raises ``NotFound`` when one is absent, somebody else's, for another purpose, or in use elsewhere, and ``NotReady``
    when one cannot be shown; details name the ``asset_ids``.
    """
    wanted = list(dict.fromkeys(asset_ids))
    # In the order of ids, so that two calls never wait for each other.
    assets = {
        asset.id: asset
        for asset in Asset.objects.select_for_update(no_key=True)
        .filter(id__in=wanted, owner_id=owner_id, purpose=purpose)
        .order_by("id")
    }
    if missing := [key for key in wanted if key not in assets or assets[key].reference not in {None, reference}]:
        raise NotFound(asset_ids=[str(asset_id) for asset_id in missing])
    if failed := [key for key in wanted if assets[key].state == Asset.State.FAILED]:
        raise NotReady(asset_ids=[str(asset_id) for asset_id in failed], state=Asset.State.FAILED.value)
    if free := [key for key in wanted if assets[key].reference is None]:
        Asset.objects.filter(id__in=free).update(reference=reference)
        for key in free:
            assets[key].reference = reference
    return [assets[key] for key in wanted]


def detach(*, purpose: str, reference: str) -> None:
    """Take away whatever hangs on ``reference``: nobody but its owner sees it, and every link given out is dead."""
    Asset.objects.filter(purpose=purpose, reference=reference).update(
        reference=None, link_generation=F("link_generation") + 1
    )


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


def _check_allowed(file: UploadedFile, rules: registry.Purpose) -> None:
    """What is known before a byte of the content is looked at."""
    if Asset.Kind.PHOTO not in rules.kinds:
        raise UnsupportedMedia
    if not file.size:
        raise FileDamaged
    if file.size > rules.max_bytes:
        raise FileTooLarge(max_bytes=rules.max_bytes)


def _sha256(file: UploadedFile) -> bytes:
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.digest()


def _earlier_upload(owner_id: int, client_id: UUID, asked: bytes) -> Asset | None:
    """Spares a retry the decoding; ``insert_once`` decides when both are under way at once."""
    asset = Asset.objects.filter(owner_id=owner_id, client_id=client_id).first()
    if asset is None:
        return None
    if bytes(asset.request_hash) != asked:
        raise IdempotencyConflict
    asset.is_replay = True
    return asset


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
