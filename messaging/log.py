"""The log of a conversation: how a row gets its number.

The number comes from the conversation's row, whose lock is held until the commit. So numbers have no holes, and whoever
reads row n + 1 can read row n, which sequences, timestamps and counters outside the database do not give.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from messaging.models import Message
from superapp.core.errors import NotFound


@dataclass(frozen=True)
class Place:
    """The next place in a log, taken and not yet filled."""

    conversation_id: int
    seq: int
    message_no: int
    taken_at: datetime


def find(*, conversation_id: int, sender_id: int, client_id: UUID) -> Message | None:
    """The row that this ``client_id`` made, if any; one statement. Raises ``NotFound`` for strangers."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT m.seq, m.message_no, m.request_hash, m.kind, m.body::text, m.created_at
            FROM messaging_membership AS mine
            LEFT JOIN messaging_message AS m
                ON m.conversation_id = mine.conversation_id AND m.sender_id = mine.user_id AND m.client_id = %s
            WHERE mine.conversation_id = %s AND mine.user_id = %s
            """,
            [str(client_id), conversation_id, sender_id],
        )
        row = cursor.fetchone()
    if row is None:
        raise NotFound
    seq, message_no, request_hash, kind, body, created_at = row
    if seq is None:
        return None
    return Message(
        conversation_id=conversation_id,
        seq=seq,
        message_no=message_no,
        sender_id=sender_id,
        client_id=client_id,
        request_hash=request_hash,
        kind=kind,
        body=json.loads(body),
        created_at=created_at,
    )


def take_place(*, conversation_id: int, member_id: int, counts: bool = True) -> Place | None:
    """Number the next row and lock the conversation; None unless ``member_id`` belongs to it.

    The caller's transaction must fill the place or roll back. A stranger's attempt locks nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_conversation AS c
            SET last_seq = last_seq + 1, last_message_no = last_message_no + %(counts)s, changed_at = clock_timestamp()
            WHERE id = %(conversation)s AND EXISTS (
                SELECT 1 FROM messaging_membership WHERE conversation_id = %(conversation)s AND user_id = %(member)s)
            RETURNING last_seq, last_message_no, changed_at
            """,
            {"conversation": conversation_id, "member": member_id, "counts": int(counts)},
        )
        row = cursor.fetchone()
    return Place(conversation_id, *row) if row else None


def fill(
    place: Place, *, sender_id: int, client_id: UUID, request_hash: bytes, kind: str, body: dict[str, Any]
) -> Message | None:
    """Write the row; None when this sender's ``client_id`` is there already, and the place must be given back."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO messaging_message
                (conversation_id, seq, message_no, sender_id, client_id, request_hash, kind, body, created_at)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (conversation_id, sender_id, client_id) DO NOTHING RETURNING 1
            """,
            [
                place.conversation_id,
                place.seq,
                place.message_no,
                sender_id,
                str(client_id),
                request_hash,
                kind,
                json.dumps(body),
                place.taken_at,
            ],
        )
        if cursor.fetchone() is None:
            return None
    return Message(
        conversation_id=place.conversation_id,
        seq=place.seq,
        message_no=place.message_no,
        sender_id=sender_id,
        client_id=client_id,
        request_hash=request_hash,
        kind=kind,
        body=body,
        created_at=place.taken_at,
    )


def mark_own_as_read(place: Place, *, user_id: int) -> None:
    """Who writes has read what was there: their own mark moves to their own row."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_membership SET read_seq = %s, read_message_no = %s, changed_at = clock_timestamp()"
            " WHERE conversation_id = %s AND user_id = %s",
            [place.seq, place.message_no, place.conversation_id, user_id],
        )
