"""What somebody may see, hung on one thing more: a row of its own over the same files."""

from collections.abc import Sequence
from uuid import uuid4

from django.db.models import Q

from superapp.core.errors import NotFound
from superapp.core.events import publish
from superapp.core.ids import new_id
from superapp.media import selectors
from superapp.media.errors import NotReady
from superapp.media.events import AssetStored
from superapp.media.models import Asset, Variant


def copy(*, asset_ids: Sequence[int], viewer_id: int, purpose: str, reference: str) -> dict[int, Asset]:
    """Hang copies of what the viewer may see on ``reference``, in the caller's transaction; returns them by the ids of
    what they are copies of.

    A copy is the viewer's, has links of its own and goes with its own ``reference``: neither it nor the first one
    notices what becomes of the other. Five statements, however many. No bytes are copied.

    Raises ``NotFound`` for what is absent, for another purpose, or not for the viewer to see, and ``NotReady`` for what
    cannot be shown; details name the ``asset_ids``.
    """
    wanted = list(dict.fromkeys(asset_ids))
    # Held, so that none of them is taken away or deleted before its copy is there.
    found = {
        asset.id: asset
        for asset in Asset.objects.select_for_update(no_key=True)
        .filter(id__in=wanted, purpose=purpose)
        .exclude(state=Asset.State.DELETING)
        .order_by("id")
        .prefetch_related("variants")
    }
    visible = selectors.visible_to(viewer_id, found.values())
    if missing := [asset_id for asset_id in wanted if asset_id not in visible]:
        raise NotFound(asset_ids=[str(asset_id) for asset_id in missing])
    if unfit := [asset for asset in found.values() if asset.state == Asset.State.FAILED or not asset.is_clean]:
        raise NotReady(asset_ids=[str(asset.id) for asset in unfit], state=unfit[0].state, refusal=unfit[0].refusal)
    copies = {asset_id: _copied(found[asset_id], viewer_id, reference) for asset_id in wanted}
    Asset.objects.bulk_create(copies.values())
    Variant.objects.bulk_create(
        _copied_variant(variant, copies[asset_id]) for asset_id in wanted for variant in found[asset_id].variants.all()
    )
    for made in copies.values():
        if made.state == Asset.State.PROCESSING:
            publish(AssetStored(asset_id=made.id, owner_id=viewer_id))
    return copies


def still_used(asset: Asset) -> set[str]:
    """Keys of files that copies of the same upload need."""
    first = asset.source_id or asset.id
    others = Asset.objects.filter(Q(id=first) | Q(source_id=first)).exclude(id=asset.id)
    kept = others.exclude(state=Asset.State.DELETING).prefetch_related("variants")
    return {key for other in kept for key in (other.storage_key, *(each.storage_key for each in other.variants.all()))}


def _copied(asset: Asset, owner_id: int, reference: str) -> Asset:
    return Asset(
        id=new_id(),
        source_id=asset.source_id or asset.id,
        owner_id=owner_id,
        client_id=uuid4(),
        request_hash=asset.request_hash,
        purpose=asset.purpose,
        reference=reference,
        kind=asset.kind,
        state=asset.state,
        name=asset.name,
        storage_key=asset.storage_key,
        content_type=asset.content_type,
        size_bytes=asset.size_bytes,
        width=asset.width,
        height=asset.height,
        duration_ms=asset.duration_ms,
        waveform=asset.waveform,
    )


def _copied_variant(variant: Variant, asset: Asset) -> Variant:
    return Variant(
        asset=asset,
        name=variant.name,
        storage_key=variant.storage_key,
        content_type=variant.content_type,
        size_bytes=variant.size_bytes,
        width=variant.width,
        height=variant.height,
    )
