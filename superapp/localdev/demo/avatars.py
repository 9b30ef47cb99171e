"""Avatars, drawn in units of a hundred to the side."""

from collections.abc import Callable

from PIL import Image

from superapp.localdev.demo.canvas import Canvas, clear, curve, mixed
from superapp.localdev.demo.looks import PALETTE, Look, Monogram, Portrait, Scene

SIZE = 320
WHITE, INK = "#fffaf2", "#2b2530"


def draw(look: Look, *, name: str) -> Image.Image:
    canvas = Canvas(SIZE, SIZE)
    match look:
        case Portrait():
            _portrait(canvas, look)
        case Scene():
            _SCENES[look.motif](canvas, PALETTE[look.light], PALETTE[look.dark])
        case Monogram():
            _monogram(canvas, look, "".join(word[0] for word in name.split()[:2]))
    return canvas.finished()


# --- Portraits --------------------------------------------------------------------------------------------------------


def _portrait(canvas: Canvas, look: Portrait) -> None:
    backdrop, skin, hair, wears = (
        PALETTE[colour] for colour in (look.backdrop, look.skin, look.hair_colour, look.wears)
    )
    shade = mixed(skin, "#5a2a1c", 0.22)
    canvas.fill(mixed(backdrop, WHITE, 0.18), mixed(backdrop, INK, 0.06))
    _hair_behind(canvas, look, hair)
    canvas.disc(50, 107, 37, 31, fill=wears)
    canvas.box(42.5, 58, 57.5, 81, radius=7, fill=shade)
    canvas.slice(50, 76, 11, 9, start=0, end=180, fill=shade)
    if look.hair == "scarf":
        _scarf(canvas, hair)
    else:
        for x in (31.5, 68.5):
            canvas.disc(x, 51, 3.6, 4.8, fill=shade)
    canvas.disc(50, 49, 18.5, 21, fill=skin)
    if look.beard:
        _beard(canvas, hair, skin)
    _face(canvas, look, skin, shade)
    _hair_in_front(canvas, look, hair)
    if look.glasses:
        for x in (41.8, 58.2):
            canvas.ring(x, 51, 6.4, width=1.3, fill=INK)
        canvas.line([(48.2, 50.4), (51.8, 50.4)], width=1.3, fill=INK)


def _face(canvas: Canvas, look: Portrait, skin: str, shade: tuple[int, int, int]) -> None:
    brow = INK if look.hair in {"scarf", "headwrap"} else mixed(PALETTE[look.hair_colour], INK, 0.35)
    for x in (41.8, 58.2):
        canvas.disc(x, 51, 1.9, 2.2, fill=INK)
        canvas.bow(x, 47.6, 4, 2.8, start=215, end=325, width=1.2, fill=brow)
    for x in (37, 63):
        canvas.disc(x, 57, 3.6, 2.6, fill=clear("#e2604d", 0.22))
    canvas.bow(50, 54.5, 2.1, 2.4, start=25, end=155, width=1.1, fill=shade)
    canvas.bow(50, 58.6, 5.4, 4.6, start=30, end=150, width=1.5, fill=mixed(skin, "#6b1f1a", 0.62))


def _beard(canvas: Canvas, hair: str, skin: str) -> None:
    jaw = [*curve((31.5, 49), (32, 80), (68, 80), (68.5, 49)), *curve((68.5, 49), (66, 62), (60, 55), (50, 55.5))]
    canvas.shape([*jaw, *curve((50, 55.5), (40, 55), (34, 62), (31.5, 49))], fill=hair)
    canvas.disc(50, 61.2, 5.4, 2.7, fill=skin)


def _scarf(canvas: Canvas, colour: str) -> None:
    canvas.disc(50, 47, 24.5, 27, fill=colour)
    canvas.shape([(26.5, 53), (73.5, 53), (80, 90), (50, 99), (20, 90)], fill=colour)
    canvas.bow(50, 66, 22, 18, start=20, end=130, width=1.4, fill=mixed(colour, INK, 0.22))


