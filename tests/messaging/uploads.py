"""What people upload before they send it, as ready as it is for them."""

from uuid import uuid4

from django.core.files.uploadedfile import SimpleUploadedFile

from superapp.media import services as media
from superapp.media.models import Asset
from tests.media import films, images
from tests.realtime.people import Device

NAMES = {"photo": "photo.jpg", "voice": "voice.ogg", "video": "film.mp4", "file": "report.pdf"}


def upload(owner: Device, kind: str = "photo", content: bytes | None = None, *, name: str = "") -> Asset:
    """An upload of the owner's, just as it is when the worker has not looked at it."""
    file = SimpleUploadedFile(name or NAMES[kind], content if content is not None else _example(kind))
    return media.store(owner_id=owner.user_id, file=file, purpose="message", kind=kind, client_id=uuid4())


def ready(owner: Device, kind: str = "photo", content: bytes | None = None, *, name: str = "") -> Asset:
    """The same after a worker was there."""
    asset = upload(owner, kind, content, name=name)
    media.make_variants(asset_id=asset.id)
    asset.refresh_from_db()
    return asset


def _example(kind: str) -> bytes:
    match kind:
        case "photo":
            return images.jpeg()
        case "voice":
            return films.recorded("whatsapp opus")
        case "video":
            return films.film()
    return b"%PDF-1.7 report"
