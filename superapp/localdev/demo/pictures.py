"""Drawn pictures as uploads of the demo people. The workers make the smaller sizes once they run."""

import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from superapp.media import services as media
from superapp.media.models import Asset


@dataclass(frozen=True)
class Picture:
    """``client_id`` says which picture it is, in every run."""

    client_id: UUID
    owner_id: int
    purpose: str
    draw: Callable[[], Image.Image]


def stored(pictures: Iterable[Picture]) -> Mapping[UUID, Asset]:
    """The pictures as assets, uploaded unless an earlier run did: drawn anew, their bytes might differ by now."""
    wanted = list(pictures)
    found = Asset.objects.filter(
        owner_id__in={picture.owner_id for picture in wanted}, client_id__in=[picture.client_id for picture in wanted]
    )
    assets = {asset.client_id: asset for asset in found}
    return {picture.client_id: assets.get(picture.client_id) or _upload(picture) for picture in wanted}


def _upload(picture: Picture) -> Asset:
    content = io.BytesIO()
    picture.draw().save(content, "PNG", compress_level=1)
    file = SimpleUploadedFile("drawing.png", content.getvalue())
    return media.store(owner_id=picture.owner_id, file=file, purpose=picture.purpose, client_id=picture.client_id)
