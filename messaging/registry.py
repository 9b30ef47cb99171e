"""Where products plug in, when their app starts: what their cards and notices say, as whom their people speak, and what
of theirs is unread.

A kind is named once, by the app that owns it (``payments.transfer``). Messaging knows nothing of what is behind it.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import Promise

Json = dict[str, Any]
_KIND = re.compile("[a-z][a-z0-9_.]{0,39}")

# --- cards ------------------------------------------------------------------------------------------------------------

Fallback = Callable[[Json], str]
Live = Callable[[Sequence[str], int], Mapping[str, Json]]


@dataclass(frozen=True)
class CardKind:
    """See ``cards.register``."""

    kind: str
    fallback: Fallback
    live: Live | None
    forwardable: bool


class _Cards:
    def __init__(self) -> None:
        self._kinds: dict[str, CardKind] = {}

    def register(self, kind: str, *, fallback: Fallback, live: Live | None = None, forwardable: bool = False) -> None:
        """``fallback(data)``: the card in a sentence, for clients that do not know the kind, for lists and for the
        terminal. It is called once for each language, with that language active, when the card is posted or updated.

        ``live(references, viewer_id)``: what depends on who looks or on the moment (may I open it, how many are left),
        by reference; asked once for a page and a kind, so it should cost one statement. What it leaves out is null.

        ``forwardable``: people may send copies of it to others. A copy says what every copy says.
        """
        _check_new("card", kind, self._kinds)
        self._kinds[kind] = CardKind(kind=kind, fallback=fallback, live=live, forwardable=forwardable)

    def get(self, kind: str) -> CardKind | None:
        """None: no app that runs here knows it (any more)."""
        return self._kinds.get(kind)


# --- personas ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PersonaShown:
    """``avatar_id``: a file of the product's own, which whoever sees the persona may view."""

    display_name: str
    avatar_id: int | None = None


ShowPersonas = Callable[[Sequence[str]], Mapping[str, PersonaShown]]


class _Personas:
    def __init__(self) -> None:
        self._kinds: dict[str, ShowPersonas] = {}

    def register(self, kind: str, show: ShowPersonas) -> None:
        """``show(references)``: who they are to everybody, by reference; asked once for a page and a kind.

        A reference is read by everybody who sees the persona. So it must not say who the person is.
        """
        _check_new("persona", kind, self._kinds)
        self._kinds[kind] = show

    def knows(self, key: str) -> bool:
        """Whether ``key``, ``kind:reference``, is of a registered kind."""
        kind, colon, reference = key.partition(":")
        return bool(kind in self._kinds and colon and reference) and len(key) <= 60

    def shown(self, keys: Iterable[str]) -> dict[str, Json]:
        """Each of ``keys`` as frames show it. One whom nobody knows any more has no name: never the person behind."""
        references: dict[str, list[str]] = {}
        for key in sorted(set(keys)):
            kind, _, reference = key.partition(":")
            references.setdefault(kind, []).append(reference)
        found: dict[str, Json] = {}
        for kind, wanted in references.items():
            known = show(wanted) if (show := self._kinds.get(kind)) else {}
            for reference in wanted:
                persona = known.get(reference) or PersonaShown(display_name="")
                found[f"{kind}:{reference}"] = {
                    "key": f"{kind}:{reference}",
                    "display_name": persona.display_name,
                    "avatar_id": None if persona.avatar_id is None else str(persona.avatar_id),
                }
        return found


# --- notices ----------------------------------------------------------------------------------------------------------

Text = Callable[[Json], "str | Promise"]


@dataclass(frozen=True)
class NoticeKind:
    """See ``notices.register``."""

    kind: str
    text: Text
    mutable: bool
    label: str | Promise


class _Notices:
    def __init__(self) -> None:
        self._kinds: dict[str, NoticeKind] = {}

    def register(self, kind: str, *, text: Text, mutable: bool, label: str | Promise) -> None:
        """``text(params)``: the notice in a sentence, called whenever it is read, in the language of its reader. It has
        to understand the params of older releases as well.

        ``mutable``: people may mute it, under the name ``label``. What they must learn is not.
        """
        _check_new("notice", kind, self._kinds)
        self._kinds[kind] = NoticeKind(kind=kind, text=text, mutable=mutable, label=label)

    def get(self, kind: str) -> NoticeKind | None:
        """None: no app that runs here knows it (any more)."""
        return self._kinds.get(kind)

    def mutable(self) -> list[NoticeKind]:
        return [kind for _name, kind in sorted(self._kinds.items()) if kind.mutable]


# --- the inbox --------------------------------------------------------------------------------------------------------

Unread = Callable[[int], int]
Preview = Callable[[int], "Json | None"]


@dataclass(frozen=True)
class InboxApp:
    """See ``inbox.register``."""

    app: str
    unread: Unread
    preview: Preview | None


class _Inbox:
    def __init__(self) -> None:
        self._apps: dict[str, InboxApp] = {}

    def register(self, app: str, *, unread: Unread, preview: Preview | None) -> None:
        """A part of the number on the app's icon, and if it has a ``preview`` an entry among the conversations.

        ``unread(user_id)``: how many; one statement, which does not grow with what is unread.
        ``preview(user_id)``: ``{"text", "at"}`` of the newest, in the language of whoever asks; None: nothing there.
        """
        _check_new("inbox", app, self._apps)
        self._apps[app] = InboxApp(app=app, unread=unread, preview=preview)

    def apps(self) -> list[InboxApp]:
        """In the order in which they were registered."""
        return list(self._apps.values())


def _check_new(what: str, kind: str, known: Mapping[str, Any]) -> None:
    if not _KIND.fullmatch(kind):
        raise ImproperlyConfigured(f"No name for a kind of {what}: {kind!r}.")
    if kind in known:
        raise ImproperlyConfigured(f"Two apps registered the {what} {kind}.")


cards = _Cards()
personas = _Personas()
notices = _Notices()
inbox = _Inbox()
