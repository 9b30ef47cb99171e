"""From the upload to the thing that it hangs on."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from superapp.core.errors import IdempotencyConflict, NotFound, Unavailable
from superapp.core.events import publish
from superapp.core.idempotency import request_hash
from superapp.core.ids import new_id
from superapp.media import photos, registry, selectors, sniff
from superapp.media.errors import FileDamaged, NotReady, QuotaExceeded, UnsupportedMedia
from superapp.media.events import AssetStored
from superapp.media.files import NewFiles
from superapp.media.models import Asset

# The first key of Postgres' advisory locks that are about a person's unused uploads.
_LOCK = 0x6D65


@dataclass(frozen=True)
class _Intake:
    """What is kept of an upload for now, and the columns that say what it is."""

    content: bytes | IO[bytes]
    size_bytes: int
    columns: dict[str, Any]


def store(
    *, owner_id: int, file: UploadedFile, purpose: str, client_id: UUID, kind: str = Asset.Kind.PHOTO.value
) -> Asset:
    """Keep an upload. A photo is made clean here and now and can be attached at once, a file is kept as it is; voice
    and video can be attached when a worker is done with them.

    Call it outside a transaction: it decodes images and writes to storage. Repeating a ``client_id`` with the same
    file, kind and purpose returns the first asset, with ``is_replay`` set.

    Raises ``PurposeUnknown``, ``UnsupportedMedia``, ``FileTooLarge``, ``ImageTooLarge``, ``FileDamaged``,
    ``QuotaExceeded``, ``IdempotencyConflict`` or ``Unavailable``; then nothing is kept, no row and no file.
    """
    registry.purpose(purpose).check(kind=kind, size_bytes=file.size or 0)
    if not file.size:
        raise FileDamaged
    asked = request_hash(purpose=purpose, kind=kind, sha256=_sha256(file))
    if earlier := _earlier_upload(owner_id, client_id, asked):
        return earlier
    intake = _take_in(kind, file)
    with NewFiles() as new:
        key = new.write(intake.content)
        with transaction.atomic():
            _lock_unused(owner_id)
            check_room(owner_id=owner_id, size_bytes=intake.size_bytes)
            asset = Asset.objects.insert_once(
                once={"owner_id": owner_id, "client_id": client_id},
                request_hash=asked,
                id=new_id(),
                purpose=purpose,
                kind=kind,
                storage_key=key,
                size_bytes=intake.size_bytes,
                **intake.columns,
            )
            if not asset.is_replay:
                if asset.state == Asset.State.PROCESSING:
                    publish(AssetStored(asset_id=asset.id, owner_id=owner_id))
                new.keep()
    return asset


def check_room(*, owner_id: int, size_bytes: int) -> None:
    """Raises ``QuotaExceeded`` when so much more would be too much that hangs on nothing."""
    used, most = selectors.unused_bytes(owner_id), settings.MEDIA_MAX_UNUSED_BYTES
    if used + size_bytes > most:
        raise QuotaExceeded(used_bytes=used, max_bytes=most)


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
        .exclude(state=Asset.State.DELETING)
        .order_by("id")
    }
    if missing := [key for key in wanted if key not in assets or assets[key].reference not in {None, reference}]:
        raise NotFound(asset_ids=[str(asset_id) for asset_id in missing])
    if unfit := [asset for asset in assets.values() if asset.state == Asset.State.FAILED or not asset.is_clean]:
        raise NotReady(asset_ids=[str(asset.id) for asset in unfit], state=unfit[0].state, refusal=unfit[0].refusal)
    if free := [key for key in wanted if assets[key].reference is None]:
        Asset.objects.filter(id__in=free).update(reference=reference)
        for key in free:
            assets[key].reference = reference
    return [assets[key] for key in wanted]


def detach(*, purpose: str, reference: str) -> None:
    """Take away whatever hangs on ``reference``: nobody but its owner sees it, and every link given out is dead."""
    Asset.objects.filter(purpose=purpose, reference=reference).update(
        reference=None, unused_since=Now(), link_generation=F("link_generation") + 1
    )


def _take_in(kind: str, file: UploadedFile) -> _Intake:
    if kind == Asset.Kind.PHOTO:
        photo = photos.normalise(file)
        size = {"width": photo.width, "height": photo.height}
        return _Intake(photo.content, len(photo.content), {"content_type": photo.content_type, **size})
    first = sniff.head(file)
    if kind == Asset.Kind.FILE:
        columns = {
            "content_type": sniff.safe_type(first),
            "name": sniff.clean_name(file.name or ""),
            "state": Asset.State.READY,
        }
        return _Intake(file, file.size or 0, columns)
    containers = sniff.VOICE_CONTAINERS if kind == Asset.Kind.VOICE else sniff.VIDEO_CONTAINERS
    if sniff.container(first) not in containers:
        raise UnsupportedMedia(kind=kind)
    # As it is it is never shown to anybody: until the clean copy is there it has no type.
    return _Intake(file, file.size or 0, {"content_type": "application/octet-stream"})


def _lock_unused(owner_id: int) -> None:
    """Two uploads of one person are counted one after the other; both were written to storage before."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashint8(%s::bigint))", [_LOCK, owner_id])


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
    if asset.state == Asset.State.DELETING:
        # It was left unused for so long that it is going away right now; the key is free again in a moment.
        raise Unavailable
    asset.is_replay = True
    return asset
