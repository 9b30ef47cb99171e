"""From the upload to the thing that it hangs on."""

import hashlib
from collections.abc import Sequence
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from superapp.core.errors import IdempotencyConflict, NotFound, Unavailable
from superapp.core.events import publish
from superapp.core.idempotency import request_hash
from superapp.core.ids import new_id
from superapp.media import photos, registry
from superapp.media.errors import FileDamaged, FileTooLarge, NotReady, UnsupportedMedia
from superapp.media.events import PhotoStored
from superapp.media.files import NewFiles
from superapp.media.models import Asset


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
        .exclude(state=Asset.State.DELETING)
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
        reference=None, unused_since=Now(), link_generation=F("link_generation") + 1
    )


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
    if asset.state == Asset.State.DELETING:
        # It was left unused for so long that it is going away right now; the key is free again in a moment.
        raise Unavailable
    asset.is_replay = True
    return asset
