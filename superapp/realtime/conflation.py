"""Of pushes that come faster than anybody looks, only the newest: a car's place, a clock, a number of spectators."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

#: The topic and the type of the push.
Key = tuple[str, str]


@dataclass
class _Held:
    """``version`` of what was shown last; ``frame`` is what came since and waits, None when nothing has."""

    version: int
    frame: str | None = None


class Conflation:
    """On the event loop of one gateway. Each gateway keeps the interval for its own sockets, so that none has to ask
    the others; ``show`` hands a frame to those who listen. ``waiting``: the topics with a frame that is held."""

    def __init__(self, *, show: Callable[[Key, str], None]) -> None:
        self._show = show
        self._held: dict[Key, _Held] = {}
        self.waiting: dict[str, set[str]] = {}

    def offer(self, key: Key, version: int, seconds: float, frame: str) -> None:
        held = self._held.get(key)
        if held is None:
            self._held[key] = _Held(version)
            self._show(key, frame)
            asyncio.get_running_loop().call_later(seconds, self._due, key, seconds)
        elif version >= held.version:
            # Pushes may cross on their way; an older one never takes the place of a newer one.
            held.version, held.frame = version, frame
            self.waiting.setdefault(key[0], set()).add(key[1])

    def flush(self, topic: str) -> None:
        """Show what waits now: something else follows in this topic that was said after it."""
        for frame_type in self.waiting.pop(topic, ()):
            held = self._held[topic, frame_type]
            frame, held.frame = held.frame, None
            if frame is not None:
                self._show((topic, frame_type), frame)

    def _due(self, key: Key, seconds: float) -> None:
        held = self._held[key]
        if held.frame is None:
            # Nothing came for a whole interval: the next one goes out at once.
            del self._held[key]
            return
        frame, held.frame = held.frame, None
        types = self.waiting[key[0]]
        types.discard(key[1])
        if not types:
            del self.waiting[key[0]]
        self._show(key, frame)
        asyncio.get_running_loop().call_later(seconds, self._due, key, seconds)
