"""How a red packet is divided: pure functions, so that what they promise can be tried on thousands of packets.

All parts are drawn when the packet is made, and then shuffled. So it makes no difference who comes first, what nobody
takes is the sum of the parts that are left, and whoever keeps the seed can show how it was drawn.
"""

import random
import secrets
from collections.abc import Sequence

from payments.errors import PartTooLarge, PartTooSmall
from superapp.core.money import CURRENCIES, Money

MOST_PARTS = 100
SEED_BYTES = 32


def most_per_part(currency: str) -> int:
    """The most that one part may be, in minor units: two hundred of the currency."""
    return int(200 * 10 ** CURRENCIES[currency].exponent)


def new_seed() -> bytes:
    return secrets.token_bytes(SEED_BYTES)


def check(total_minor: int, currency: str, parts: int) -> None:
    """Raises ``PartTooSmall`` or ``PartTooLarge`` for what no drawing could divide: each part is at least one minor
    unit and at most ``most_per_part``."""
    most = most_per_part(currency)
    if total_minor < parts:
        raise PartTooSmall(least=Money(1, currency).as_json())
    if total_minor > most * parts:
        raise PartTooLarge(most=Money(most, currency).as_json())


def equal_parts(total_minor: int, parts: int) -> list[int]:
    """As equal as whole minor units can be. Which of them are the larger ones is not yet left to chance."""
    share, rest = divmod(total_minor, parts)
    return [share + 1] * rest + [share] * (parts - rest)


def random_parts(total_minor: int, parts: int, *, most: int, seed: bytes) -> list[int]:
    """Parts from 1 to ``most`` that add up to ``total_minor``, in an order that says nothing about their size.

    Each is drawn evenly from 1 to twice the mean of what is left, within what leaves enough for the others and not too
    much. Drawn one after the other the last ones would be the most uneven: that is what the shuffle is for.
    """
    # Anybody may know the method; the 256 bits of the seed are what nobody can guess.
    chance = random.Random(seed)  # noqa: S311
    drawn: list[int] = []
    left = total_minor
    for others in range(parts - 1, -1, -1):
        lowest = max(1, left - others * most)
        highest = min(most, 2 * left // (others + 1) - 1, left - others)
        # The last one takes the rest.
        part = chance.randint(lowest, highest) if others else left
        drawn.append(part)
        left -= part
    chance.shuffle(drawn)
    return drawn


def luckiest(amounts: Sequence[int]) -> int:
    """The number, from 1, of the largest part; of several, the one that was opened first."""
    return amounts.index(max(amounts)) + 1
