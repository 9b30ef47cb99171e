"""The photos in the demo conversations, drawn in units of 120 × 90. The same name gives the same picture."""

from collections.abc import Callable
from math import sqrt
from random import Random

from PIL import Image

from superapp.localdev.demo.canvas import Canvas, clear, curve, mixed

WIDTH, HEIGHT = 1200, 900


def draw(name: str) -> Image.Image:
    canvas = Canvas(WIDTH, HEIGHT, units=120, oversampling=2)
    PHOTOS[name](canvas, Random(name))  # noqa: S311  (nothing here is secret)
    return canvas.finished()


def _skyline(canvas: Canvas, chance: Random) -> None:
    """A city at dusk, seen from a roof."""
    canvas.fill("#34406f", "#f6b183")
    for radius, opacity in ((34, 0.08), (26, 0.1), (19, 0.14)):
        canvas.disc(82, 60, radius, fill=clear("#ffd9a0", opacity))
    canvas.disc(82, 60, 9, fill="#ffe3b3")
    for x, y, half in ((24, 22, 15), (34, 25, 11), (96, 17, 13), (60, 34, 18), (12, 40, 10)):
        canvas.box(x - half, y - 0.8, x + half, y + 0.8, radius=0.8, fill=clear("#f4a98c", 0.4))
    for depth, (colour, horizon, tallest) in enumerate((("#8b6a86", 66, 16), ("#5d527c", 70, 22), ("#383a63", 76, 26))):
        left = -4.0
        while left < 122:
            width = chance.uniform(5, 11) + depth
            top = horizon - chance.uniform(0.15, 1) * tallest
            canvas.box(left, top, left + width, 91, fill=colour)
            if chance.random() < 0.3:
                canvas.box(left + width / 2 - 0.25, top - 5, left + width / 2 + 0.25, top, fill=colour)
            if depth:
                _lit_windows(canvas, chance, left, top, left + width)
            left += width + chance.uniform(-0.6, 1.4) * (depth < 2)
    canvas.box(-1, 85, 121, 91, fill="#23264a")
    for x in range(0, 121, 8):
        canvas.box(x, 79.5, x + 0.7, 86, fill="#23264a")
    canvas.box(-1, 79, 121, 80.2, fill="#23264a")


def _lit_windows(canvas: Canvas, chance: Random, left: float, top: float, right: float) -> None:
    y = top + 1.8
    while y < 79:
        x = left + 1.2
        while x < right - 1.4:
            if chance.random() < 0.28:
                canvas.box(x, y, x + 0.8, y + 1.2, fill=clear(chance.choice(["#ffd98a", "#ffe9bd", "#f8b86b"]), 0.9))
            x += 1.9
        y += 2.6


def _noodles(canvas: Canvas, chance: Random) -> None:
    """A bowl of beef noodles on a wooden table, seen from above."""
    _wood(canvas, chance, "#a8734a", "#7c4f31")
    canvas.disc(62.5, 49, 37, fill=clear("#2a1710", 0.3))
    canvas.disc(60, 46, 36, fill="#f3ece1")
    canvas.ring(60, 46, 34, width=1, fill="#4a6fa0")
    canvas.disc(60, 46, 31, fill="#dccdb8")
    canvas.disc(60, 46, 30, fill="#9a4a22")
    canvas.disc(60, 46, 27, fill=clear("#c06a2c", 0.75))
    for _ in range(120):
        x, y = chance.uniform(38, 82), chance.uniform(34, 68)
        if (x - 60) ** 2 + (y - 46) ** 2 < 21**2:
            start = chance.uniform(0, 360)
            reach = chance.uniform(3.5, 8)
            canvas.bow(
                *(x, y, reach, reach * chance.uniform(0.6, 1)),
                start=start,
                end=start + 150,
                width=1.1,
                fill=mixed("#f6dc9d", "#d9a95a", chance.random() * 0.6),
            )
    for x, y, turn in ((46, 34, 0), (53, 29, 1), (44, 43, 2), (51, 38, 1)):
        tilt = (turn - 1) * 1.8
        canvas.shape(
            [(x - 6, y - 2.6 - tilt), (x + 6, y - 3.4 + tilt), (x + 6.4, y + 2.6 + tilt), (x - 5.6, y + 3.2 - tilt)],
            fill=mixed("#6e3b26", "#9a5a3b", turn / 3),
        )
        canvas.line([(x - 4.6, y - tilt * 0.8), (x + 5, y - 0.4 + tilt * 0.8)], width=0.7, fill=clear("#d9a27e", 0.7))
    canvas.disc(73, 35, 9, 7.4, fill="#fdf8ec")
    canvas.disc(73.6, 35.2, 4.6, 4.2, fill="#f1972f")
    canvas.disc(72.4, 34, 1.3, 1, fill=clear("#ffffff", 0.7))
    for x, y in ((76, 50), (80, 55), (73, 57), (78, 60)):
        canvas.disc(x, y, 4.4, 2.4, fill=mixed("#4f8a3d", "#2f6530", chance.random()))
        canvas.line([(x - 3.4, y), (x + 3.4, y)], width=0.5, fill="#a9cf8b")
    for _ in range(40):
        x, y = chance.gauss(60, 9), chance.gauss(45, 8)
        canvas.disc(x, y, 0.75, 0.5, fill=mixed("#7fb05a", "#3f7c3a", chance.random()))
    for _ in range(16):
        x, y = chance.gauss(60, 13), chance.gauss(46, 12)
        if (x - 60) ** 2 + (y - 46) ** 2 < 27**2:
            canvas.disc(x, y, chance.uniform(0.5, 1.3), fill=clear("#e2502c", 0.65))
    for offset in (0, 4.2):
        canvas.line([(93 + offset, 12), (104 + offset, 84)], width=1.5, fill=clear("#2a1710", 0.25))
        canvas.line([(92 + offset, 11), (103 + offset, 83)], width=1.4, fill="#4b2a1a")


