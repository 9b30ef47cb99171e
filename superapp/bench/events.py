"""Events that nobody but a bench publishes, and a handler that does nothing with them."""

from dataclasses import dataclass

from superapp.core.events import Event, at_least_once


@dataclass(frozen=True)
class Tick(Event):
    key: int
    number: int


@at_least_once(Tick)
def notice(event: Tick) -> None:
    """Trivial on purpose: what is measured is the way here."""