def _hair_behind(canvas: Canvas, look: Portrait, hair: str) -> None:
    match look.hair:
        case "bob" | "fringe":
            canvas.box(27.5, 24, 72.5, 69, radius=20, fill=hair)
        case "long":
            canvas.box(27, 24, 73, 92, radius=21, fill=hair)
        case "bun":
            canvas.disc(50, 22, 9.5, 8.5, fill=hair)
            canvas.disc(50, 44, 21.5, 22, fill=hair)
        case "ponytail":
            canvas.disc(72, 56, 7, 19, fill=mixed(hair, INK, 0.2))
            canvas.disc(50, 44, 21.5, 22, fill=hair)
        case "afro":
            canvas.disc(50, 40, 29, 27, fill=hair)
        case "curls":
            for x, y, radius in _CURLS:
                canvas.disc(x, y, radius, fill=hair)
        case "braids":
            canvas.disc(50, 44, 21.5, 22, fill=hair)
            for x in (29, 71):
                for step in range(6):
                    canvas.disc(x, 50 + step * 6.4, 4.6 - step * 0.25, 4, fill=hair)
        case "short" | "side":
            canvas.disc(50, 43.5, 20, 20.5, fill=hair)
        case "headwrap":
            canvas.disc(50, 28, 24, 19, fill=hair)
            canvas.disc(68, 21, 10, 8, fill=mixed(hair, INK, 0.1))
        case "bald" | "scarf":
            pass


_CURLS = [(30, 52, 7), (29, 41, 8), (34, 31, 9), (44, 25, 9), (56, 25, 9), (66, 31, 9), (71, 41, 8), (70, 52, 7)]


def _hair_in_front(canvas: Canvas, look: Portrait, hair: str) -> None:
    """The line where the forehead begins."""
    match look.hair:
        case "short":
            canvas.slice(50, 47, 19.5, 21.5, start=204, end=336, fill=hair)
        case "side":
            canvas.shape(
                curve((30, 46), (31, 22), (72, 18), (70, 44))
                + curve((70, 44), (58, 42), (44, 40), (38, 30))
                + curve((38, 30), (36, 38), (33, 42), (30, 46)),
                fill=hair,
            )
        case "fringe":
            canvas.slice(50, 48, 20, 22, start=190, end=350, fill=hair)
        case "bob" | "long":
            canvas.shape(
                curve((29, 54), (30, 16), (70, 16), (71, 54))
                + curve((71, 54), (68, 40), (58, 33), (46, 31))
                + curve((46, 31), (40, 38), (33, 42), (29, 54)),
                fill=hair,
            )
        case "bun" | "ponytail" | "braids":
            canvas.shape(
                curve((29.5, 50), (30, 18), (70, 18), (70.5, 50)) + curve((70.5, 50), (64, 33), (36, 33), (29.5, 50)),
                fill=hair,
            )
        case "afro":
            canvas.shape(
                curve((29, 50), (30, 16), (70, 16), (71, 50)) + curve((71, 50), (66, 36), (34, 36), (29, 50)),
                fill=hair,
            )
        case "curls":
            for x, y, radius in ((36, 33, 6), (45, 30, 6.5), (55, 30, 6.5), (64, 33, 6)):
                canvas.disc(x, y, radius, fill=hair)
        case "headwrap":
            canvas.shape(
                curve((29, 46), (28, 10), (72, 10), (71, 46)) + curve((71, 46), (62, 32), (38, 32), (29, 46)),
                fill=hair,
            )
            for rise in (0, 7):
                canvas.line(
                    curve((31, 36 - rise), (42, 27 - rise), (56, 26 - rise), (69, 30 - rise * 1.4)),
                    width=1.4,
                    fill=mixed(hair, INK, 0.22),
                )
        case "bald":
            canvas.disc(44, 36, 6, 3.4, fill=clear(WHITE, 0.16))
        case "scarf":
            for start, end in ((178, 270), (270, 362)):
                canvas.bow(50, 49, 19.6, 22.1, start=start, end=end, width=2.6, fill=mixed(hair, INK, 0.12))


# --- Places -----------------------------------------------------------------------------------------------------------


def _mountains(canvas: Canvas, light: str, dark: str) -> None:
    canvas.fill(mixed(light, WHITE, 0.45), light)
    canvas.disc(26, 29, 9, fill=WHITE)
    canvas.shape(
        [(-5, 76), (18, 48), (34, 64), (58, 34), (84, 66), (105, 50), (105, 105), (-5, 105)],
        fill=mixed(dark, light, 0.5),
    )
    canvas.shape([(58, 34), (66, 44), (60, 47), (56, 43), (51, 46), (50.4, 43.4)], fill=WHITE)
    canvas.shape([(-5, 90), (26, 60), (50, 84), (74, 64), (105, 92), (105, 105), (-5, 105)], fill=dark)


