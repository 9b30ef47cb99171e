"""Everything through pgbouncer in transaction mode, with fewer sessions than there are callers.

Each transaction gets whichever session is free, so a setting, a lock or a cursor that outlives its transaction meets
somebody else's. Where there is no pgbouncer this is left out, and the run says so.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.test import Client

from superapp.accounts import services as accounts
from superapp.core import leases, outbox
from superapp.core.leases import LeaseLost
from superapp.core.models import OutboxEvent
from superapp.localdev import pooler as localdev
from superapp.localdev.pooler import Pooler
from superapp.localdev.pytest_plugin import left_out
from superapp.localdev.stage import Addresses
from tests.accounts.people import PASSWORD
from tests.conftest import pointed_at
from tests.core.waiting import until
from tests.flows.talkers import all_level, check_nothing_lost_or_doubled, talking
from tests.messaging.threads import at_once
from tests.processes import Loops, Worker
from tests.realtime.people import friends, group, people, say
from tests.realtime.sockets import NO_LIMITS, gateway

SESSIONS = 4


@pytest.fixture(scope="module")
def pooled(committed_db: Addresses) -> Iterator[Addresses]:
    if localdev.installed_program() is None:
        left_out("pgbouncer in transaction mode", "there is no pgbouncer; Debian: apt install pgbouncer")
    pooler = Pooler(committed_db.instance, [committed_db.database_url], sessions=SESSIONS, name="pgbouncer-of-tests")
    pooler.start()
    addresses = replace(committed_db, database_url=pooler.url(committed_db.database_url))
    try:
        with pointed_at(addresses):
            yield addresses
    finally:
        pooler.stop()


@pytest.fixture(autouse=True)
def _no_limits(settings: Any) -> None:
    settings.LIMITS_OVERRIDES = NO_LIMITS


def shown(setting: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {setting}")
        (value,) = cursor.fetchone()
    return str(value)


# --- Sessions ---------------------------------------------------------------------------------------------------------


def test_transactions_do_share_sessions(pooled: Addresses) -> None:
    """Or nothing here would be tested."""

    def backend() -> int:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid(), pg_sleep(0.01)")
            return int(cursor.fetchone()[0])

    backends = set(at_once([backend] * 3 * SESSIONS))
    assert 1 <= len(backends) <= SESSIONS


def test_limits_of_the_role_hold(pooled: Addresses) -> None:
    assert (shown("statement_timeout"), shown("lock_timeout")) == ("5s", "2s")
    assert shown("idle_in_transaction_session_timeout") == "30s"
    with pytest.raises(OperationalError, match="statement timeout"), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(7)")
    assert shown("statement_timeout") == "5s"


def test_waiting_for_a_lock_ends_after_two_seconds(pooled: Addresses) -> None:
    one, _other, conversation_id = friends()
    lock = "SELECT 1 FROM messaging_conversation WHERE id = %s FOR UPDATE"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(lock, [conversation_id])
        (failure,) = at_once([lambda: say(one, conversation_id)])
    assert isinstance(failure, OperationalError)
    assert "lock timeout" in str(failure)
    assert say(one, conversation_id) == 2


def test_settings_of_one_transaction_do_not_reach_another(pooled: Addresses) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '1s'")
    assert set(at_once([lambda: shown("statement_timeout")] * 3 * SESSIONS)) == {"5s"}
    answer = Client().get("/metrics")
    assert b'superapp_metrics_failed{part="outbox"} 0.0' in answer.content
    assert set(at_once([lambda: shown("statement_timeout")] * 3 * SESSIONS)) == {"5s"}


# --- Rooms ------------------------------------------------------------------------------------------------------------


def test_people_sign_in_rotate_and_are_signed_out(pooled: Addresses) -> None:
    accounts.create_user(phone=None, display_name="Ada", handle="ada_pooled", password=PASSWORD)
    body = {"identifier": "ada_pooled", "password": PASSWORD, "device": {"name": "x", "platform": "web"}}
    client = Client()
    session = client.post("/api/v1/auth/sign-in/password/", body, "application/json").json()
    tokens = {"refresh_token": session["refresh_token"]}
    # Eight at once: one wins, whatever session each of them got.
    answers = at_once([lambda: Client().post("/api/v1/auth/refresh/", tokens, "application/json").status_code] * 8)
    assert sorted(answers).count(200) == 1
    assert set(answers) == {200, 401}


def test_messages_of_many_writers_are_numbered_without_holes(pooled: Addresses) -> None:
    members = people(6)
    conversation_id = group(*members)
    sent = at_once([lambda who=who: [say(who, conversation_id) for _ in range(5)] for who in members])
    seqs = sorted(seq for seqs in sent for seq in seqs)
    assert seqs == list(range(seqs[0], seqs[0] + 30))


def test_stale_lease_is_refused(pooled: Addresses) -> None:
    first = leases.claim(name="pooled", shard="0", ttl=timedelta(milliseconds=1), owner="first")
    assert first is not None
    until(lambda: leases.claim(name="pooled", shard="0", ttl=timedelta(minutes=1), owner="second") is not None)
    with pytest.raises(LeaseLost), transaction.atomic():
        first.guard()


def test_relay_delivers_in_order_and_parks(pooled: Addresses, settings: Any) -> None:
    settings.OUTBOX_SHARDS = 1
    OutboxEvent.objects.all().delete()
    delivered: list[int] = []
    outbox.register_handler("tests.pooled", lambda event: delivered.append(event["number"]))
    with transaction.atomic():
        for number in range(20):
            outbox.add(handlers=["tests.pooled"], key="one", event={"number": number})
    lease = leases.claim(name="outbox", shard="0", ttl=timedelta(minutes=1), owner="relay")
    assert lease is not None
    assert outbox.relay(lease) == 20
    assert delivered == list(range(20))


def test_demo_city_can_be_seeded(pooled: Addresses) -> None:
    call_command("seed", verbosity=0)


def test_set_up_and_migrations_go_past_it(pooled: Addresses) -> None:
    """The owner's URL leads to the server itself; the application's is only tried."""
    command = [sys.executable, "manage.py", "setup_database", "--verbosity", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


# --- Processes --------------------------------------------------------------------------------------------------------


@pytest.mark.long
async def test_processes_talk_relay_and_work_through_it(pooled: Addresses) -> None:
    one, other, conversation_id = await asyncio.to_thread(friends)
    with gateway(pooled, LIMITS_OVERRIDES=NO_LIMITS) as server, Loops(pooled), Worker(pooled):
        where = [(device, server.url, [str(conversation_id)]) for device in (one, other)]
        async with talking(where) as talkers:
            for talker in talkers:
                talker.say(20)
            await all_level(talkers)
            await check_nothing_lost_or_doubled(talkers)
        said = server.last_lines(1_000_000)
    for failure in ("Traceback", "code=500", "prepared statement"):
        assert failure not in said, said[-3000:]
