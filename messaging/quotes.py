"""What an answer shows of the row that it answers, as that was when it was quoted."""

from typing import Any

from django.db import connection

from messaging import access
from messaging.errors import NotForThis, Recalled
from messaging.models import SAID, Message

EXCERPT = 100
_WORDS: dict[str, str] = {
    Message.Kind.TEXT: "text",
    Message.Kind.FILE: "name",
    Message.Kind.LOCATION: "name",
    Message.Kind.CONTACT: "display_name",
    Message.Kind.RECORD: "title",
}


def preview(*, conversation_id: int, reader_id: int, seq: int) -> dict[str, Any]:
    """One statement. Raises ``NotFound`` for what the reader may not see, ``Recalled``, and ``NotForThis`` for rows
    that nobody said."""
    quoted = access.message(conversation_id=conversation_id, user_id=reader_id, seq=seq)
    if quoted.recalled_at is not None:
        raise Recalled
    if quoted.kind not in SAID:
        raise NotForThis(kind=quoted.kind)
    return {
        "seq": quoted.seq,
        "sender_id": None if (sender_id := quoted.shown_sender_id) is None else str(sender_id),
        "persona": quoted.persona or None,
        "kind": quoted.kind,
        "text": excerpt(quoted.kind, quoted.body),
        "is_recalled": False,
    }


def excerpt(kind: str, body: dict[str, Any]) -> str:
    """The words in a message, if it has any: a client says itself, in its reader's language, that there is a photo."""
    name = _WORDS.get(kind)
    return str(body.get(name, ""))[:EXCERPT] if name else ""


def blank(*, conversation_id: int, seq: int) -> None:
    """Answers no longer show what they answered: it was recalled. Nor does what they said before they were edited. Two
    statements, by an index of what is quoted."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_message_version AS version
            SET body = jsonb_set(
                version.body, '{quote}', (version.body -> 'quote') || '{"text": "", "is_recalled": true}')
            FROM messaging_message AS answer
            WHERE answer.conversation_id = %s AND answer.quote_seq = %s AND version.body ? 'quote'
                AND version.conversation_id = answer.conversation_id AND version.seq = answer.seq
            """,
            [conversation_id, seq],
        )
        cursor.execute(
            """
            UPDATE messaging_message
            SET body = jsonb_set(body, '{quote}', (body -> 'quote') || '{"text": "", "is_recalled": true}')
            WHERE conversation_id = %s AND quote_seq = %s AND body ? 'quote'
            """,
            [conversation_id, seq],
        )
