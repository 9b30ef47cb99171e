"""What a reaction may be: one emoji, however many code points it takes."""

import re

#: A base, then a skin tone, a variation selector or the letters of a flag's tag.
_BASE = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001faff]"
)
_ELEMENT = f"{_BASE}[\U0001f3fb-\U0001f3ff\ufe0f]?(?:[\U000e0020-\U000e007e]{{1,8}}\U000e007f)?"
_EMOJI = re.compile(
    f"{_ELEMENT}(?:\u200d{_ELEMENT}){{0,5}}"
    # A country by its two letters, and keycaps.
    "|[\U0001f1e6-\U0001f1ff]{2}"
    "|[0-9#*]\ufe0f?\u20e3"
)
MAX_LENGTH = 16


def is_emoji(text: str) -> bool:
    """By the shape of UTS #51's sequences, not by its tables: next year's emoji are emoji already."""
    return len(text) <= MAX_LENGTH and _EMOJI.fullmatch(text) is not None
