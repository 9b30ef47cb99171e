"""People as the others see them where they speak for a product: a brand's desk, a driver. Who it is stays unsaid."""

from collections.abc import Iterable
from typing import Any, Protocol

from messaging import registry

Json = dict[str, Any]


class _Speaks(Protocol):
    persona: str


def show(rows: Iterable[_Speaks | None]) -> None:
    """Look the personas of these rows up together, so that ``of`` asks nobody."""
    speaking = [row for row in rows if row is not None and row.persona]
    if not speaking:
        return
    shown = registry.personas.shown(row.persona for row in speaking)
    for row in speaking:
        row.shown_persona = shown[row.persona]  # type: ignore[attr-defined]


def of(row: _Speaks) -> Json | None:
    """As frames show it; None for people who speak as themselves."""
    if not row.persona:
        return None
    shown: Json | None = getattr(row, "shown_persona", None)
    return shown or registry.personas.shown([row.persona])[row.persona]
