"""Reads for ``/sync/``: kept events, and the cursor that says how far a device has come."""

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from superapp.core.api.fields import rfc3339
from superapp.core.errors import InvalidInput
from superapp.realtime.models import KeptEvent

# Rows carry the time of their statement, and commit later: a reader looks back this far, so that what was not yet
# visible last time is seen now. Transactions are much shorter (statement_timeout 5 s). Clients drop what they know.
OVERLAP = timedelta(seconds=60)


@dataclass(frozen=True)
class SyncPosition:
    """Where an answer of several pages goes on, and where the cursor of its last page is to begin (``until``)."""

    until: datetime | None = None
    conversation_id: int = 0
    event: tuple[datetime, int] | None = None


def database_time() -> datetime:
    """The clock by which rows are stamped; servers need not agree with it, or with one another."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def sync_cursor(since: datetime | None, position: SyncPosition | None = None) -> str:
    """Opaque: changes after ``since``, or everything; from ``position`` on."""
    content: dict[str, Any] = {"since": _text(since)}
    if position is not None:
        content |= {"until": _text(position.until), "conversation": position.conversation_id}
        if position.event:
            content["event"] = [_text(position.event[0]), position.event[1]]
    return base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).decode().rstrip("=")


def read_sync_cursor(cursor: str) -> tuple[datetime | None, SyncPosition]:
    """Raises ``InvalidInput`` for what ``sync_cursor`` did not make."""
    try:
        content = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        event = content.get("event")
        position = SyncPosition(
            until=_time(content.get("until")),
            conversation_id=_id(content.get("conversation", 0)),
            event=(_required_time(event[0]), _id(event[1])) if event else None,
        )
        return _time(content["since"]), position
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, binascii.Error):
        raise InvalidInput(fields={"cursor": [_("This cursor is not from /sync/.")]}) from None


def kept_events(*, user_id: int, since: datetime, after: tuple[datetime, int] | None, limit: int) -> list[KeptEvent]:
    """Events since ``since`` less the overlap, oldest first, from behind ``after`` (time, id) on."""
    events = KeptEvent.objects.filter(user_id=user_id, created_at__gt=since - OVERLAP)
    if after:
        at, event_id = after
        events = events.exclude(created_at__lt=at).exclude(created_at=at, id__lte=event_id)
    return list(events.order_by("created_at", "id")[:limit])


def all_kept_events(user_id: int) -> Iterator[KeptEvent]:
    """Oldest first, a thousand at a time in memory."""
    after: tuple[datetime, int] | None = None
    while True:
        events = KeptEvent.objects.filter(user_id=user_id)
        if after:
            events = events.filter(Q(created_at__gt=after[0]) | Q(created_at=after[0], id__gt=after[1]))
        batch = list(events.order_by("created_at", "id")[:1000])
        yield from batch
        if len(batch) < 1000:
            return
        after = (batch[-1].created_at, batch[-1].id)


def kept_event_frame(event: KeptEvent) -> dict[str, Any]:
    return {
        "event_id": str(event.id),
        "type": event.type,
        "payload": event.payload,
        "created_at": rfc3339(event.created_at),
    }


def _text(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat() if at else None


def _time(text: Any) -> datetime | None:
    return None if text is None else _required_time(text)


def _required_time(text: Any) -> datetime:
    at = datetime.fromisoformat(text)
    # Away from the edges of time, so that looking back cannot overflow.
    if at.tzinfo is None or not 2000 <= at.year <= 9000:
        raise ValueError
    # Python knows time zones a day away from UTC, Postgres does not.
    return at.astimezone(UTC)


def _id(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError
    return value
