"""What the first page of the admin counts, besides what it counts itself. Rooms add theirs beside their pages."""

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.functional import Promise


@dataclass(frozen=True)
class Figure:
    """``tone``: ok, bad, or nothing where a number is just a number."""

    title: str | Promise
    value: str
    note: str | Promise = ""
    tone: str = ""
    link: str = ""


_figures: list[tuple[str, Callable[[], Figure]]] = []


def register(permission: str, figure: Callable[[], Figure]) -> None:
    """``figure()`` is asked whenever somebody who has the ``permission`` opens the page: one statement, by an index,
    and bounded."""
    _figures.append((permission, figure))


def of_rooms(request: HttpRequest) -> list[Figure]:
    return [figure() for permission, figure in _figures if request.user.has_perm(permission)]
