"""The one outbox: what must happen after a commit, kept in Postgres until a handler has done it.

Rows of one key run in order, one at a time. A row that fails is tried again with growing pauses; after
``OUTBOX_MAX_ATTEMPTS`` it is parked: it stays open, blocks only its own key, and waits for a person (``retry``).
"""

import zlib
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from superapp.core import loops
from superapp.core.leases import Lease, LeaseLost
from superapp.core.models import OutboxEvent

log = structlog.get_logger(__name__)
Handler = Callable[[dict[str, Any]], None]

BATCH = 100
_LONGEST_PAUSE = timedelta(minutes=5)
_handlers: dict[str, Handler] = {}


def register_handler(name: str, handler: Handler) -> None:
    _handlers[name] = handler


def add(*, handlers: Sequence[str], key: str, event: dict[str, Any]) -> None:
    """One row for each handler, in the caller's transaction. Handlers do not wait for one another."""
    OutboxEvent.objects.bulk_create(
        OutboxEvent(handler=name, key=f"{key}>{name}", shard=shard_of(f"{key}>{name}"), event=event, due_at=Now())
        for name in handlers
    )


def shard_of(key: str) -> int:
    return zlib.crc32(key.encode()) % settings.OUTBOX_SHARDS


def register_loop() -> None:
    loops.register(
        "outbox",
        every=timedelta(milliseconds=200),
        step=relay,
        shards=lambda: [str(shard) for shard in range(settings.OUTBOX_SHARDS)],
    )


def relay(lease: Lease) -> int:
    """Deliver what is due in the lease's shard and return how many rows were tried."""
    blocked: set[str] = set()
    rows = _due(int(lease.shard))
    for row in rows:
        if row.key not in blocked and not _deliver(row, lease):
            blocked.add(row.key)
    return len(rows)


def parked() -> QuerySet[OutboxEvent]:
    """Rows that gave up and wait for a person, oldest first."""
    return OutboxEvent.objects.filter(done_at=None, attempts__gte=settings.OUTBOX_MAX_ATTEMPTS).order_by("id")


def is_parked(row: OutboxEvent) -> bool:
    return row.done_at is None and row.attempts >= settings.OUTBOX_MAX_ATTEMPTS


def retry(*, row_id: int) -> bool:
    """Give a parked row another full set of attempts. False when it is not parked."""
    return bool(parked().filter(id=row_id).update(attempts=0, due_at=Now()))


def _due(shard: int) -> list[OutboxEvent]:
    # A key whose earlier row waits for its next attempt, or is parked, has nothing due.
    return list(
        OutboxEvent.objects.raw(
            """
            SELECT * FROM core_outbox AS o
            WHERE shard = %(shard)s AND done_at IS NULL AND due_at <= now() AND attempts < %(most)s AND NOT EXISTS (
                SELECT 1 FROM core_outbox AS earlier
                WHERE earlier.key = o.key AND earlier.id < o.id AND earlier.done_at IS NULL
                AND (earlier.due_at > now() OR earlier.attempts >= %(most)s)
            )
            ORDER BY id LIMIT %(batch)s
            """,
            {"shard": shard, "most": settings.OUTBOX_MAX_ATTEMPTS, "batch": BATCH},
        )
    )


def _deliver(row: OutboxEvent, lease: Lease) -> bool:
    try:
        _handlers[row.handler](row.event)
    except Exception as error:
        _note_failure(row, lease, error)
        return False
    with connection.cursor() as cursor:
        # ``lease.guard()`` and the mark in one statement: a transaction of its own, in one trip instead of four.
        cursor.execute(
            """
            WITH held AS (
                SELECT 1 FROM core_lease WHERE name = %s AND shard = %s AND token = %s FOR KEY SHARE)
            UPDATE core_outbox SET done_at = clock_timestamp(), error = '' FROM held WHERE id = %s
            """,
            [lease.name, lease.shard, lease.token, row.id],
        )
        if cursor.rowcount == 0:
            raise LeaseLost(f"{lease.name}/{lease.shard}")
    return True


def _note_failure(row: OutboxEvent, lease: Lease, error: Exception) -> None:
    attempts = row.attempts + 1
    pause = min(timedelta(seconds=2 ** (attempts - 1)), _LONGEST_PAUSE)
    with transaction.atomic():
        lease.guard()
        OutboxEvent.objects.filter(id=row.id).update(
            attempts=attempts, due_at=Now() + pause, error=_storable(f"{type(error).__name__}: {error}")
        )
    fields = {"outbox_id": row.id, "handler": row.handler, "key": row.key, "attempts": attempts}
    if attempts >= settings.OUTBOX_MAX_ATTEMPTS:
        log.error("outbox.parked", exc_info=error, **fields)
    else:
        log.warning("outbox.failed", exc_info=error, **fields)


def _storable(text: str) -> str:
    """Without what Postgres refuses, NUL and half surrogate pairs: what cannot be noted would be tried for ever."""
    return text[:2000].encode(errors="replace").decode().replace("\0", "")
