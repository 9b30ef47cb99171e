"""Writes that a phone may repeat: the key lives on the row that they create, beside a hash of what was asked."""

import hashlib
import json
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import models

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

        Raises ``IdempotencyConflict`` when the first attempt asked for something else. A retry that races the first
        attempt waits on the unique constraint for its commit.
        """
        row = self.model(**once, **values, request_hash=request_hash)
        self.bulk_create([row], ignore_conflicts=True)
        stored = self.get(**once)
        # Our own primary key came back: nobody was there before us.
        stored.is_replay = stored.pk != row.pk  # type: ignore[attr-defined]
        if bytes(stored.request_hash) != request_hash:  # type: ignore[attr-defined]
            raise IdempotencyConflict
        return stored
