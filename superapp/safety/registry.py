"""Where upper rooms say what can be reported, and what staff can do about it.

::

    subjects.register("message", label=_("Message"), actions={"ban_author": Action(_("Ban its author"), ban_author)})
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import Promise


@dataclass(frozen=True)
class Action:
    """What a report may lead to. ``run(subject_id)`` is called in the transaction that resolves it, and raises a
    ``DomainError`` where it cannot be done; what it does is repeatable or says that it was done."""

    label: str | Promise
    run: Callable[[str], None]


@dataclass(frozen=True)
class Subject:
    label: str | Promise
    actions: Mapping[str, Action]
    #: Whose it is, who therefore does not decide about it; None: nobody's.
    belongs_to: Callable[[str], int | None] | None = None


class _Subjects:
    def __init__(self) -> None:
        self._kinds: dict[str, Subject] = {}

    def register(
        self,
        kind: str,
        *,
        label: str | Promise,
        actions: Mapping[str, Action],
        belongs_to: Callable[[str], int | None] | None = None,
    ) -> None:
        """Called once at start."""
        if kind in self._kinds:
            raise ImproperlyConfigured(f"Two rooms registered {kind} as something that can be reported.")
        self._kinds[kind] = Subject(label, actions, belongs_to)

    def get(self, kind: str) -> Subject | None:
        return self._kinds.get(kind)

    def actions(self) -> dict[str, Action]:
        """Of every kind, by name."""
        return {name: action for subject in self._kinds.values() for name, action in subject.actions.items()}


subjects = _Subjects()
