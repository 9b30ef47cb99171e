"""Facts that rooms announce, and the two ways to react to them.

``@after_commit`` runs in this process once the commit succeeded: hints for screens, best effort. ``@at_least_once``
writes a row into the outbox in the same transaction and runs later, maybe twice: what must not be lost.
"""

import dataclasses
import functools
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from django.db import transaction

from superapp.core import outbox

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Event:
    """A fact. Fields are ids, integers, strings, booleans and tuples of these; new ones come with defaults."""

    @property
    def ordering_key(self) -> str:
        """Events with equal keys reach each ``@at_least_once`` handler one at a time, in the order of their commits."""
        first = dataclasses.fields(self)[0]
        return f"{type(self).__name__}:{getattr(self, first.name)}"


SomeEvent = TypeVar("SomeEvent", bound=Event)
_after_commit: dict[type[Event], list[Callable[[Any], None]]] = defaultdict(list)
_at_least_once: dict[type[Event], list[str]] = defaultdict(list)


def after_commit(event_type: type[SomeEvent]) -> Callable[[Callable[[SomeEvent], None]], Callable[[SomeEvent], None]]:
    def register(handler: Callable[[SomeEvent], None]) -> Callable[[SomeEvent], None]:
        _after_commit[event_type].append(handler)
        return handler

    return register


def at_least_once(event_type: type[SomeEvent]) -> Callable[[Callable[[SomeEvent], None]], Callable[[SomeEvent], None]]:
    """The handler's name stands in rows, so renaming it needs the old name to stay registered until they are done."""

    def register(handler: Callable[[SomeEvent], None]) -> Callable[[SomeEvent], None]:
        name = f"{handler.__module__}.{handler.__name__}"
        outbox.register_handler(name, lambda fields: handler(_from_json(event_type, fields)))
        _at_least_once[event_type].append(name)
        return handler

    return register


def publish(event: Event) -> None:
    """Announce ``event`` inside the transaction that makes it true; raises ``AssertionError`` anywhere else."""
    assert transaction.get_connection().in_atomic_block, "publish() belongs inside the transaction that made it true"
    if names := _at_least_once[type(event)]:
        outbox.add(handlers=names, key=event.ordering_key, event=dataclasses.asdict(event))
    for handler in _after_commit[type(event)]:
        transaction.on_commit(functools.partial(_run, handler, event))


def _run(handler: Callable[[Any], None], event: Event) -> None:
    try:
        handler(event)
    except Exception:
        log.exception("event.handler_failed", handler=handler.__qualname__, event_type=type(event).__name__)


def _from_json(event_type: type[SomeEvent], fields: dict[str, Any]) -> SomeEvent:
    # A row may be older or newer than this code: fields it does not know are left out, those it lacks have defaults.
    known = {field.name for field in dataclasses.fields(event_type)}
    return event_type(
        **{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items() if name in known}
    )
