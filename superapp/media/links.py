"""Links to files that work without a sign-in, for image loaders: signed, short-lived and good for one viewer.

A link proves who it was given to, not that they may still look: that is asked anew at every fetch. Everything that
makes it valid stands in the query, which is never logged.
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
    expires: str
    signature: str

    def check(self, asset: Asset, variant: str) -> tuple[int, timedelta]:
        """Whose link this is and how much longer it works. Raises ``NotFound`` if it is not ours, ``LinkExpired``."""
        try:
            _signer.unsign(f"{_signed(asset, variant, self.viewer, self.expires)}:{self.signature}")
        except BadSignature:
            raise NotFound from None
        left = datetime.fromtimestamp(int(self.expires), UTC) - timezone.now()
        if left <= timedelta(0):
            raise LinkExpired
        return int(self.viewer), left


def linked(asset: Asset, *, viewer_id: int) -> LinkedAsset:
    """Links for a viewer who may see the asset; its variants should be prefetched."""
    expires_at = _expiry(timezone.now())
    files: dict[str, Asset | Variant] = {ORIGINAL: asset, **{variant.name: variant for variant in asset.variants.all()}}
    return LinkedAsset(
        asset=asset,
        variants={name: _link(asset, name, file, viewer_id, expires_at) for name, file in files.items()},
        expires_at=expires_at,
    )


def _link(asset: Asset, name: str, file: Asset | Variant, viewer_id: int, expires_at: datetime) -> Link:
    viewer, expires = str(viewer_id), str(int(expires_at.timestamp()))
    signature = _signer.signature(_signed(asset, name, viewer, expires))
    path = reverse("media-file", args=[asset.id, name])
    query = urlencode({"viewer": viewer, "expires": expires, "signature": signature})
    return Link(
        url=f"{settings.PUBLIC_ORIGIN}{path}?{query}",
        width=file.width,
        height=file.height,
        content_type=file.content_type,
    )


def _signed(asset: Asset, variant: str, viewer: str, expires: str) -> str:
    return f"{asset.id}:{variant}:{viewer}:{expires}:{asset.link_generation}"


def _expiry(now: datetime) -> datetime:
    """Within ``MEDIA_URL_LIFETIME``, rounded down to a quarter of it: a viewer who asks again soon gets the same link,
    and the copy that their device has cached under it."""
    lifetime = settings.MEDIA_URL_LIFETIME.total_seconds()
    step = lifetime / 4
    return datetime.fromtimestamp(int((now.timestamp() + lifetime) // step * step), UTC)
