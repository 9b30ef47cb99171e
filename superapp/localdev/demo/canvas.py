"""A drawing surface in its own units: drawn several times too large and scaled down, so edges are smooth."""

from collections.abc import Sequence
from math import cos, radians, sin

from PIL import Image, ImageColor, ImageDraw, ImageFont

Colour = str | tuple[int, int, int] | tuple[int, int, int, int]
Point = tuple[float, float]


def mixed(one: str, other: str, share: float) -> tuple[int, int, int]:
    """``one`` with ``share`` (0 to 1) of ``other`` in it."""
    red, green, blue = (
        round(a + (b - a) * share)
        for a, b in zip(ImageColor.getcolor(one, "RGB"), ImageColor.getcolor(other, "RGB"), strict=True)  # type: ignore[arg-type]
    )
    return red, green, blue


def clear(colour: str, opacity: float) -> tuple[int, int, int, int]:
    """The colour with an opacity from 0 to 1."""
    return (*mixed(colour, colour, 0), round(255 * opacity))


def curve(start: Point, one: Point, other: Point, end: Point) -> list[Point]:
    """A cubic Bézier curve as a line of points."""
    steps = [step / 24 for step in range(25)]
    return [
        (
            (1 - t) ** 3 * start[0] + 3 * (1 - t) ** 2 * t * one[0] + 3 * (1 - t) * t**2 * other[0] + t**3 * end[0],
            (1 - t) ** 3 * start[1] + 3 * (1 - t) ** 2 * t * one[1] + 3 * (1 - t) * t**2 * other[1] + t**3 * end[1],
        )
        for t in steps
    ]


class Canvas:
    """``units`` wide whatever its size in pixels, and as high as its shape says. The origin is the top left corner."""

    def __init__(self, width: int, height: int, *, units: float = 100, oversampling: int = 3) -> None:
        self.width, self.height, self._oversampling = width, height, oversampling
        self._scale = width * oversampling / units
        self.image = Image.new("RGB", (width * oversampling, height * oversampling))
        self._draw = ImageDraw.Draw(self.image, "RGBA")

    def finished(self) -> Image.Image:
        return self.image.reduce(self._oversampling)

    def fill(self, top: Colour, bottom: Colour | None = None) -> None:
        """One colour, or a soft passage from the top's to the bottom's."""
        if bottom is None:
            self._draw.rectangle((0, 0, *self.image.size), fill=top)
            return
        strip = Image.new("RGB", (1, 2))
        strip.putpixel((0, 0), _plain(top))
        strip.putpixel((0, 1), _plain(bottom))
        # Between the centres of two pixels: their outer halves would be flat.
        column = strip.resize((1, self.image.height), Image.Resampling.BILINEAR, box=(0, 0.5, 1, 1.5))
        self.image.paste(column.resize(self.image.size, Image.Resampling.NEAREST))

    def disc(self, x: float, y: float, rx: float, ry: float | None = None, *, fill: Colour) -> None:
        self._draw.ellipse(self._box(x, y, rx, rx if ry is None else ry), fill=fill)

    def ring(self, x: float, y: float, radius: float, *, fill: Colour, width: float) -> None:
        self._draw.ellipse(self._box(x, y, radius, radius), outline=fill, width=self._pixels(width))

    def slice(self, x: float, y: float, rx: float, ry: float, *, start: float, end: float, fill: Colour) -> None:
        """The part of a disc cut off by a straight line; degrees clockwise from three o'clock."""
        self._draw.chord(self._box(x, y, rx, ry), start, end, fill=fill)

    def bow(
        self, x: float, y: float, rx: float, ry: float, *, start: float, end: float, fill: Colour, width: float
    ) -> None:
        """A part of an ellipse's line, with round ends."""
        self._draw.arc(self._box(x, y, rx, ry), start, end, fill=fill, width=self._pixels(width))
        for angle in (start, end):
            radius = width / 2
            self.disc(
                x + (rx - radius) * cos(radians(angle)), y + (ry - radius) * sin(radians(angle)), radius, fill=fill
            )

    def box(self, left: float, top: float, right: float, bottom: float, *, fill: Colour, radius: float = 0) -> None:
        corners = (left * self._scale, top * self._scale, right * self._scale, bottom * self._scale)
        self._draw.rounded_rectangle(corners, radius * self._scale, fill=fill)

    def shape(self, points: Sequence[Point], *, fill: Colour) -> None:
        self._draw.polygon([(x * self._scale, y * self._scale) for x, y in points], fill=fill)

    def line(self, points: Sequence[Point], *, fill: Colour, width: float) -> None:
        """With round corners and ends."""
        scaled = [(x * self._scale, y * self._scale) for x, y in points]
        self._draw.line(scaled, fill=fill, width=self._pixels(width), joint="curve")
        for x, y in points:
            self.disc(x, y, width / 2, fill=fill)

    def text(self, x: float, y: float, text: str, *, size: float, fill: Colour) -> None:
        """Centred. Latin letters only: it is the font that comes with the library."""
        font = ImageFont.load_default(size * self._scale)
        self._draw.text((x * self._scale, y * self._scale), text, font=font, fill=fill, anchor="mm")

    def _box(self, x: float, y: float, rx: float, ry: float) -> tuple[float, float, float, float]:
        return (x - rx) * self._scale, (y - ry) * self._scale, (x + rx) * self._scale, (y + ry) * self._scale

    def _pixels(self, width: float) -> int:
        return max(1, round(width * self._scale))


def _plain(colour: Colour) -> tuple[int, ...]:
    found = ImageColor.getcolor(colour, "RGB") if isinstance(colour, str) else colour[:3]
    assert isinstance(found, tuple)
    return found
