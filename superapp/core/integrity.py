"""Ids that name nobody: what a foreign key cannot watch, because its two tables may one day be on different machines.

Inside a distribution group the database has real foreign keys (docs/scale.md). Across groups there is only the rule
that a row is written before others name it, and this check.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.apps import apps
from django.conf import settings
from django.db import connections, models
from django.db.backends.utils import CursorWrapper


@dataclass(frozen=True)
class Reference:
    """A column that holds ids of another table without a constraint."""

    table: str
    column: str
    target_table: str
    target_column: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column} → {self.target_table}"


def references() -> list[Reference]:
    """Foreign keys without a constraint, and columns whose name says what they hold."""
    named = {name: label for label, names in settings.REFERENCES_BY_NAME.items() for name in names}
    return [found for model in apps.get_models() if model._meta.managed for found in _references_of(model, named)]


def dangling(reference: Reference, *, using: str = "default") -> int:
    """How many rows name something that is not there. Reads the whole table: not for a busy hour."""
    with connections[using].cursor() as cursor:
        return _count(cursor, reference)


def _references_of(model: type[models.Model], named: dict[str, str]) -> Iterator[Reference]:
    for field in model._meta.local_concrete_fields:
        if isinstance(field, models.ForeignKey):
            if getattr(field, "db_constraint", True):
                continue
            target = field.related_model
        elif field.attname in named and not field.primary_key:
            target = apps.get_model(named[field.attname])
        else:
            continue
        key = target._meta.pk
        if target is not model and key is not None and key.column and field.column:
            yield Reference(model._meta.db_table, field.column, target._meta.db_table, key.column)


def _count(cursor: CursorWrapper, reference: Reference) -> int:
    # Names come from models, not from people. 0 is nobody: what the house says or made itself.
    cursor.execute(
        f'SELECT count(*) FROM "{reference.table}" AS held WHERE "{reference.column}" <> 0'  # noqa: S608
        f' AND NOT EXISTS (SELECT 1 FROM "{reference.target_table}" AS target'
        f' WHERE target."{reference.target_column}" = held."{reference.column}")'
    )
    return int(cursor.fetchone()[0])
