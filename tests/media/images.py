"""Images, and what only pretends to be one."""

import io
import struct
import zlib
from typing import Any

from PIL import Image, ImageCms
from PIL.ExifTags import GPS, IFD, Base

ORIENTATION = Base.Orientation
RED, GREEN, BLUE = (200, 30, 30), (30, 160, 30), (30, 30, 200)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, form, **options)
    return content.getvalue()


def decoded(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def picture(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    """Left half red, right half blue; a green corner at the top left."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    image.paste(GREEN, (0, 0, width // 4, height // 4))
    return image.convert(mode)


def noise(width: int, height: int) -> Image.Image:
    """Does not compress: for files that must be large."""
    return Image.effect_noise((width, height), 80).convert("RGB")


def jpeg(width: int = 64, height: int = 48, **options: Any) -> bytes:
    return encoded(picture(width, height), "JPEG", **options)


def png(width: int = 64, height: int = 48, mode: str = "RGB", **options: Any) -> bytes:
    return encoded(picture(width, height, mode), "PNG", **options)


def see_through(width: int = 64, height: int = 48) -> Image.Image:
    """The picture with its right half invisible."""
    image = picture(width, height, "RGBA")
    image.paste((*BLUE, 0), (width // 2, 0, width, height))
    return image


def photo_of_a_phone(orientation: int) -> bytes:
    """As it comes from a camera: EXIF with the place, the maker and how it was held; XMP and a comment."""
    exif = Image.Exif()
    exif[Base.Make] = "Secret Camera Company"
    exif[ORIENTATION] = orientation
    place = exif.get_ifd(IFD.GPSInfo)
    place[GPS.GPSLatitudeRef], place[GPS.GPSLatitude] = "N", (48.0, 51.0, 29.6)
    place[GPS.GPSLongitudeRef], place[GPS.GPSLongitude] = "E", (2.0, 17.0, 40.2)
    return jpeg(exif=exif, xmp=b"<x:xmpmeta>secret place</x:xmpmeta>", comment=b"secret comment", quality=95)


def with_profile(content: Image.Image, form: str, *, gamma: float) -> bytes:
    """Tagged with a profile whose values mean other colours than sRGB's."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # The tone curves are the only place where this gamma can be told apart; all else stays a valid profile.
    return encoded(content, form, icc_profile=_with_gamma(profile, gamma))


def _with_gamma(profile: bytes, gamma: float) -> bytes:
    """The same profile, each colour's curve replaced by a power function (ICC.1:2010, 10.5 curveType)."""
    count = int.from_bytes(profile[128:132])
    changed = bytearray(profile)
    for index in range(count):
        entry = 132 + 12 * index
        name, offset = profile[entry : entry + 4], int.from_bytes(profile[entry + 4 : entry + 8])
        if name in {b"rTRC", b"gTRC", b"bTRC"}:
            changed[offset : offset + 14] = b"curv" + bytes(4) + (1).to_bytes(4) + round(gamma * 256).to_bytes(2)
            changed[entry + 8 : entry + 12] = (14).to_bytes(4)
    return bytes(changed)


def animation() -> bytes:
    frames = [Image.new("RGB", (40, 30), color) for color in (GREEN, RED, BLUE)]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)


def sixteen_bit_grey() -> bytes:
    """One row, from black to white in 16 bits per pixel."""
    values = [round(65535 * index / 63) for index in range(64)]
    return encoded(Image.frombytes("I;16", (64, 1), struct.pack("<64H", *values)), "PNG")


# --- What must be refused ---------------------------------------------------------------------------------------------


def png_header(width: int, height: int, *, rows: int = 0) -> bytes:
    """A PNG that claims to be this large, one bit per pixel, followed by as many rows of zeros."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    data = zlib.compress(bytes(1 + (width + 7) // 8) * rows, 9)
    chunks = [_chunk(b"IHDR", header), _chunk(b"IDAT", data), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def gif_header(width: int, height: int, *, frame: tuple[int, int] | None = None) -> bytes:
    """A GIF whose screen claims to be this large, or whose first frame does; disposal asks for more memory still."""
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    control = b"!\xf9\x04\x09\x00\x00\x00\x00"
    image = b"," + struct.pack("<HHHHB", 0, 0, *(frame or (width, height)), 0) + b"\x02\x02\x44\x01\x00;"
    return screen + control + image


def webp_extended_header(width: int, height: int) -> bytes:
    canvas = bytes([0x02, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + canvas
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_lossless(width: int, height: int) -> bytes:
    """A complete file of 34 bytes: one colour needs none per pixel, so only the size in its header is changed."""
    small = encoded(Image.new("RGB", (8, 8)), "WEBP", lossless=True)
    bits = int.from_bytes(small[21:25], "little") >> 28 << 28
    return small[:21] + (bits | (height - 1) << 14 | (width - 1)).to_bytes(4, "little") + small[25:]


def jpeg_of_many_scans(count: int) -> bytes:
    """A progressive JPEG that repeats its last scan: each repetition is a pass over all pixels."""
    content = encoded(picture(64, 64), "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * count + content[-2:]


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(document.domain)</script>"
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(%pipe%id) (w) file\n%%EOF\n"


def polyglot() -> bytes:
    """A JPEG that is a page too: a script in a comment, and a page after its end."""
    return jpeg(comment=HTML) + HTML


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


#: Name of the upload, its bytes, and the code of the refusal.
REFUSED: dict[str, tuple[str, bytes, str]] = {
    "pixel bomb png": ("a.png", png_header(20_000, 20_000, rows=20_000), "image_too_large"),
    "pixel bomb png, header only": ("a.png", png_header(2**31 - 1, 2**31 - 1), "image_too_large"),
    "just too many pixels": ("a.png", png_header(5001, 5000), "image_too_large"),
    "a very long line": ("a.png", png_header(20_000, 1, rows=1), "image_too_large"),
    "pixel bomb gif": ("a.gif", gif_header(65_535, 65_535), "image_too_large"),
    "pixel bomb gif, in its frame": ("a.gif", gif_header(10, 10, frame=(65_535, 65_535)), "image_too_large"),
    "pixel bomb gif, below pillow's own limit": ("a.gif", gif_header(10, 10, frame=(6000, 6000)), "image_too_large"),
    "pixel bomb webp": ("a.webp", webp_lossless(16_383, 16_383), "image_too_large"),
    "pixel bomb webp, below pillow's own limit": ("a.webp", webp_lossless(6000, 6000), "image_too_large"),
    "pixel bomb webp, extended header": ("a.webp", webp_extended_header(16_777_216, 16_777_216), "image_too_large"),
    "jpeg of a thousand scans": ("a.jpg", jpeg_of_many_scans(1000), "file_damaged"),
    "svg as jpg": ("a.jpg", SVG, "unsupported_media"),
    "html as png": ("a.png", HTML, "unsupported_media"),
    "postscript": ("a.jpg", POSTSCRIPT, "unsupported_media"),
    "tiff": ("a.jpg", encoded(picture(), "TIFF"), "unsupported_media"),
    "bmp": ("a.png", encoded(picture(), "BMP"), "unsupported_media"),
    "no image at all": ("a.jpg", bytes(range(256)) * 40, "unsupported_media"),
    "a signature and nothing else": ("a.png", b"\x89PNG\r\n\x1a\n", "unsupported_media"),
    "truncated jpeg": ("a.jpg", half(encoded(noise(200, 200), "JPEG")), "file_damaged"),
    "truncated png": ("a.png", half(encoded(noise(200, 200), "PNG")), "file_damaged"),
    "truncated webp": ("a.webp", half(encoded(noise(200, 200), "WEBP")), "file_damaged"),
    "truncated gif": ("a.gif", half(encoded(noise(200, 200), "GIF")), "file_damaged"),
    "zero bytes": ("a.jpg", b"", "file_damaged"),
}
