"""Where apps plug in: what a client may ask of the socket, and what it may listen to."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rest_framework.serializers import BaseSerializer, Serializer

from superapp.core.errors import DomainError, InvalidInput

Json = dict[str, Any]


@dataclass(frozen=True)
class Actor:
    """Who acts, from the socket's ticket; never from a payload."""

    user_id: int
    device_id: int


@dataclass(frozen=True)
class Command:
    """``parse`` checks a payload and returns what ``run`` takes by name; ``run`` returns the payload of the reply.

    Both run in a thread; a ``DomainError`` of either becomes an error frame. ``input``, ``output`` (None: an empty
    payload) and ``errors``, beyond what every command may answer, are what docs/asyncapi.yaml says of it.
    """

    parse: Callable[[Any], Json]
    run: Callable[..., Json]
    input: type[Serializer[Any]] | None = None
    output: type[Serializer[Any]] | None = None
    errors: tuple[type[DomainError], ...] = ()


@dataclass(frozen=True)
class Push:
    """What a type of push shows, and a sentence that says when it comes.

    ``topic``: the kind of topic that it goes to; None: it goes to people. ``versioned``: a version stands beside the
    payload. ``kept``: it is stored for ``/sync/``, and its payload has an ``event_id`` as well.
    """

    says: str
    payload: type[Serializer[Any]]
    topic: str | None = None
    versioned: bool = False
    kept: bool = False


@dataclass(frozen=True)
class TopicKind:
    """What a room answers about its topics, all of it in a thread.

    ``may_join(user_id, reference)``. ``initial(user_ids)``: who of them belongs to what and is joined to it on the way
    in, as pairs of a person and a reference, in one statement however many are asked about. ``snapshot(reference)``:
    version and payload, shaped as ``shows``, for somebody who joins later.
    """

    may_join: Callable[[int, str], bool]
    initial: Callable[[Sequence[int]], Iterable[tuple[int, str]]] | None = None
    snapshot: Callable[[str], tuple[int, Json]] | None = None
    shows: type[Serializer[Any]] | None = None


class _Commands:
    def __init__(self) -> None:
        self._by_type: dict[str, Command] = {}

    def register(self, table: Mapping[str, Command]) -> None:
        self._by_type.update(table)

    def get(self, command_type: str) -> Command | None:
        return self._by_type.get(command_type)

    def find(self, command_type: str) -> Command:
        return self._by_type[command_type]

    def types(self) -> set[str]:
        return set(self._by_type)


class _Pushes:
    def __init__(self) -> None:
        self._by_type: dict[str, Push] = {}

    def register(self, table: Mapping[str, Push]) -> None:
        self._by_type.update(table)

    def find(self, push_type: str) -> Push:
        return self._by_type[push_type]

    def types(self) -> set[str]:
        return set(self._by_type)

    def check(self, push_type: str, *, topic: str | None, versioned: bool, kept: bool) -> None:
        """Raises ``AssertionError`` for what nobody has declared like that."""
        push = self._by_type.get(push_type)
        assert push is not None, f"nobody has registered the push {push_type}: realtime.registry.pushes"
        found = (topic and topic.partition(":")[0], versioned, kept)
        declared = (push.topic, push.versioned, push.kept)
        assert found == declared, f"{push_type} is declared with topic, version and kept {declared}, not {found}"


class _Topics:
    def __init__(self) -> None:
        self._kinds: dict[str, TopicKind] = {}

    def register(
        self,
        kind: str,
        *,
        may_join: Callable[[int, str], bool],
        initial: Callable[[Sequence[int]], Iterable[tuple[int, str]]] | None = None,
        snapshot: Callable[[str], tuple[int, Json]] | None = None,
        shows: type[Serializer[Any]] | None = None,
    ) -> None:
        self._kinds[kind] = TopicKind(may_join=may_join, initial=initial, snapshot=snapshot, shows=shows)

    def get(self, kind: str) -> TopicKind:
        return self._kinds[kind]

    def kinds(self) -> set[str]:
        return set(self._kinds)

    def find(self, topic: str) -> tuple[TopicKind | None, str]:
        """The kind and the reference of ``kind:reference``."""
        kind, _, reference = topic.partition(":")
        return self._kinds.get(kind), reference

    def initial_topics(self, user_ids: Sequence[int]) -> dict[int, set[str]]:
        """What each of them belongs to."""
        found: dict[int, set[str]] = {user_id: set() for user_id in user_ids}
        for name, kind in self._kinds.items():
            if kind.initial:
                for user_id, reference in kind.initial(user_ids):
                    found[user_id].add(f"{name}:{reference}")
        return found


commands = _Commands()
pushes = _Pushes()
topics = _Topics()


def shape(serializer: type[BaseSerializer[Any]]) -> Callable[[Any], Json]:
    """A ``parse`` from an input serializer."""

    def parse(payload: Any) -> Json:
        checked = serializer(data=payload)
        if not checked.is_valid():
            raise InvalidInput(fields=checked.errors)
        return dict(checked.validated_data)

    return parse


def shaped(
    input: type[Serializer[Any]],
    run: Callable[..., Json],
    *,
    output: type[Serializer[Any]] | None = None,
    errors: tuple[type[DomainError], ...] = (),
) -> Command:
    """A command whose payload is what its input serializer takes."""
    return Command(shape(input), run, input=input, output=output, errors=errors)
