"""Tickets: how a signed-in device proves itself to the socket without ever putting a token into an address."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from superapp.accounts import selectors as accounts
from superapp.accounts.registry import Part, Rows
from superapp.core import limits, retention, tokens
from superapp.core.errors import Unavailable
from superapp.realtime.errors import TicketInvalid
from superapp.realtime.models import KeptEvent, Ticket
from superapp.realtime.selectors import all_kept_events, kept_event_frame

# As long as a device can stay away and come back without signing in again.
KEPT_FOR = settings.REFRESH_TOKEN_LIFETIME + timedelta(days=1)


@dataclass(frozen=True)
class IssuedTicket:
    ticket: str
    expires_at: datetime
    url: str


@dataclass(frozen=True)
class Admission:
    """Who a redeemed ticket lets in, until when, and what they read.

    ``id`` grows from one admission to the next, whichever processes let them in: the database counts, because clocks of
    hosts differ.
    """

    id: int
    user_id: int
    device_id: int
    expires_at: datetime
    language: str


def issue_ticket(*, user_id: int, device_id: int) -> IssuedTicket:
    """Raises ``TooManyRequests``."""
    limits.take(action="realtime.ticket.user", subject=str(user_id))
    token = tokens.issue("ticket", owner_id=user_id)
    expires_at = timezone.now() + settings.REALTIME_TICKET_LIFETIME
    Ticket.objects.create(user_id=user_id, digest=token.digest, device_id=device_id, expires_at=expires_at)
    return IssuedTicket(
        ticket=token.text, expires_at=expires_at, url=settings.PUBLIC_ORIGIN.replace("http", "ws", 1) + "/ws/"
    )


def redeem_ticket(*, text: str) -> Admission:
    """Use the ticket up. Of parallel attempts one succeeds. Raises ``TicketInvalid``."""
    token = tokens.parse("ticket", text)
    if token is None:
        raise TicketInvalid
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM realtime_ticket WHERE user_id = %s AND digest = %s
            RETURNING device_id, expires_at, nextval('realtime_admission')
            """,
            [token.owner_id, token.digest],
        )
        row = cursor.fetchone()
    if row is None or row[1] <= timezone.now():
        raise TicketInvalid
    access_ends = accounts.access_expiry(user_id=token.owner_id, device_id=row[0])
    if access_ends is None:
        raise TicketInvalid
    return Admission(
        id=row[2],
        user_id=token.owner_id,
        device_id=row[0],
        expires_at=access_ends,
        language=accounts.language_of(token.owner_id),
    )


def copy_of_events(user_id: int) -> Iterator[Part]:
    """For a copy of somebody's data."""
    yield "events", Rows(kept_event_frame(event) for event in all_kept_events(user_id))


def erase_person(user_id: int) -> None:
    """Repeatable: tickets and kept events, a batch at a time."""
    Ticket.objects.filter(user_id=user_id).delete()
    retention.delete_in_batches(KeptEvent, Q(user_id=user_id))
    if KeptEvent.objects.filter(user_id=user_id).exists():
        raise Unavailable


def forget_events(*, user_ids: Sequence[int], type: str, about: dict[str, Any]) -> None:
    """Take kept events back whose payload holds ``about``: what they show is no longer to be shown."""
    KeptEvent.objects.filter(user_id__in=user_ids, type=type, payload__contains=about).delete()


def forget_old() -> None:
    """Delete unused tickets, and kept events that no cursor of a device still signed in can begin before."""
    now = timezone.now()
    retention.delete_in_batches(Ticket, Q(expires_at__lt=now))
    retention.delete_in_batches(KeptEvent, Q(created_at__lt=now - KEPT_FOR))