def _sea(canvas: Canvas, light: str, dark: str) -> None:
    canvas.fill(mixed(light, WHITE, 0.65), light)
    canvas.disc(50, 56, 17, fill=mixed("#f3b463", WHITE, 0.2))
    canvas.box(-1, 57, 101, 101, fill=mixed(dark, light, 0.45))
    canvas.box(-1, 72, 101, 101, fill=mixed(dark, light, 0.2))
    canvas.box(-1, 86, 101, 101, fill=dark)
    for y, half in ((62, 13), (67.5, 9), (77, 11), (81.5, 6)):
        canvas.line([(50 - half, y), (50 + half, y)], width=1.7, fill=clear("#f8dcae", 0.8))
    canvas.shape([(24, 58), (24, 40), (36, 56)], fill=WHITE)
    canvas.shape([(16, 59), (39, 59), (35, 64), (20, 64)], fill=mixed(dark, INK, 0.3))


def _hills(canvas: Canvas, light: str, dark: str) -> None:
    canvas.fill(mixed(light, WHITE, 0.75), mixed(light, WHITE, 0.3))
    canvas.disc(30, 32, 10, fill="#f2c265")
    canvas.disc(84, 104, 62, 50, fill=mixed(dark, light, 0.65))
    canvas.disc(14, 112, 66, 48, fill=mixed(dark, light, 0.3))
    canvas.disc(80, 126, 60, 44, fill=dark)
    canvas.box(69, 44, 71, 60, fill=mixed(dark, INK, 0.45))
    canvas.disc(70, 42, 8, 10, fill=mixed(dark, INK, 0.2))


def _moon(canvas: Canvas, light: str, dark: str) -> None:
    canvas.fill(mixed(dark, INK, 0.25), mixed(dark, light, 0.3))
    crescent = [*curve((58, 21), (26, 17), (26, 63), (60, 59)), *curve((60, 59), (40, 54), (40, 28), (58, 21))]
    canvas.shape(crescent, fill=mixed(light, WHITE, 0.5))
    for x, y, radius in ((20, 24, 1.1), (32, 54, 0.8), (80, 22, 1), (84, 52, 1.2), (14, 42, 0.7), (70, 62, 0.8)):
        canvas.disc(x, y, radius, fill=mixed(light, WHITE, 0.6))
    canvas.disc(24, 112, 60, 34, fill=mixed(dark, light, 0.12))
    canvas.disc(84, 116, 54, 34, fill=mixed(dark, INK, 0.5))


def _dunes(canvas: Canvas, light: str, dark: str) -> None:
    canvas.fill(mixed(light, WHITE, 0.72), mixed(light, WHITE, 0.3))
    canvas.disc(28, 34, 10, fill=WHITE)
    canvas.shape([*curve((-2, 66), (22, 46), (52, 50), (102, 66)), (102, 102), (-2, 102)], fill=light)
    canvas.shape([*curve((-2, 84), (30, 84), (54, 62), (102, 60)), (102, 102), (-2, 102)], fill=mixed(light, dark, 0.5))
    canvas.shape([*curve((-2, 88), (30, 78), (60, 98), (102, 84)), (102, 102), (-2, 102)], fill=dark)


# --- Things -----------------------------------------------------------------------------------------------------------


def _noodles(canvas: Canvas, light: str, dark: str) -> None:
    canvas.fill(mixed(light, WHITE, 0.35), light)
    for x in (38, 50, 62):
        canvas.line(curve((x, 38), (x - 5, 32), (x + 5, 26), (x, 19)), width=2, fill=clear(dark, 0.4))
    canvas.line([(66, 52), (91, 24)], width=2.2, fill=mixed(dark, INK, 0.6))
    canvas.line([(71, 53), (96, 28)], width=2.2, fill=mixed(dark, INK, 0.6))
    canvas.disc(50, 54, 34, 9, fill=mixed(dark, WHITE, 0.15))
    canvas.disc(50, 55, 30, 7, fill="#e9b65c")
    for x in range(27, 73, 5):
        canvas.bow(x, 57, 5, 5, start=190, end=350, width=1.6, fill="#f8dd9c")
    canvas.disc(40, 54, 6, 3, fill=WHITE)
    canvas.disc(40, 54, 2.6, 1.6, fill="#ef9a3c")
    canvas.slice(50, 55, 34, 32, start=0, end=180, fill=dark)
    canvas.box(38, 83, 62, 89, radius=2, fill=mixed(dark, INK, 0.25))
    canvas.line(curve((20, 65), (36, 76), (64, 76), (80, 65)), width=2, fill=clear(WHITE, 0.75))


