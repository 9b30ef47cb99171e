"""Where upper rooms say what files they take, and who may see them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from superapp.media.errors import FileTooLarge, PurposeUnknown, UnsupportedMedia

#: No purpose takes more, so a longer body is refused by its headers, before its purpose is read.
MAX_UPLOAD_BYTES: int = settings.API_MAX_UPLOAD_BYTES
#: The name under which a file's full size is delivered; the others are a purpose's own.
ORIGINAL = "original"
#: The first picture of a film, with this many pixels along its longer side.
POSTER, POSTER_SIDE = "poster", 1280

MayView = Callable[[int, set[str]], set[str]]


@dataclass(frozen=True)
class Kind:
    """What holds for a kind whatever its purpose; a purpose may take less."""

    max_bytes: int
    max_seconds: int = 0


KINDS = {
    "photo": Kind(max_bytes=20 * 1024 * 1024),
    "voice": Kind(max_bytes=20 * 1024 * 1024, max_seconds=60),
    "video": Kind(max_bytes=100 * 1024 * 1024, max_seconds=600),
    "file": Kind(max_bytes=100 * 1024 * 1024),
}


@dataclass(frozen=True)
class Purpose:
    """What files of one purpose may be, which sizes are made of them, and who is shown them."""

    name: str
    kinds: frozenset[str]
    max_bytes: int
    variants: Mapping[str, int]
    may_view: MayView

    def check(self, *, kind: str, size_bytes: int) -> None:
        """What is known before a byte of the content is looked at. Raises ``UnsupportedMedia``, ``FileTooLarge``."""
        if kind not in self.kinds:
            raise UnsupportedMedia(kinds=sorted(self.kinds))
        most = min(self.max_bytes, KINDS[kind].max_bytes)
        if size_bytes > most:
            raise FileTooLarge(max_bytes=most)


_purposes: dict[str, Purpose] = {}


def register_purpose(
    purpose: str, *, kinds: set[str], max_bytes: int, variants: Mapping[str, int], may_view: MayView
) -> None:
    """Called once at start by the room that attaches such files.

    ``kinds``: of ``KINDS``, whose own limits hold as well.
    ``variants``: name to longest side in pixels, made by a worker of photos and of a film's poster, and never larger
    than the original.
    ``may_view``: a viewer's id and references → those of them that the viewer may see now. It is asked for every list
    and at every fetch, once for many references, so it should cost one statement.
    """
    if purpose in _purposes:
        raise ImproperlyConfigured(f"Two rooms registered the media purpose {purpose}.")
    if not kinds <= KINDS.keys():
        raise ImproperlyConfigured(f"{purpose} may take {', '.join(KINDS)}: {sorted(kinds)}.")
    if not 0 < max_bytes <= MAX_UPLOAD_BYTES:
        raise ImproperlyConfigured(f"{purpose} may take at most {MAX_UPLOAD_BYTES} bytes.")
    if not all(re.fullmatch("[a-z][a-z0-9_]{0,19}", name) and name not in {ORIGINAL, POSTER} for name in variants):
        raise ImproperlyConfigured(f"The names of the variants of {purpose} stand in addresses: {sorted(variants)}.")
    _purposes[purpose] = Purpose(
        name=purpose, kinds=frozenset(kinds), max_bytes=max_bytes, variants=dict(variants), may_view=may_view
    )


def purpose(name: str) -> Purpose:
    """Raises ``PurposeUnknown``."""
    try:
        return _purposes[name]
    except KeyError:
        raise PurposeUnknown(purpose=name) from None


# --- viewers ----------------------------------------------------------------------------------------------------------

#: A person's id and that of the device that was given a link → may it still be used? One statement.
IsSignedIn = Callable[[int, int], bool]
_is_signed_in: list[IsSignedIn] = []


def register_viewers(is_signed_in: IsSignedIn) -> None:
    """Called once at start by the room that knows people and their devices: a link dies with its device's sign-in."""
    if _is_signed_in:
        raise ImproperlyConfigured("Two rooms say who is signed in.")
    _is_signed_in.append(is_signed_in)


def is_signed_in(viewer_id: int, device_id: int) -> bool:
    return _is_signed_in[0](viewer_id, device_id)
