"""Photos from strangers: what a file really is, how large it claims to be, and the clean copy that we keep.

Nothing of an upload is ever passed on as it came. Its pixels are decoded, turned upright, brought to sRGB and encoded
anew, so that EXIF (where it was taken), XMP, IPTC, comments, trailing data and whatever else it carries stay behind.
"""

import io
import re
import struct
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from django.conf import settings
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from superapp.core.errors import Unavailable
from superapp.media.errors import FileDamaged, ImageTooLarge, UnsupportedMedia

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
#: Pixels along one side: the most that WebP can hold, and far more than any camera makes.
MAX_SIDE = 16_383
#: With transparency: encoding takes ten times the time and memory of a JPEG, for what is rarely a photo.
MAX_TRANSPARENT_SIDE = 2048
#: A progressive JPEG has about ten. Each costs a pass over all pixels and may be a few bytes long.
MAX_JPEG_SCANS = 100
#: Profiles of cameras and screens have a few kilobytes, those of printers up to three megabytes.
MAX_PROFILE_BYTES = 4 * 1024 * 1024
QUALITY = 88

# What Pillow's readers raise for files that are not what they claim. A broken file must never look like our own fault.
_DAMAGE = (
    ArithmeticError,
    EOFError,
    LookupError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
_BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)
# One image of 25 million pixels takes up to 400 MB while it is decoded and encoded, so each process does one at a time.
# The work is done outside Python's global lock: other threads go on serving.
_decoder = threading.Lock()
_DECODER_WAIT_SECONDS = 15.0
# One at work and three waiting: they hold threads that everybody else needs. The rest is told to come again.
_places = threading.BoundedSemaphore(4)

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SRGB = ImageCms.createProfile("sRGB")


@dataclass(frozen=True)
class Photo:
    """An encoded image of our own making; ``width`` and ``height`` in pixels."""

    content: bytes
    content_type: str
    width: int
    height: int


def normalise(file: IO[bytes]) -> Photo:
    """The clean, upright copy of an uploaded image at full size, of an animation the first frame.

    JPEG, or WebP of at most ``MAX_TRANSPARENT_SIDE`` where something is transparent. Raises ``UnsupportedMedia``,
    ``ImageTooLarge``, ``FileDamaged``, or ``Unavailable`` when too many others are waiting for their turn.
    """
    with _turn(), _refusing_damage(), Image.open(file, formats=FORMATS) as image:
        _check_declared(image, file)
        pixels = _decoded(image)
        if pixels.mode == "RGBA":
            pixels.thumbnail((MAX_TRANSPARENT_SIDE, MAX_TRANSPARENT_SIDE))
        return _encoded(pixels)


def smaller(file: IO[bytes], sides: Mapping[str, int]) -> Iterator[tuple[str, Photo]]:
    """Copies of one of our own photos by name; ``sides`` has the longest side of each in pixels. Never enlarged."""
    with Image.open(file, formats=("JPEG", "WEBP")) as image:
        # From large to small, each made of the last. A JPEG is decoded at the scale of the first, not at its own.
        for name, side in sorted(sides.items(), key=lambda item: -item[1]):
            image.thumbnail((side, side))
            yield name, _encoded(image)


@contextmanager
def _turn() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise Unavailable
    try:
        if not _decoder.acquire(timeout=_DECODER_WAIT_SECONDS):
            raise Unavailable
        try:
            yield
        finally:
            _decoder.release()
    finally:
        _places.release()


@contextmanager
def _refusing_damage() -> Iterator[None]:
    try:
        yield
    except UnidentifiedImageError:
        raise UnsupportedMedia from None
    except _BOMB:
        raise _too_large() from None
    except _DAMAGE:
        raise FileDamaged from None


def _check_declared(image: Image.Image, file: IO[bytes]) -> None:
    """By the headers, before a pixel is decoded."""
    width, height = image.size
    if width * height > settings.MEDIA_MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise _too_large()
    if image.format in {"JPEG", "MPO"} and _has_too_many_scans(file):
        raise FileDamaged


def _too_large() -> ImageTooLarge:
    return ImageTooLarge(max_pixels=settings.MEDIA_MAX_PIXELS, max_side=MAX_SIDE)


# A marker: 0xFF and a code, except for what stands inside compressed data (a stuffed zero, restarts, fill bytes).
_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
_START_OF_SCAN, _END_OF_IMAGE = b"\xda", b"\xd9"


def _has_too_many_scans(file: IO[bytes]) -> bool:
    """Counts the scans of the first image; what follows it, such as the film of a "live" photo, is not decoded."""
    position = file.tell()
    file.seek(0)
    data = file.read()
    file.seek(position)
    scans, offset = 0, 2
    while scans <= MAX_JPEG_SCANS and (marker := _MARKER.search(data, offset)) and marker[1] != _END_OF_IMAGE:
        scans += marker[1] == _START_OF_SCAN
        # The two bytes after a marker are its segment's length, themselves included.
        offset = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])
    return scans > MAX_JPEG_SCANS


def _decoded(image: Image.Image) -> Image.Image:
    """Upright pixels in L, RGB or RGBA, with nothing attached. Each step lets go of the one before it."""
    image.load()
    turn = _UPRIGHT.get(_orientation(image))
    pixels = _without_profile(image)
    if pixels is not image:
        image.close()
    pixels.info = {}
    if pixels.mode == "RGBA" and pixels.getextrema()[-1] == (255, 255):
        pixels = pixels.convert("RGB")
    return pixels if turn is None else pixels.transpose(turn)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except _DAMAGE:
        # Damaged notes beside a sound picture are no reason to refuse it.
        return 1


def _without_profile(image: Image.Image) -> Image.Image:
    """In L, RGB or RGBA as sRGB. Phones write Display P3: dropping its profile unused would make every colour paler."""
    profile = image.info.get("icc_profile")
    pixels = _in_plain_mode(image) if image.mode != "CMYK" else image
    if profile and len(profile) <= MAX_PROFILE_BYTES and pixels.mode in {"RGB", "RGBA", "CMYK"}:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if pixels.mode == "CMYK":
                return ImageCms.profileToProfile(pixels, source, _SRGB, outputMode="RGB") or pixels
            ImageCms.profileToProfile(pixels, source, _SRGB, inPlace=True)
        except (ImageCms.PyCMSError, OSError, ValueError):
            # A profile that is broken or for other kinds of images: the colours are shown as they are.
            pass
    return _in_plain_mode(pixels)


def _in_plain_mode(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        # 16 bits per sample. Conversion alone would cut off everything brighter than 255.
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if image.has_transparency_data:
        return image if image.mode == "RGBA" else image.convert("RGBA")
    wanted = "L" if image.mode in {"1", "L"} else "RGB"
    return image if image.mode == wanted else image.convert(wanted)


def _encoded(pixels: Image.Image) -> Photo:
    content = io.BytesIO()
    if pixels.mode == "RGBA":
        content_type = "image/webp"
        pixels.save(content, "WEBP", quality=QUALITY)
    else:
        content_type = "image/jpeg"
        pixels.save(content, "JPEG", quality=QUALITY)
    return Photo(content=content.getvalue(), content_type=content_type, width=pixels.width, height=pixels.height)