def _taxi(canvas: Canvas, light: str, dark: str) -> None:
    canvas.fill(light)
    canvas.box(-1, 72, 101, 101, fill=mixed(light, INK, 0.12))
    canvas.box(43, 26, 57, 33, radius=2, fill=WHITE)
    canvas.shape(curve((24, 52), (30, 28), (70, 28), (76, 52)), fill=dark)
    canvas.box(12, 49, 88, 70, radius=8, fill=dark)
    canvas.shape([(33, 49), (38, 37.5), (48.5, 36), (48.5, 49)], fill="#cfe4ea")
    canvas.shape([(67, 49), (62, 37.5), (51.5, 36), (51.5, 49)], fill="#cfe4ea")
    canvas.disc(85, 56, 2.6, 3.4, fill="#fdf1c4")
    for x in (30, 70):
        canvas.disc(x, 71, 9.5, fill=INK)
        canvas.disc(x, 71, 4.4, fill="#d9d4cc")
    for step in range(8):
        canvas.box(20 + step * 8, 58, 24 + step * 8, 61, fill=light)


def _stones(canvas: Canvas, light: str, dark: str) -> None:
    canvas.fill(mixed(light, WHITE, 0.25), light)
    line = mixed(dark, light, 0.35)
    for place in (14, 38, 62, 86):
        canvas.line([(place, -5), (place, 105)], width=1.1, fill=line)
        canvas.line([(-5, place), (105, place)], width=1.1, fill=line)
    for x, y, colour in (
        *((38, 38, INK), (62, 62, INK), (86, 38, INK), (38, 86, INK)),
        *((62, 38, WHITE), (38, 62, WHITE), (14, 38, WHITE), (62, 14, WHITE)),
    ):
        canvas.disc(x + 0.8, y + 1.6, 11.2, fill=clear(INK, 0.25))
        canvas.disc(x, y, 11, fill=colour)
        canvas.disc(x - 3.5, y - 4, 3, 2.2, fill=clear(WHITE, 0.22 if colour == INK else 0.9))


def _cat(canvas: Canvas, light: str, dark: str) -> None:
    canvas.fill(mixed(light, WHITE, 0.3), light)
    for sign in (-1, 1):
        canvas.shape([(50 + sign * 30, 22), (50 + sign * 29, 54), (50 + sign * 7, 36)], fill=dark)
        canvas.shape([(50 + sign * 26, 30), (50 + sign * 26, 46), (50 + sign * 14, 38)], fill=mixed(dark, light, 0.6))
    canvas.disc(50, 112, 38, 36, fill=dark)
    canvas.disc(50, 56, 31, 27, fill=dark)
    for sign in (-1, 1):
        canvas.disc(50 + sign * 12.5, 53, 6.2, 7, fill="#f3d27a")
        canvas.disc(50 + sign * 12.5, 53, 2.1, 5.6, fill=INK)
        for rise in (-3, 1.5):
            canvas.line([(50 + sign * 15, 66 + rise / 2), (50 + sign * 35, 65 + rise * 1.8)], width=0.9, fill=light)
        canvas.bow(50 + sign * 3.6, 67.5, 3.9, 3.4, start=10, end=170, width=1.3, fill=light)
    canvas.shape([(46.4, 62), (53.6, 62), (50, 66.6)], fill=mixed(light, "#d9707a", 0.5))


def _plant(canvas: Canvas, light: str, dark: str) -> None:
    canvas.fill(mixed(light, WHITE, 0.2), mixed(light, dark, 0.16))
    canvas.line([(50, 72), (50, 30)], width=2, fill=mixed(dark, INK, 0.3))
    for y, reach, rise in ((62, 27, 12), (50, 25, 14), (39, 19, 14)):
        for sign in (-1, 1):
            tip = (50 + sign * reach, y - rise)
            leaf = curve((50, y), (50 + sign * 6, y - rise * 1.5), (50 + sign * reach * 0.7, y - rise * 1.7), tip)
            under = curve(tip, (50 + sign * reach, y - rise * 0.1), (50 + sign * 12, y + 3), (50, y))
            canvas.shape(leaf + under, fill=dark if sign > 0 else mixed(dark, light, 0.25))
    canvas.disc(50, 26, 5, 9, fill=mixed(dark, light, 0.12))
    canvas.shape([(33, 70), (67, 70), (62, 93), (38, 93)], fill="#d9825b")
    canvas.box(30, 67, 70, 74, radius=1.6, fill="#c56f4a")


