"""What becomes of the bytes of a photo."""

import io
import os
import random
import subprocess
import sys
from collections import Counter

import pytest
from PIL import Image

from superapp.core.errors import DomainError
from superapp.media import photos
from tests.media import images
from tests.media.images import BLUE, GREEN, RED

# As ``MediaConfig`` has it; pytest sets the filters anew for every test.
pytestmark = pytest.mark.filterwarnings("error::PIL.Image.DecompressionBombWarning")


def normalised(content: bytes) -> tuple[photos.Photo, Image.Image]:
    photo = photos.normalise(io.BytesIO(content))
    image = images.decoded(photo.content)
    assert image.size == (photo.width, photo.height)
    assert Image.MIME[image.format or ""] == photo.content_type
    return photo, image


def outcome(content: bytes) -> str:
    try:
        photos.normalise(io.BytesIO(content))
    except DomainError as refusal:
        return refusal.code
    return "photo"


def near(pixel: object, color: tuple[int, ...], *, by: int = 12) -> bool:
    return isinstance(pixel, tuple) and all(abs(a - b) <= by for a, b in zip(pixel, color, strict=True))


def shows_the_picture(image: Image.Image) -> bool:
    width, height = image.size
    rgb = image.convert("RGB")
    points = {(3, 3): GREEN, (width // 4, height * 3 // 4): RED, (width * 3 // 4, height // 2): BLUE}
    return all(near(rgb.getpixel(point), color) for point, color in points.items())


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
def test_every_format_becomes_a_jpeg_of_the_same_size(form: str) -> None:
    photo, image = normalised(images.encoded(images.picture(), form))
    assert (photo.content_type, image.size) == ("image/jpeg", (64, 48))
    assert shows_the_picture(image)


def test_what_a_phone_says_of_place_and_maker_is_gone() -> None:
    original = images.photo_of_a_phone(1)
    assert b"Secret Camera" in original
    assert b"secret place" in original
    photo, image = normalised(original)
    assert not image.getexif()
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert b"ecret" not in photo.content


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(orientation: int) -> None:
    """The tag says how the picture was turned; turning it back shows it upright, whichever of the eight ways it was."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[images.ORIENTATION] = orientation
    picture = images.picture()
    turned = picture.transpose(undo[orientation]) if orientation in undo else picture
    for form in ("JPEG", "PNG", "WEBP"):
        _, image = normalised(images.encoded(turned, form, exif=exif))
        assert image.size == (64, 48)
        assert shows_the_picture(image), form


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damaged_notes_do_not_spoil_a_sound_photo() -> None:
    _, image = normalised(images.jpeg(exif=b"Exif\0\0II*\0\xff\xff\xff\xffgarbage", icc_profile=b"no profile"))
    assert shows_the_picture(image)


def test_transparency_is_kept_as_webp() -> None:
    photo, image = normalised(images.encoded(images.see_through(), "PNG"))
    assert (photo.content_type, image.mode) == ("image/webp", "RGBA")
    assert near(image.getpixel((16, 40)), (*RED, 255))
    assert image.getpixel((48, 24))[3] == 0  # type: ignore[index]


def test_palette_with_transparency() -> None:
    palette = images.see_through().quantize(16)
    _, image = normalised(images.encoded(palette, "PNG"))
    assert image.mode == "RGBA"
    assert near(image.getpixel((16, 40)), (*RED, 255))
    assert image.getpixel((48, 24))[3] == 0  # type: ignore[index]


def test_an_alpha_channel_that_hides_nothing_is_no_transparency() -> None:
    photo, image = normalised(images.png(mode="RGBA"))
    assert photo.content_type == "image/jpeg"
    assert shows_the_picture(image)


def test_a_large_transparent_image_is_made_smaller() -> None:
    photo, _ = normalised(images.encoded(images.see_through(4000, 1000), "PNG"))
    assert (photo.width, photo.height) == (2048, 512)


def test_cmyk() -> None:
    image = images.decoded(photos.normalise(io.BytesIO(images.encoded(images.picture(mode="CMYK"), "JPEG"))).content)
    assert image.mode == "RGB"
    assert shows_the_picture(image)


def test_sixteen_bits_keep_their_shades() -> None:
    _, image = normalised(images.sixteen_bit_grey())
    shades = [image.getpixel((x, 0)) for x in (0, 16, 32, 48, 63)]
    assert shades == pytest.approx([0, 64, 129, 194, 255], abs=4)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P"])
def test_other_modes_of_png(mode: str) -> None:
    photo, image = normalised(images.encoded(images.picture().convert(mode), "PNG"))
    assert (photo.content_type, image.size) == ("image/jpeg", (64, 48))


@pytest.mark.parametrize(("form", "mode"), [("JPEG", "RGB"), ("PNG", "RGB"), ("PNG", "RGBA")])
def test_colours_of_a_profile_become_those_of_srgb(form: str, mode: str) -> None:
    grey = Image.new(mode, (16, 16), (128, 128, 128, 200)[: len(mode)])
    _, image = normalised(images.with_profile(grey, form, gamma=1.0))
    assert "icc_profile" not in image.info
    # Half the light is the value 188 in sRGB (IEC 61966-2-1).
    assert near(image.convert("RGB").getpixel((8, 8)), (188, 188, 188), by=3)


def test_of_an_animation_the_first_frame() -> None:
    photo, image = normalised(images.animation())
    assert photo.content_type == "image/jpeg"
    assert near(image.getpixel((20, 15)), GREEN)


def test_a_polyglot_loses_its_second_meaning() -> None:
    photo, image = normalised(images.polyglot())
    assert shows_the_picture(image)
    assert b"script" not in photo.content


def test_the_film_behind_a_live_photo_is_no_reason_to_refuse() -> None:
    film = random.Random(1).randbytes(200_000) + b"\xff\xda" * 1000
    _, image = normalised(images.jpeg() + film)
    assert shows_the_picture(image)


def test_a_photo_in_several_parts() -> None:
    """Phones write a second picture behind the first one (the Multi-Picture Format)."""
    parts = images.encoded(images.picture(), "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8))])
    _, image = normalised(parts)
    assert shows_the_picture(image)


@pytest.mark.parametrize("name", [name for name in images.REFUSED if name != "zero bytes"])
def test_refused(name: str) -> None:
    _, content, code = images.REFUSED[name]
    assert outcome(content) == code


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_every_damaged_file_is_a_photo_or_a_refusal() -> None:
    """Nothing that a stranger breaks in a file may surface as a failure of ours."""
    chance = random.Random(20261123)
    sound = [images.photo_of_a_phone(6), images.encoded(images.picture(), "JPEG", progressive=True)]
    sound += [images.encoded(images.see_through(), form) for form in ("PNG", "WEBP", "GIF")]
    sound += [images.animation(), images.sixteen_bit_grey(), images.with_profile(images.picture(), "PNG", gamma=1.8)]
    outcomes: Counter[str] = Counter()
    for content in sound * 60:
        broken = bytearray(content)
        for _ in range(chance.randint(1, 6)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        if chance.random() < 0.3:
            del broken[chance.randrange(len(broken)) :]
        outcomes[outcome(bytes(broken))] += 1
    assert set(outcomes) <= {"photo", "unsupported_media", "file_damaged", "image_too_large"}
    assert outcomes["photo"] > 50
    assert outcomes["file_damaged"] > 50


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_refusing_takes_little_memory() -> None:
    measure = """
import io, django
django.setup()
from superapp.core.errors import DomainError
from superapp.media import photos
from tests.media import images

def peak_mebibytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM"))

photos.normalise(io.BytesIO(images.jpeg()))
before = peak_mebibytes()
for _, content, _ in images.REFUSED.values():
    try:
        photos.normalise(io.BytesIO(content))
    except DomainError:
        pass
print(peak_mebibytes() - before)
"""
    result = subprocess.run(
        [sys.executable, "-c", measure], env=os.environ, text=True, stdout=subprocess.PIPE, check=True, timeout=60
    )
    assert int(result.stdout.split()[-1]) <= 150


def test_smaller_copies_are_never_larger() -> None:
    photo = photos.normalise(io.BytesIO(images.jpeg(600, 300)))
    copies = dict(photos.smaller(io.BytesIO(photo.content), {"tiny": 60, "small": 150, "huge": 5000}))
    assert {name: (copy.width, copy.height) for name, copy in copies.items()} == {
        "huge": (600, 300),
        "small": (150, 75),
        "tiny": (60, 30),
    }
    for copy in copies.values():
        assert copy.content_type == "image/jpeg"
        assert shows_the_picture(images.decoded(copy.content))


def test_smaller_copies_keep_transparency() -> None:
    photo = photos.normalise(io.BytesIO(images.encoded(images.see_through(400, 300), "PNG")))
    ((_, copy),) = photos.smaller(io.BytesIO(photo.content), {"thumb": 40})
    image = images.decoded(copy.content)
    assert (image.size, image.mode, copy.content_type) == ((40, 30), "RGBA", "image/webp")
    assert image.getpixel((30, 15))[3] == 0  # type: ignore[index]


def test_a_line_one_pixel_high_has_copies_too() -> None:
    photo = photos.normalise(io.BytesIO(images.jpeg(4000, 1)))
    ((_, copy),) = photos.smaller(io.BytesIO(photo.content), {"thumb": 96})
    assert (copy.width, copy.height) == (96, 1)