def _trail(canvas: Canvas, chance: Random) -> None:
    """A path through a foggy forest, early on a Sunday."""
    canvas.fill("#d9e4e0", "#f6ead2")
    canvas.disc(84, 24, 18, fill=clear("#fff3cf", 0.5))
    canvas.disc(84, 24, 8, fill="#fff6dc")
    for depth in range(4):
        colour = mixed("#b9cfc4", "#27534c", depth / 3)
        top, middle = 48 + depth * 8, 60 + (-1) ** depth * 26
        canvas.disc(middle, top + 42, 150, 42, fill=colour)
        for _ in range(30 - depth * 6):
            x = chance.uniform(-6, 126)
            if depth > 1 and 34 < x < 84:
                continue
            slope = 42 - sqrt(1 - ((x - middle) / 150) ** 2) * 42
            _fir(canvas, x, top + slope + 1, chance.uniform(9, 15) * (1 + depth * 0.55), colour)
    left, right = (60, 73.6), (63, 73.6)
    for sand, far, near in (("#cfae80", 0.0, 0.0), ("#e6cda4", 0.7, 5.0)):
        edge = curve((left[0] + far, left[1]), (76, 78), (44, 80), (38 + near, 92))
        canvas.shape(edge + curve((82 - near, 92), (62, 82), (80, 78), (right[0] - far, right[1])), fill=sand)
    for _ in range(150):
        x, y = chance.uniform(-2, 122), chance.uniform(80, 91)
        if not 34 < x < 86:
            canvas.line(
                [(x, y), (x + chance.uniform(-0.8, 0.8), y - chance.uniform(1.5, 3.5))],
                width=0.35,
                fill=mixed("#4f7d5d", "#9ab873", chance.random()),
            )


def _fir(canvas: Canvas, x: float, foot: float, height: float, colour: tuple[int, int, int]) -> None:
    canvas.box(x - height * 0.03, foot - height * 0.2, x + height * 0.03, foot, fill=colour)
    for share, half in ((0.12, 0.24), (0.36, 0.19), (0.6, 0.13)):
        base = foot - height * share
        canvas.shape([(x - height * half, base), (x + height * half, base), (x, base - height * 0.42)], fill=colour)


def _go_board(canvas: Canvas, chance: Random) -> None:
    """A corner of a board, in the middle of a game."""
    _wood(canvas, chance, "#e3b768", "#d1a052")
    places = [10 + step * 11.1 for step in range(11)]
    for place in places:
        canvas.line([(place, 8), (place, 95)], width=0.4, fill="#5b4123")
        canvas.line([(10, place - 2), (125, place - 2)], width=0.4, fill="#5b4123")
    canvas.disc(places[3], places[3] - 2, 0.9, fill="#5b4123")
    for row, stones in enumerate(
        ("..........", "...bb.w...", "..bww.w...", ".bbw.ww.b.", "..bwb.wb..", "...bbwb...", ".....bw...")
    ):
        for column, stone in enumerate(stones):
            if stone != ".":
                _stone(canvas, places[column], places[row] - 2, white=stone == "w", chance=chance)


def _stone(canvas: Canvas, x: float, y: float, *, white: bool, chance: Random) -> None:
    # Nobody puts them exactly onto the crossing.
    x, y = x + chance.uniform(-0.35, 0.35), y + chance.uniform(-0.35, 0.35)
    for spread in (0.9, 0.5, 0.1):
        canvas.disc(x + 0.8, y + 1.1, 5 + spread, fill=clear("#3a2410", 0.16))
    canvas.disc(x, y, 5.1, fill="#d9d3c7" if white else "#17161a")
    for step in range(8):
        share = step / 8
        colour = mixed("#e2ddd3", "#ffffff", share) if white else mixed("#1c1b20", "#57555f", share)
        canvas.disc(x - 1.5 * share, y - 1.7 * share, 4.9 * (1 - 0.8 * share), fill=colour)


def _wood(canvas: Canvas, chance: Random, light: str, dark: str) -> None:
    canvas.fill(light, mixed(light, dark, 0.4))
    for _ in range(90):
        y, x, length = chance.uniform(0, 90), chance.uniform(-30, 110), chance.uniform(20, 90)
        canvas.line(
            [(x, y), (x + length, y + chance.uniform(-0.7, 0.7))],
            width=chance.uniform(0.15, 0.7),
            fill=clear(dark, chance.uniform(0.08, 0.28)),
        )


PHOTOS: dict[str, Callable[[Canvas, Random], None]] = {
    "skyline": _skyline,
    "noodles": _noodles,
    "trail": _trail,
    "go_board": _go_board,
}
