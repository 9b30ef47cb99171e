"""Where upper rooms plug in: what staff of an organisation may be, and from whom people hide.

::

    roles.register("brand", "publisher", implies={"editor", "sender"}, label=_("Publisher"))
    visibility.register(selectors.who_hide_from)
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

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


roles = _Roles()
visibility = _Visibility()
