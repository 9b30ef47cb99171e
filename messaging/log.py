"""The log of a conversation: how a row gets its number.

The number comes from the conversation's row, whose lock is held until the commit. So numbers have no holes, and whoever
reads row n + 1 can read row n, which sequences, timestamps and counters outside the database do not give.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import connection

from messaging.events import MessageSent
from messaging.frames import message_frame
from messaging.models import NOBODY, Message
from superapp.core.errors import NotFound
from superapp.core.events import publish
from superapp.core.idempotency import request_hash as hash_of


@dataclass(frozen=True)
class Place:
    """The next place in a log, taken and not yet filled."""

    conversation_id: int
    seq: int
    message_no: int
    taken_at: datetime
    #: As whom the one who took it speaks here.
    persona: str = ""


COLUMNS = (
    "conversation_id, seq, message_no, sender_id, client_id, request_hash, kind, body::text, created_at,"
    " ref_seq, quote_seq, edited_at, recalled_at, persona, reactions::text"
)


def row(values: Sequence[Any]) -> Message:
    """A message from ``COLUMNS``."""
    message = Message(*values)  # type: ignore[misc]
    message.body, message.reactions = json.loads(message.body), json.loads(message.reactions)
    return message


def find(*, conversation_id: int, sender_id: int, client_id: UUID) -> Message | None:
    """The row that this ``client_id`` made, if any; one statement. Raises ``NotFound`` for whoever never belonged, and
    where there is none for whoever belongs no more."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT mine.left_seq, m.* FROM messaging_membership AS mine
            LEFT JOIN LATERAL (
                SELECT {COLUMNS} FROM messaging_message
                WHERE conversation_id = mine.conversation_id AND sender_id = mine.user_id AND client_id = %s
            ) AS m ON true
            WHERE mine.conversation_id = %s AND mine.user_id = %s
            """,  # noqa: S608  (our own names of columns)
            [str(client_id), conversation_id, sender_id],
        )
        found = cursor.fetchone()
    if found is None:
        raise NotFound
    left_seq, *values = found
    if values[0] is not None:
        return row(values)
    if left_seq is not None:
        raise NotFound
    return None


def lock(conversation_id: int) -> None:
    """Hold the conversation until the transaction ends: what is read from now on stands when the next row is written.

    For changes that write a row only if they change something. Sending needs it not: its number is its lock.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM messaging_conversation WHERE id = %s FOR NO KEY UPDATE", [conversation_id])


def now() -> datetime:
    """The clock by which rows are stamped."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def take_place(
    *, conversation_id: int, member_id: int | None, counts: bool = True, is_shown: bool = True
) -> Place | None:
    """Number the next row and lock the conversation; None unless ``member_id`` belongs to it (None: the house speaks).

    ``counts``: as unread. ``is_shown``: it stands for itself in the log, and moves the conversation up people's lists.
    The caller's transaction must fill the place or roll back. A stranger's attempt locks nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_conversation AS c
            SET last_seq = last_seq + 1, last_message_no = last_message_no + %(counts)s, changed_at = clock_timestamp(),
                last_shown_seq = CASE WHEN %(shown)s THEN last_seq + 1 ELSE last_shown_seq END,
                last_at = CASE WHEN %(shown)s THEN clock_timestamp() ELSE last_at END
            WHERE id = %(conversation)s AND (%(member)s IS NULL OR EXISTS (
                SELECT 1 FROM messaging_membership
                WHERE conversation_id = %(conversation)s AND user_id = %(member)s AND left_seq IS NULL))
            RETURNING last_seq, last_message_no, changed_at, COALESCE((
                SELECT persona FROM messaging_membership
                WHERE conversation_id = %(conversation)s AND user_id = %(member)s), '')
            """,
            {"conversation": conversation_id, "member": member_id, "counts": int(counts), "shown": is_shown},
        )
        taken = cursor.fetchone()
    return Place(conversation_id, *taken) if taken else None


_FILL = """
    INSERT INTO messaging_message
        (conversation_id, seq, message_no, sender_id, client_id, request_hash, kind, body, created_at,
         ref_seq, quote_seq, persona)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (conversation_id, sender_id, client_id) DO NOTHING RETURNING conversation_id, sender_id, seq, message_no
