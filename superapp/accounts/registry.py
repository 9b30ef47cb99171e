"""Where upper rooms plug in: what staff of an organisation may be, from whom people hide, and what is kept of them.

::

    roles.register("brand", "publisher", implies={"editor", "sender"}, label=_("Publisher"))
    visibility.register(selectors.who_hide_from)
    privacy.register("games", export=leaving.copy_of_person, erase=leaving.erase_person, covers={…})
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import IO, Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

OWNER = "owner"


@dataclass(frozen=True)
class Role:
    """``implies``: roles whose rights it has as well. ``manages_staff``: may change who is on the staff, up to its own
    rights."""

    name: str
    label: str | Promise
    implies: frozenset[str] = frozenset()
    manages_staff: bool = False


class _Roles:
    """By kind of organisation. An owner may do everything, also what is added later."""

    def __init__(self) -> None:
        self._by_kind: dict[str, dict[str, Role]] = {}

    def register(
        self, kind: str, name: str, *, label: str | Promise, implies: Iterable[str] = (), manages_staff: bool = False
    ) -> None:
        """Called once at start. What a role implies has to be registered when somebody asks, not before it."""
        known = self._by_kind.setdefault(kind, {OWNER: Role(OWNER, _("Owner"), manages_staff=True)})
        if name in known:
            raise ImproperlyConfigured(f"Two rooms registered the role {name} of a {kind}.")
        known[name] = Role(name, label, frozenset(implies), manages_staff)

    def of(self, kind: str) -> list[Role]:
        """The owner first, then as they were registered."""
        return list(self._by_kind[kind].values())

    def rights(self, kind: str, names: Iterable[str]) -> frozenset[str]:
        """Everything that somebody with these roles may act as."""
        known = self._by_kind[kind]
        rights: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name == OWNER:
                return frozenset(known)
            # A role that nobody registers any more gives no right.
            if name in known and name not in rights:
                rights.add(name)
                waiting += known[name].implies
        return frozenset(rights)

    def in_order(self, kind: str, names: Iterable[str]) -> list[str]:
        """Those that are registered, each once, in the order of ``of``."""
        wanted = set(names)
        return [name for name in self._by_kind[kind] if name in wanted]

    def manage_staff(self, kind: str, names: Iterable[str]) -> bool:
        return any(self._by_kind[kind][name].manages_staff for name in self.rights(kind, names))


#: A viewer's id and those of people → those of them who do not want to be found by the viewer. One statement.
Hides = Callable[[int, set[int]], set[int]]


class _Visibility:
    """Who finds whom. Somebody hidden is as absent as somebody who does not exist; what two people share already, such
    as a conversation, keeps their names."""

    def __init__(self) -> None:
        self._hides: list[Hides] = []

    def register(self, hides: Hides) -> None:
        """Called once at start by each room that knows a reason."""
        self._hides.append(hides)

    def hidden_from(self, viewer_id: int, user_ids: Iterable[int]) -> set[int]:
        """As many statements for one as for a hundred, and for people as for none."""
        wanted = set(user_ids)
        return {found for hides in self._hides for found in hides(viewer_id, wanted)}


Json = dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """A list of any length. It is walked through once, when its turn comes, and never as a whole in memory."""

    rows: Iterable[Json]


@dataclass(frozen=True)
class StoredFile:
    """The bytes of a file. It is opened when its turn comes, and read in blocks."""

    open: Callable[[], AbstractContextManager[IO[bytes]]]


#: A path within the room's folder, without the ending that says what it is, and what stands there.
Part = tuple[str, Json | Rows | StoredFile]
Export = Callable[[int], Iterator[Part]]
Erase = Callable[[int], None]


@dataclass(frozen=True)
class Blocker:
    """Why somebody cannot leave yet: a code that stays the same, and a sentence that says what to do about it."""

    code: str
    message: str | Promise
    details: Json = field(default_factory=dict)


Blockers = Callable[[int], list[Blocker]]


@dataclass(frozen=True)
class Room:
    name: str
    export: Export
    erase: Erase
    blockers: Blockers
    covers: Mapping[str, Collection[str]]


class _Privacy:
    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}

    def register(
        self,
        app: str,
        *,
        export: Export,
        erase: Erase,
        blockers: Blockers | None = None,
        covers: Mapping[str, Collection[str]],
    ) -> None:
        """Called once at start.

        ``export(user_id)`` yields parts, always in the same order: a worker that takes over leaves out those that are
        done. ``erase(user_id)`` runs outside a transaction, in as many of its own as it needs. It may be killed
        anywhere, run again, and run beside itself; when it returns, nothing is left that has to go.
        ``blockers(user_id)`` says what somebody has to settle before they may go. ``covers``: the columns, by model,
        that name a person and of which the two take care; a test finds those that nobody does.
        """
        if app in self._rooms:
            raise ImproperlyConfigured(f"{app} registered twice what it keeps of people.")
        self._rooms[app] = Room(app, export, erase, blockers or _nothing, covers)

    def rooms(self) -> list[Room]:
        """From the ground floor up, as they were registered. What is erased is erased from the top down: whoever keeps
        something about a person may still ask the rooms below who that is."""
        return list(self._rooms.values())


def _nothing(user_id: int) -> list[Blocker]:
    return []


roles = _Roles()
visibility = _Visibility()
privacy = _Privacy()
