"""What this room, and the one below it, put into a copy of somebody's data."""

from collections.abc import Iterator
from functools import partial

from superapp.accounts import selectors
from superapp.accounts.models import Device, HandleDirectory, OrganisationMember, User
from superapp.accounts.registry import Json, Part, Rows, StoredFile
from superapp.core.api.fields import rfc3339
from superapp.media import selectors as media
from superapp.media.models import Asset

#: So that files open by a double click; what is kept under another type is a file of any kind.
_ENDINGS = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "audio/mp4": ".m4a", "video/mp4": ".mp4"}


def copy_of_account(user_id: int) -> Iterator[Part]:
    yield "profile", _profile(User.objects.get(id=user_id))
    yield "handles", Rows(_handles(user_id))
    yield "devices", Rows(_devices(user_id))
    yield "organisations", Rows(_places(user_id))
    yield "log", Rows(selectors.log_about(user_id))


def _profile(user: User) -> Json:
    return {
        "id": str(user.id),
        "phone": user.phone,
        "handle": user.handle,
        "display_name": user.display_name,
        "avatar_id": None if user.avatar_id is None else str(user.avatar_id),
        "birth_date": None if user.birth_date is None else user.birth_date.isoformat(),
        "language": user.language,
        "time_zone": user.time_zone,
        "has_password": user.has_usable_password(),
        "terms_version": user.terms_version,
        "terms_accepted_at": None if user.terms_accepted_at is None else rfc3339(user.terms_accepted_at),
        "created_at": rfc3339(user.created_at),
    }


def _handles(user_id: int) -> Iterator[Json]:
    for entry in HandleDirectory.objects.filter(user_id=user_id).order_by("claimed_at"):
        yield {"handle": entry.handle, "claimed_at": rfc3339(entry.claimed_at)}


def _devices(user_id: int) -> Iterator[Json]:
    """Without their tokens, which open the account."""
    for device in Device.objects.filter(user_id=user_id).order_by("id"):
        yield {
            "id": str(device.id),
            "name": device.name,
            "platform": device.platform,
            "created_at": rfc3339(device.created_at),
            "last_seen_at": rfc3339(device.last_seen_at),
            "signed_out_at": None if device.revoked_at is None else rfc3339(device.revoked_at),
        }


def _places(user_id: int) -> Iterator[Json]:
    for place in OrganisationMember.objects.select_related("organisation").filter(user_id=user_id):
        yield {
            **selectors.organisation_frame(place.organisation),
            "roles": place.roles,
            "joined_at": rfc3339(place.joined_at),
        }


def copy_of_uploads(user_id: int) -> Iterator[Part]:
    yield "uploads", Rows(_upload(asset) for asset in media.uploads_of(user_id))
    for asset in media.uploads_of(user_id):
        # Of what a worker has refused there is nothing left, and what it has not looked at is not clean yet.
        if asset.is_clean and asset.state != Asset.State.FAILED:
            yield f"files/{_file_name(asset)}", StoredFile(partial(media.opened, asset))


def _upload(asset: Asset) -> Json:
    return {
        "id": str(asset.id),
        "file": f"files/{_file_name(asset)}",
        "kind": asset.kind,
        "purpose": asset.purpose,
        "name": asset.name,
        "content_type": asset.content_type,
        "size_bytes": asset.size_bytes,
        "created_at": rfc3339(asset.created_at),
    }


def _file_name(asset: Asset) -> str:
    return f"{asset.id}{_ENDINGS.get(asset.content_type, '')}"
