"""How somebody's avatar looks, in words. ``avatars`` draws it; nothing here needs a drawing library."""

from dataclasses import dataclass
from typing import Literal

Hair = Literal[
    "short", "side", "bob", "fringe", "long", "bun", "ponytail", "curls", "afro", "braids", "bald", "scarf", "headwrap"
]
Landscape = Literal["mountains", "sea", "hills", "moon", "dunes"]
Thing = Literal["noodles", "taxi", "stones", "cat", "plant", "cup", "bicycle", "lantern", "track"]
Skin = Literal["porcelain", "sand", "honey", "bronze", "umber", "cocoa"]
HairColour = Literal["black", "brown", "chestnut", "copper", "blond", "silver"]
Warm = Literal["peach", "coral", "brick", "mustard", "cream", "plum", "rose"]
Cool = Literal["olive", "sage", "teal", "sky", "denim", "night"]
Colour = Warm | Cool

PALETTE: dict[Skin | HairColour | Colour, str] = {
    "porcelain": "#f6d9c4",
    "sand": "#edc29d",
    "honey": "#d9a47a",
    "bronze": "#b97f56",
    "umber": "#8f5a3c",
    "cocoa": "#6b4130",
    "black": "#2b2530",
    "brown": "#4d3328",
    "chestnut": "#7a4a2f",
    "copper": "#b5623a",
    "blond": "#d9ac63",
    "silver": "#b9b6b3",
    "peach": "#f7c8a4",
    "coral": "#ee8567",
    "brick": "#b5493b",
    "mustard": "#e5b04a",
    "cream": "#f8ead3",
    "olive": "#8a9159",
    "sage": "#b9cbb0",
    "teal": "#3f8582",
    "sky": "#a9cfdc",
    "denim": "#47658c",
    "night": "#2e3558",
    "plum": "#7c4667",
    "rose": "#e9aeb0",
}


@dataclass(frozen=True)
class Portrait:
    """A head and shoulders. ``hair_colour`` of a ``scarf`` or ``headwrap`` is the cloth's."""

    hair: Hair
    skin: Skin
    hair_colour: HairColour | Colour
    wears: Colour
    backdrop: Colour
    glasses: bool = False
    beard: bool = False


@dataclass(frozen=True)
class Scene:
    """Not everybody shows their face: a place or a thing, in a light and a dark colour of their own."""

    motif: Landscape | Thing
    light: Colour
    dark: Colour


@dataclass(frozen=True)
class Monogram:
    """The initials of a name in Latin letters."""

    light: Colour
    dark: Colour


Look = Portrait | Scene | Monogram
