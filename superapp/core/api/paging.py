"""Cursor paging: a page begins where the last one ended, whatever was added meanwhile."""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Field, Model, Q, QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request

from superapp.core.api.fields import Input
from superapp.core.errors import InvalidInput

Item = TypeVar("Item", bound=Model)


class PageQuery(Input):
    """``cursor`` is opaque and comes from ``next`` or ``previous`` of another page."""

    cursor = serializers.CharField(required=False, max_length=200)
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=settings.API_MAX_PAGE_SIZE, default=settings.API_PAGE_SIZE
    )


@dataclass(frozen=True)
class Page(Generic[Item]):
    """``next`` and ``previous`` are paths with their query, or None at the end."""

    results: list[Item]
    next: str | None
    previous: str | None


def paginate(
    queryset: QuerySet[Item], request: Request, *, order: tuple[str, ...], cursor: str = "", limit: int
) -> Page[Item]:
    """One page of ``queryset`` in ``order``: names of fields or annotations, all with ``-`` or all without, unique in
    their combination.

    Raises ``InvalidInput`` for a cursor that this list did not give out.
    """
    descending = order[0].startswith("-")
    names = [name.lstrip("-") for name in order]
    backwards, after = _decode(cursor, names, queryset) if cursor else (False, None)
    if after:
        queryset = queryset.filter(_beyond(names, after, less=descending is not backwards))
    wanted = descending is not backwards
    rows = list(queryset.order_by(*(f"-{name}" if wanted else name for name in names))[: limit + 1])
    more, rows = len(rows) > limit, rows[:limit]
    if backwards:
        rows.reverse()

    def link(row: Item, *, back: bool) -> str:
        mark = _encode(back, [getattr(row, name) for name in names])
        return f"{request.path}?{urlencode({**request.query_params.dict(), 'cursor': mark})}"

    has_next, has_previous = (bool(after), more) if backwards else (more, bool(after))
    return Page(
        results=rows,
        next=link(rows[-1], back=False) if rows and has_next else None,
        previous=link(rows[0], back=True) if rows and has_previous else None,
    )


def _beyond(names: list[str], values: list[Any], *, less: bool) -> Q:
    """(a, b) < (x, y) spelled out. The first term is implied by the others: by it the index is entered at the place."""
    operator = "lt" if less else "gt"
    condition = Q()
    for index, name in enumerate(names):
        equal = {names[before]: values[before] for before in range(index)}
        condition |= Q(**equal, **{f"{name}__{operator}": values[index]})
    return Q(**{f"{names[0]}__{operator}e": values[0]}) & condition


def _encode(backwards: bool, values: list[Any]) -> str:
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps([int(backwards), *plain]).encode()).decode().rstrip("=")


def _field(queryset: QuerySet[Any], name: str) -> "Field[Any, Any]":
    annotation = queryset.query.annotations.get(name)
    field = annotation.output_field if annotation is not None else queryset.model._meta.get_field(name)
    assert isinstance(field, Field)
    return field


def _value_of(field: "Field[Any, Any]", plain: Any) -> Any:
    """As the column could hold it. Raises what ``_decode`` catches for what cannot have come from the database."""
    value = field.to_python(plain)
    # ``encode`` refuses half a surrogate pair.
    if value is None or b"\0" in str(value).encode():
        raise ValueError
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError
        # Postgres takes offsets of less than sixteen hours only.
        return value.astimezone(UTC)
    return value


def _decode(cursor: str, names: list[str], queryset: QuerySet[Any]) -> tuple[bool, list[Any]]:
    try:
        backwards, *plain = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        values = [_value_of(_field(queryset, name), value) for name, value in zip(names, plain, strict=True)]
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error, ValidationError):
        raise InvalidInput(fields={"cursor": [_("This cursor is not from this list.")]}) from None
    return bool(backwards), values
