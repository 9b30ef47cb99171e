"""What a phone waits for after a long time away: fifty thousand rows that it missed, in three hundred conversations."""

import statistics
from datetime import datetime, timedelta

import psutil
from django.db import connection

from messaging.models import Conversation, Membership
from superapp.accounts import services as accounts
from superapp.bench import load
from superapp.bench.chat.people import crowd_of
from superapp.bench.chat.sides import gateway
from superapp.bench.frame import Report, Scale
from superapp.bench.stand import Stand
from superapp.core.ids import new_id
from superapp.localdev.progress import step
from superapp.realtime import selectors as realtime

CONVERSATIONS = 300
ROWS = 50_000
REQUESTS = 30


def run(stand: Stand, report: Report, scale: Scale) -> None:
    """``sync_ms``: from the request to the last byte of the first page, one at a time. ``sync_growth_mib``: by how much
    the process that answers has grown after answering many times."""
    conversations = scale.of(CONVERSATIONS, least=3)
    with step("sync", f"{ROWS:,} missed rows in {CONVERSATIONS} conversations: the first page"):
        person, since = away(conversations, rows_each=max(1, scale.of(ROWS, least=30) // conversations))
        session = accounts.start_session(user_id=person, device_name="bench", platform="terminal")
        request = load.request(
            "GET",
            f"/api/v1/sync/?cursor={realtime.sync_cursor(since)}",
            headers={"Authorization": f"Bearer {session.access.text}"},
        )
        with gateway(stand) as (child, port):
            ask(port, request, count=5)
            before = psutil.Process(child.pid).memory_info().rss
            found = [ask(port, request, count=scale.of(REQUESTS, least=3)) for _ in range(scale.rounds)]
            grown = psutil.Process(child.pid).memory_info().rss - before
    for number, seen in enumerate(found, 1):
        if seen.errors:
            report.void.append(f"sync, run {number}: {seen.error_body}")
    report.figure("sync_ms", statistics.median(seen.p50_ms for seen in found))
    report.figure("sync_p99_ms", statistics.median(seen.p99_ms for seen in found))
    report.figure("sync_growth_mib", round(grown / 2**20, 1))


def ask(port: int, request: str, *, count: int) -> load.Seen:
    return load.Client(load.Plan(port, [request], 200, count, connections=1)).go()


def away(conversations: int, *, rows_each: int) -> tuple[int, datetime]:
    """Somebody who has read one row of each of their groups and missed the rest, and the moment before they did."""
    person, other = crowd_of(2)
    ids = [new_id() for _ in range(conversations)]
    last = rows_each + 1
    since = realtime.database_time() - timedelta(days=1)
    Conversation.objects.bulk_create(
        Conversation(
            id=conversation_id,
            kind=Conversation.Kind.GROUP,
            title="Missed",
            member_count=2,
            last_seq=last,
            last_message_no=last,
            last_shown_seq=last,
        )
        for conversation_id in ids
    )
    Membership.objects.bulk_create(
        Membership(conversation_id=conversation_id, user_id=user_id, read_seq=1, read_message_no=1)
        for conversation_id in ids
        for user_id in (person, other)
    )
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO messaging_message
                (conversation_id, seq, message_no, sender_id, client_id, request_hash, kind, body, created_at)
            SELECT conversation_id, seq, seq, %s, gen_random_uuid(), sha256(''), 'text',
                jsonb_build_object('text', repeat('x', 120)), now()
            FROM unnest(%s::bigint[]) AS conversation_id, generate_series(1, %s) AS seq
            """,
            [other, ids, last],
        )
        cursor.execute("ANALYZE messaging_conversation, messaging_membership, messaging_message")
    return person, since
