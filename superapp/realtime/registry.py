"""Where apps plug in: what a client may ask of the socket, and what it may listen to."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rest_framework.serializers import BaseSerializer

from superapp.core.errors import InvalidInput

Json = dict[str, Any]


@dataclass(frozen=True)
class Actor:
    """Who acts, from the socket's ticket; never from a payload."""

    user_id: int
    device_id: int


@dataclass(frozen=True)
class Command:
    """``parse`` checks a payload and returns what ``run`` takes by name; ``run`` returns the payload of the reply.

    Both run in a thread; a ``DomainError`` of either becomes an error frame.
    """

    parse: Callable[[Any], Json]
    run: Callable[..., Json]


@dataclass(frozen=True)
class TopicKind:
    """``may_join(user_id, reference)``; ``initial(user_id)``: the references a person is joined to when they connect;
    ``snapshot(reference)``: version and payload for somebody who joins later. All run in a thread."""

    may_join: Callable[[int, str], bool]
    initial: Callable[[int], Iterable[str]] | None = None
    snapshot: Callable[[str], tuple[int, Json]] | None = None


class _Commands:
    def __init__(self) -> None:
        self._by_type: dict[str, Command] = {}

    def register(self, table: Mapping[str, Command]) -> None:
        self._by_type.update(table)

    def get(self, command_type: str) -> Command | None:
        return self._by_type.get(command_type)

    def types(self) -> set[str]:
        return set(self._by_type)


class _Topics:
    def __init__(self) -> None:
        self._kinds: dict[str, TopicKind] = {}

    def register(
        self,
        kind: str,
        *,
        may_join: Callable[[int, str], bool],
        initial: Callable[[int], Iterable[str]] | None = None,
        snapshot: Callable[[str], tuple[int, Json]] | None = None,
    ) -> None:
        self._kinds[kind] = TopicKind(may_join=may_join, initial=initial, snapshot=snapshot)

    def kinds(self) -> set[str]:
        return set(self._kinds)

    def find(self, topic: str) -> tuple[TopicKind | None, str]:
        """The kind and the reference of ``kind:reference``."""
        kind, _, reference = topic.partition(":")
        return self._kinds.get(kind), reference

    def initial_topics(self, user_id: int) -> list[str]:
        return [
            f"{name}:{reference}"
            for name, kind in self._kinds.items()
            if kind.initial
            for reference in kind.initial(user_id)
        ]


commands = _Commands()
topics = _Topics()


def shape(serializer: type[BaseSerializer[Any]]) -> Callable[[Any], Json]:
    """A ``parse`` from an input serializer."""

    def parse(payload: Any) -> Json:
        checked = serializer(data=payload)
        if not checked.is_valid():
            raise InvalidInput(fields=checked.errors)
        return dict(checked.validated_data)

    return parse
