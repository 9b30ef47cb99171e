"""How much somebody may pay: at once, on a day, in a year. The figures are settings.

Days and years are those of UTC for everybody. By the person's own time zone, which they may change as they like, a day
could be begun twice.
"""

from dataclasses import dataclass

from django.conf import settings


@dataclass(frozen=True)
class Caps:
    """What somebody may pay of one currency, in minor units."""

    per_payment: int
    day: int
    year: int


def caps_of(tier: str, currency: str, *, is_lowered: bool) -> Caps:
    """``is_lowered``: the person's number changed a short while ago."""
    per_payment, day, year = settings.WALLET_TIERS[tier][currency]
    if is_lowered:
        at_once, on_a_day = settings.WALLET_LOWERED[currency]
        per_payment, day = min(per_payment, at_once), min(day, on_a_day)
    return Caps(per_payment, day, year)
