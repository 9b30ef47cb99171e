"""Writes that a phone may repeat: the key lives on the row that they create, beside a hash of what was asked."""

import hashlib
import json
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import connections, models, router
from django.db.models.constants import OnConflict
from django.db.models.sql import InsertQuery

from superapp.core.errors import IdempotencyConflict

Row = TypeVar("Row", bound=models.Model)


def request_hash(**parameters: Any) -> bytes:
    """32 bytes that are equal exactly when the same thing was asked, whatever the order of the keys."""
    text = json.dumps(parameters, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=_plain)
    return hashlib.sha256(text.encode()).digest()


def _plain(value: Any) -> str:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"{type(value).__name__} cannot be part of a request")


class InsertOnceManager(models.Manager[Row], Generic[Row]):
    """For models with ``request_hash`` and a unique constraint over the fields given as ``once``."""

    def insert_once(self, *, once: dict[str, Any], request_hash: bytes, **values: Any) -> Row:
        """Insert the row, or return the one that the first attempt inserted, with ``is_replay`` saying which.

        One statement, and one more for a retry. Raises ``IdempotencyConflict`` when the first attempt asked for
        something else. A retry that races the first attempt waits on the unique constraint for its commit.
        """
        row = self.model(**once, **values, request_hash=request_hash)
        stored = self._inserted(row)
        is_replay = stored is None
        if stored is None:
            stored = self.get(**once)
        stored.is_replay = is_replay  # type: ignore[attr-defined]
        if bytes(stored.request_hash) != request_hash:  # type: ignore[attr-defined]
            raise IdempotencyConflict
        return stored

    def _inserted(self, row: Row) -> Row | None:
        """The row with what the database filled in; None where the key is taken. The ORM asks for nothing back when a
        conflict is to be ignored, so that its own way takes a second statement."""
        fields = [field for field in self.model._meta.concrete_fields if not field.generated]
        connection = connections[router.db_for_write(self.model)]
        query = InsertQuery(self.model, on_conflict=OnConflict.IGNORE)
        query.insert_values(fields, [row])
        compiler = query.get_compiler(connection=connection)
        compiler.returning_fields = fields
        ((statement, parameters),) = compiler.as_sql()
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            found = cursor.fetchone()
        if found is None:
            return None
        columns = [field.get_col(self.model._meta.db_table) for field in fields]
        (values,) = compiler.apply_converters([found], compiler.get_converters(columns))
        return self.model.from_db(connection.alias, [field.attname for field in fields], values)
