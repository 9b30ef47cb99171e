"""The least that a message between two friends costs in SQL: its statements, sent singly by psycopg2. Frozen.

Seven round trips in one transaction: BEGIN, whether it was stored before, its number under the conversation's lock,
whether its sender may speak, its row, the sender's own mark, COMMIT.

    python bare_send.py DATABASE_URL

reads lines of JSON: ``{"rate", "count", "pairs": [[conversation, sender], …], "text"}``, and answers each with
``{"done", "p50_ms", "p99_ms", "caller_cpu_seconds"}`` once so many messages are stored, in turn by all pairs.
"""

import hashlib
import json
import sys
import time
from typing import Any
from uuid import uuid4

import psycopg2

FIND = """
    SELECT mine.user_id, m.* FROM messaging_membership AS mine
    LEFT JOIN LATERAL (
        SELECT conversation_id, seq, message_no, sender_id, client_id, request_hash, kind, body::text, created_at,
            ref_seq, quote_seq, edited_at, recalled_at, persona, reactions::text
        FROM messaging_message
        WHERE conversation_id = mine.conversation_id AND sender_id = mine.user_id AND client_id = %s
    ) AS m ON true
    WHERE mine.conversation_id = %s AND mine.user_id = %s
"""
NUMBER = """
    UPDATE messaging_conversation AS c
    SET last_seq = last_seq + 1, last_message_no = last_message_no + 1, changed_at = clock_timestamp(),
        last_shown_seq = last_seq + 1, last_at = clock_timestamp()
    WHERE id = %(conversation)s AND EXISTS (
        SELECT 1 FROM messaging_membership
        WHERE conversation_id = %(conversation)s AND user_id = %(member)s AND left_seq IS NULL)
    RETURNING last_seq, last_message_no, changed_at
"""
MAY_SPEAK = """
    SELECT c.kind, c.closed_at, c.closes_at, c.is_silenced AND mine.role = 'member', mine.silenced_until,
        blocked.user_id IS NOT NULL, friend.user_id IS NOT NULL
    FROM messaging_membership AS mine
    JOIN messaging_conversation AS c ON c.id = mine.conversation_id
    LEFT JOIN messaging_membership AS peer
        ON c.kind = 'direct' AND peer.conversation_id = c.id AND peer.user_id <> mine.user_id
    LEFT JOIN messaging_block AS blocked
        ON blocked.user_id = peer.user_id AND blocked.blocked_id = mine.user_id
    LEFT JOIN messaging_friendship AS friend
        ON friend.user_id = peer.user_id AND friend.friend_id = mine.user_id
    WHERE mine.conversation_id = %s AND mine.user_id = %s AND mine.left_seq IS NULL
"""
STORE = """
    INSERT INTO messaging_message
        (conversation_id, seq, message_no, sender_id, client_id, request_hash, kind, body, created_at)
    VALUES (%s, %s, %s, %s, %s, %s, 'text', %s, %s)
    ON CONFLICT (conversation_id, sender_id, client_id) DO NOTHING RETURNING 1
"""
MARK = """
    UPDATE messaging_membership
    SET read_seq = %s, read_message_no = %s, is_marked_unread = false, changed_at = clock_timestamp()
    WHERE conversation_id = %s AND user_id = %s
"""


def send(cursor: Any, conversation_id: int, sender_id: int, text: str) -> None:
    client_id = str(uuid4())
    cursor.execute("BEGIN")
    cursor.execute(FIND, [client_id, conversation_id, sender_id])
    cursor.fetchone()
    cursor.execute(NUMBER, {"conversation": conversation_id, "member": sender_id})
    seq, message_no, at = cursor.fetchone()
    cursor.execute(MAY_SPEAK, [conversation_id, sender_id])
    cursor.fetchone()
    body = json.dumps({"text": text})
    asked = hashlib.sha256(body.encode()).digest()
    cursor.execute(STORE, [conversation_id, seq, message_no, sender_id, client_id, asked, body, at])
    cursor.fetchone()
    cursor.execute(MARK, [seq, message_no, conversation_id, sender_id])
    cursor.execute("COMMIT")


def run(cursor: Any, order: dict[str, Any]) -> dict[str, Any]:
    pairs, taken = order["pairs"], []
    cpu, due = time.process_time(), time.perf_counter()
    for number in range(order["count"]):
        time.sleep(max(0.0, due - time.perf_counter()))
        conversation_id, sender_id = pairs[number % len(pairs)]
        send(cursor, conversation_id, sender_id, order["text"])
        taken.append(time.perf_counter() - due)
        due += 1 / order["rate"]
    cpu = time.process_time() - cpu
    taken.sort()
    return {
        "done": len(taken),
        "p50_ms": 1e3 * taken[len(taken) // 2],
        "p99_ms": 1e3 * taken[len(taken) * 99 // 100],
        "caller_cpu_seconds": cpu,
    }


def main() -> None:
    connection = psycopg2.connect(sys.argv[1])
    # The statements open and end their transactions themselves.
    connection.autocommit = True
    with connection.cursor() as cursor:
        for line in sys.stdin:
            sys.stdout.write(json.dumps(run(cursor, json.loads(line))) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
