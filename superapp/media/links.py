"""Links to files that work without a sign-in, for image loaders: signed, short-lived and good for one device.

A link proves who it was given to, not that they may still look or are still signed in: that is asked anew at every
fetch. Everything that makes it valid stands in the query, which is never logged.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse
from django.utils import timezone

from superapp.core.errors import NotFound
from superapp.media.errors import LinkExpired
from superapp.media.models import Asset, Variant
from superapp.media.registry import ORIGINAL

_signer = Signer(salt="superapp.media.links")


@dataclass(frozen=True)
class Link:
    url: str
    width: int | None
    height: int | None
    content_type: str


@dataclass(frozen=True)
class LinkedAsset:
    """An asset as one viewer gets it, with a link to each of its files."""

    asset: Asset
    variants: dict[str, Link]
    expires_at: datetime

    @property
    def is_replay(self) -> bool:
        return self.asset.is_replay


@dataclass(frozen=True)
class Claim:
    """What the query of a link says, as text: only our own signature makes it more than that."""

    viewer: str
    device: str
    expires: str
    signature: str

    def check(self, asset: Asset, variant: str) -> tuple[int, int, timedelta]:
        """The person's and the device's id, and how much longer it works. Raises ``NotFound`` if the link is not ours,
        ``LinkExpired``."""
        try:
            _signer.unsign(f"{_signed(asset, variant, self.viewer, self.device, self.expires)}:{self.signature}")
        except BadSignature:
            raise NotFound from None
        left = datetime.fromtimestamp(int(self.expires), UTC) - timezone.now()
        if left <= timedelta(0):
            raise LinkExpired
        return int(self.viewer), int(self.device), left


def linked(asset: Asset, *, viewer_id: int, device_id: int) -> LinkedAsset:
    """Links for a viewer who may see the asset, on one device of theirs; its variants should be prefetched."""
    expires_at = _expiry(timezone.now())
    files: dict[str, Asset | Variant] = {variant.name: variant for variant in asset.variants.all()}
    if asset.is_clean:
        files = {ORIGINAL: asset, **files}
    viewer = (str(viewer_id), str(device_id))
    return LinkedAsset(
        asset=asset,
        variants={name: _link(asset, name, file, viewer, expires_at) for name, file in files.items()},
        expires_at=expires_at,
    )


def _link(asset: Asset, name: str, file: Asset | Variant, viewer: tuple[str, str], expires_at: datetime) -> Link:
    expires = str(int(expires_at.timestamp()))
    signature = _signer.signature(_signed(asset, name, *viewer, expires))
    path = reverse("media-file", args=[asset.id, name])
    query = urlencode({"viewer": viewer[0], "device": viewer[1], "expires": expires, "signature": signature})
    return Link(
        url=f"{settings.PUBLIC_ORIGIN}{path}?{query}",
        width=file.width,
        height=file.height,
        content_type=file.content_type,
    )


def _signed(asset: Asset, variant: str, viewer: str, device: str, expires: str) -> str:
    return f"{asset.id}:{variant}:{viewer}:{device}:{expires}:{asset.link_generation}"


def _expiry(now: datetime) -> datetime:
    """Within ``MEDIA_URL_LIFETIME``, rounded down to a quarter of it: a viewer who asks again soon gets the same link,
    and the copy that their device has cached under it."""
    lifetime = settings.MEDIA_URL_LIFETIME.total_seconds()
    step = lifetime / 4
    return datetime.fromtimestamp(int((now.timestamp() + lifetime) // step * step), UTC)