"""
_FILL_AND_READ = f"""
    WITH said AS ({_FILL}), mine AS (
        UPDATE messaging_membership AS mine
        SET read_seq = said.seq, read_message_no = said.message_no, is_marked_unread = false,
            changed_at = clock_timestamp()
        FROM said
        WHERE mine.conversation_id = said.conversation_id AND mine.user_id = said.sender_id AND mine.left_seq IS NULL)
    SELECT 1 FROM said
"""  # noqa: S608  (our own statement)


def fill(
    place: Place,
    *,
    sender_id: int,
    client_id: UUID,
    request_hash: bytes,
    kind: str,
    body: dict[str, Any],
    ref_seq: int | None = None,
    quote_seq: int | None = None,
    persona: str = "",
    is_read: bool = False,
) -> Message | None:
    """Write the row; None when this sender's ``client_id`` is there already, and the place must be given back.

    ``is_read``: with what ``mark_own_as_read`` does, in the same statement.

    Whoever is a persona to the others writes every row as that, unless ``persona`` names another one.
    """
    persona = persona or place.persona
    with connection.cursor() as cursor:
        cursor.execute(
            _FILL_AND_READ if is_read else _FILL,
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
                ref_seq,
                quote_seq,
                persona,
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
        ref_seq=ref_seq,
        quote_seq=quote_seq,
        persona=persona,
        reactions={},
    )


def add(
    *,
    conversation_id: int,
    actor_id: int | None,
    kind: str,
    body: dict[str, Any],
    about: int | None = None,
    client_id: UUID | None = None,
    counts: bool = False,
    is_shown: bool = True,
) -> Message:
    """Write what happened as a row of the log, and tell the conversation. In the transaction that made it true.

    ``about``: the seq of the row that it happened to; such a row does not stand for itself, nor does one that is not
    ``is_shown`` because nobody needs to see it. ``actor_id`` None: nobody did it, time did. Raises ``NotFound`` when
    the actor does not belong to the conversation.
    """
    place = take_place(
        conversation_id=conversation_id, member_id=actor_id, counts=counts, is_shown=is_shown and about is None
    )
    if place is None:
        raise NotFound
    message = fill(
        place,
        sender_id=actor_id or NOBODY,
        client_id=client_id or uuid4(),
        request_hash=hash_of(**body),
        kind=kind,
        body=body,
        ref_seq=about,
    )
    assert message is not None, "a key of its own"
    tell(message)
    return message


def tell(message: Message) -> None:
    """Announce a row that was just written, as everybody in the conversation sees it."""
    target = _shown_to_all(message) if message.ref_seq else None
    publish(
        MessageSent(
            conversation_id=message.conversation_id,
            seq=message.seq,
            sender_id=message.sender_id,
            frame=message_frame(message, target=target),
        )
    )


def _shown_to_all(message: Message) -> Message | None:
    """The row that a change is about, unless somebody who reads along joined after it: they fetch what is theirs."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT {COLUMNS} FROM messaging_message
            WHERE conversation_id = %(conversation)s AND seq = %(seq)s AND (recalled_at IS NOT NULL OR NOT EXISTS (
                SELECT 1 FROM messaging_membership
                WHERE conversation_id = %(conversation)s AND left_seq IS NULL AND joined_seq > %(seq)s))
            """,  # noqa: S608  (our own names of columns)
            {"conversation": message.conversation_id, "seq": message.ref_seq},
        )
        found = cursor.fetchone()
    return row(found) if found else None


def mark_own_as_read(place: Place | Message, *, user_id: int) -> None:
    """Who writes has read what was there: their own mark moves to their own row."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_membership"
            " SET read_seq = %s, read_message_no = %s, is_marked_unread = false, changed_at = clock_timestamp()"
            " WHERE conversation_id = %s AND user_id = %s AND left_seq IS NULL",
            [place.seq, place.message_no, place.conversation_id, user_id],
        )
