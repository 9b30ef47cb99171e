"""How long to wait before trying again, so that ten thousand clients of a server that restarts do not come as one."""

import random
from collections.abc import Iterator


def delays(*, first: float = 0.5, most: float = 30.0) -> Iterator[float]:
    """Seconds to wait before each next attempt: 0.5, 1, 2, 4 … up to 30, each times a random 0.5 to 1.5. Never ends."""
    delay = first
    while True:
        yield delay * random.uniform(0.5, 1.5)  # noqa: S311 (it spreads load, it hides nothing)
        delay = min(delay * 2, most)
