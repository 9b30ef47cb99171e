"""Where upper rooms say what files they take, and who may see them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from superapp.media.errors import PurposeUnknown

#: No purpose takes more, so a longer body is refused by its headers, before its purpose is read.
MAX_UPLOAD_BYTES: int = settings.API_MAX_UPLOAD_BYTES
#: The name under which a file's full size is delivered; the others are a purpose's own.
ORIGINAL = "original"

MayView = Callable[[int, set[str]], set[str]]


@dataclass(frozen=True)
class Purpose:
    """What files of one purpose may be, which sizes are made of them, and who is shown them."""

    name: str
    kinds: frozenset[str]
    max_bytes: int
    variants: Mapping[str, int]
    may_view: MayView


_purposes: dict[str, Purpose] = {}


def register_purpose(
    purpose: str, *, kinds: set[str], max_bytes: int, variants: Mapping[str, int], may_view: MayView
) -> None:
    """Called once at start by the room that attaches such files.

    ``variants``: name to longest side in pixels, made by a worker and never larger than the original.
    ``may_view``: a viewer's id and references → those of them that the viewer may see now. It is asked for every list
    and at every fetch, once for many references, so it should cost one statement.
    """
    if purpose in _purposes:
        raise ImproperlyConfigured(f"Two rooms registered the media purpose {purpose}.")
    if not 0 < max_bytes <= MAX_UPLOAD_BYTES:
        raise ImproperlyConfigured(f"{purpose} may take at most {MAX_UPLOAD_BYTES} bytes.")
    if not all(re.fullmatch("[a-z][a-z0-9_]{0,19}", name) and name != ORIGINAL for name in variants):
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