def _cup(canvas: Canvas, light: str, dark: str) -> None:
    canvas.fill(mixed(light, WHITE, 0.3), light)
    for x in (41, 53):
        canvas.line(curve((x, 36), (x - 5, 29), (x + 5, 23), (x, 15)), width=2.3, fill=clear(WHITE, 0.9))
    canvas.disc(47, 83, 34, 6, fill=mixed(light, INK, 0.12))
    canvas.ring(72, 56, 11.5, width=4.6, fill=dark)
    canvas.box(22, 44, 72, 82, radius=15, fill=dark)
    canvas.box(22, 44, 72, 58, fill=dark)
    canvas.disc(47, 44, 25, 5.4, fill=mixed(dark, WHITE, 0.25))
    canvas.disc(47, 44.6, 21.6, 3.9, fill="#6f432c")
    canvas.disc(40, 64, 2.6, fill=clear(WHITE, 0.85))
    canvas.disc(54, 64, 2.6, fill=clear(WHITE, 0.85))
    canvas.bow(47, 67, 5.4, 5, start=25, end=155, width=1.7, fill=clear(WHITE, 0.85))


def _bicycle(canvas: Canvas, light: str, dark: str) -> None:
    canvas.fill(mixed(light, WHITE, 0.5), light)
    canvas.box(-1, 77, 101, 101, fill=mixed(light, dark, 0.22))
    for x in (28, 72):
        canvas.ring(x, 62, 17, width=2.6, fill=dark)
        canvas.disc(x, 62, 2, fill=dark)
    frame = "#e2694f"
    for points in (
        [(28, 62), (42, 40), (66, 40), (48, 62), (28, 62)],
        [(48, 62), (39.5, 34)],
        [(72, 62), (63.5, 31)],
    ):
        canvas.line(points, width=2.8, fill=frame)
    canvas.line([(35, 33.5), (45, 33.5)], width=3.6, fill=INK)
    canvas.line([(63.5, 31), (70, 29), (72.5, 32)], width=2.4, fill=INK)
    canvas.disc(48, 62, 4, fill=INK)


def _lantern(canvas: Canvas, light: str, dark: str) -> None:
    canvas.fill(mixed(dark, INK, 0.3), mixed(dark, light, 0.25))
    canvas.disc(50, 48, 44, 40, fill=clear(light, 0.1))
    canvas.disc(50, 48, 36, 33, fill=clear(light, 0.14))
    canvas.line([(50, -4), (50, 24)], width=1.4, fill="#e7bf62")
    canvas.disc(50, 48, 28, 22, fill=light)
    for half in (19, 9):
        canvas.bow(50, 48, half, 22, start=90, end=270, width=1, fill=mixed(light, dark, 0.3))
        canvas.bow(50, 48, half, 22, start=270, end=450, width=1, fill=mixed(light, dark, 0.3))
    for y in (24, 67):
        canvas.box(39, y, 61, y + 5, radius=1.6, fill="#e7bf62")
    for x in (45, 50, 55):
        canvas.line([(x, 73), (x, 88)], width=1.6, fill="#e7bf62")


def _track(canvas: Canvas, light: str, dark: str) -> None:
    canvas.fill(light)
    for number, radius in enumerate((96, 80, 64, 48, 32)):
        canvas.disc(8, 104, radius, fill=mixed(light, dark, 0.1) if number % 2 else light)
        canvas.ring(8, 104, radius, width=1.3, fill=WHITE)
    canvas.disc(8, 104, 31.3, fill=mixed("#7ba05b", light, 0.2))
    for step in range(12):
        if step % 2 == 0:
            canvas.line([(30 + step * 5.4, 76 - step * 6.4), (34 + step * 5.4, 71.3 - step * 6.4)], width=3, fill=dark)


_SCENES: dict[str, Callable[[Canvas, str, str], None]] = {
    "mountains": _mountains,
    "sea": _sea,
    "hills": _hills,
    "moon": _moon,
    "dunes": _dunes,
    "noodles": _noodles,
    "taxi": _taxi,
    "stones": _stones,
    "cat": _cat,
    "plant": _plant,
    "cup": _cup,
    "bicycle": _bicycle,
    "lantern": _lantern,
    "track": _track,
}


def _monogram(canvas: Canvas, look: Monogram, initials: str) -> None:
    light, dark = PALETTE[look.light], PALETTE[look.dark]
    canvas.fill(dark, mixed(dark, INK, 0.18))
    canvas.ring(50, 50, 38, width=1.6, fill=clear(light, 0.5))
    canvas.text(50, 50.5, initials, size=34, fill=light)
