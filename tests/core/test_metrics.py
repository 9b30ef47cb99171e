"""What Prometheus reads: the right figures, for nobody but whoever may have them, at a bounded price."""

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from superapp.core import leases, loops, metrics
from superapp.core.models import Lease, OutboxEvent
from superapp.localdev import database
from superapp.localdev.stage import Addresses
from superapp.media.models import Asset
from tests.realtime.people import person
from tests.realtime.sockets import entered, gateway

Figures = dict[tuple[str, ...], float]


def scrape(client: Client | None = None) -> Figures:
    """By name and the values of labels."""
    answer = (client or Client()).get("/metrics")
    assert answer.status_code == 200
    return parsed(answer.content.decode())


def parsed(text: str) -> Figures:
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


@pytest.fixture(autouse=True)
def _empty(committed_db: Addresses) -> Iterator[None]:
    yield
    OutboxEvent.objects.all().delete()
    Lease.objects.all().delete()


def row(key: str, *, attempts: int = 0, due_in: float = 0, shard: int = 0) -> None:
    due_at = timezone.now() + timedelta(seconds=due_in)
    OutboxEvent.objects.create(handler="some.handler", key=key, shard=shard, event={}, attempts=attempts, due_at=due_at)


# --- Figures ----------------------------------------------------------------------------------------------------------


def test_outbox_tells_what_waits_for_whom() -> None:
    row("broken", attempts=10, due_in=-500)
    row("broken", due_in=-400)
    row("slow", attempts=3, due_in=60, shard=1)
    row("fresh", due_in=-30, shard=2)
    OutboxEvent.objects.filter(key="slow").update(created_at=timezone.now() - timedelta(seconds=300))
    figures = scrape()
    assert [figures["superapp_outbox_rows", state] for state in ("pending", "parked", "blocked")] == [2, 1, 1]
    assert 300 <= figures["superapp_outbox_oldest_seconds", "pending"] < 400
    # Neither what waits for its next attempt nor what waits for a person is late.
    assert 30 <= figures["superapp_outbox_lag_seconds",] < 130


def test_delivered_rows_do_not_count() -> None:
    row("done", due_in=-100)
    OutboxEvent.objects.update(done_at=timezone.now())
    figures = scrape()
    assert figures["superapp_outbox_rows", "pending"] == 0
    assert figures["superapp_outbox_lag_seconds",] == 0


def test_long_queue_costs_no_more_than_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "OUTBOX_ROWS", 3)
    for number in range(5):
        row(f"key-{number}")
    assert scrape()["superapp_outbox_rows", "pending"] == 3


def test_loop_that_nobody_runs_is_seen(settings: Settings) -> None:
    assert "outbox" in loops.registered()
    assert scrape()["superapp_loop_shards_unheld", "outbox"] == settings.OUTBOX_SHARDS
    for shard in range(settings.OUTBOX_SHARDS):
        leases.claim(name="outbox", shard=str(shard), ttl=timedelta(minutes=1))
    assert scrape()["superapp_loop_shards_unheld", "outbox"] == 0
    Lease.objects.filter(shard="0").update(lease_until=timezone.now() - timedelta(seconds=1))
    assert scrape()["superapp_loop_shards_unheld", "outbox"] == 1


def test_media_that_no_worker_takes_is_seen() -> None:
    assert scrape()["superapp_work_overdue", "media.processing"] == 0
    overdue = Asset(id=1, owner_id=1, client_id="0" * 32, request_hash=b"", purpose="avatar", kind="photo")
    overdue.storage_key, overdue.content_type, overdue.size_bytes, overdue.width, overdue.height = "x", "x", 1, 1, 1
    overdue.due_at = timezone.now() - timedelta(minutes=2)
    overdue.save(force_insert=True)
    assert scrape()["superapp_work_overdue", "media.processing"] == 1
    overdue.delete()


def test_servers_and_connections_are_counted() -> None:
    figures = scrape()
    assert figures["superapp_database_up",] == figures["superapp_redis_up",] == 1
    assert figures["superapp_database_connections", "active"] >= 1
    assert figures["superapp_database_connections_max",] >= 10
    assert figures["superapp_queue_tasks", "media"] == 0
    assert not [name for name, *_ in figures if name == "superapp_sockets"], "this process serves no sockets"


def test_answers_are_counted_by_status() -> None:
    before = scrape()
    Client().get("/nowhere")
    after = scrape()
    assert after["superapp_requests_total", "404"] == before.get(("superapp_requests_total", "404"), 0) + 1


async def test_gateway_counts_its_sockets(committed_db: Addresses) -> None:
    with gateway(committed_db) as server:
        async with httpx.AsyncClient() as http:
            one = await asyncio.to_thread(person)
            async with entered(server, one):
                text = (await http.get(f"{server.url}/metrics")).text
                assert parsed(text)["superapp_sockets",] == 1


# --- Failures ---------------------------------------------------------------------------------------------------------


def test_table_that_does_not_answer_costs_a_second_and_only_its_own_figures(committed_db: Addresses) -> None:
    with database.connected(committed_db.database_owner_url) as owner, owner.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE core_outbox IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        figures = scrape()
        assert time.monotonic() - began < 15
        cursor.execute("ROLLBACK")
    assert figures["superapp_metrics_failed", "outbox"] == 1
    assert figures["superapp_metrics_failed", "loops"] == 0
    assert figures["superapp_database_up",] == 1
    assert ("superapp_outbox_rows", "pending") not in figures
    assert scrape()["superapp_metrics_failed", "outbox"] == 0


def test_limit_of_a_scrape_ends_with_it() -> None:
    scrape()
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("5s",)


# --- Who may ask ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", ""])
def test_without_a_token_the_machine_itself_may_ask(address: str) -> None:
    scrape(Client(REMOTE_ADDR=address))


@pytest.mark.parametrize(
    "asks",
    [
        {"REMOTE_ADDR": "192.0.2.7"},
        {"REMOTE_ADDR": "10.0.0.1"},
        # A proxy on the same machine asks for somebody else.
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_FORWARDED": "for=127.0.0.1"},
        {"HTTP_X_REAL_IP": "127.0.0.1"},
        {"REMOTE_ADDR": "192.0.2.7", "HTTP_X_REAL_IP": "127.0.0.1", "HTTP_AUTHORIZATION": "Bearer "},
    ],
)
def test_nobody_else_learns_that_there_is_anything(asks: dict[str, Any], settings: Settings) -> None:
    settings.CLIENT_ADDRESS_HEADER = "X-Real-IP"
    refused, absent = Client(**asks).get("/metrics"), Client(**asks).get("/nowhere")
    assert refused.status_code == absent.status_code == 404
    assert refused.content == absent.content


def test_token_is_asked_of_everybody_once_it_is_set(settings: Settings) -> None:
    settings.METRICS_TOKEN = "a-long-secret"
    assert Client().get("/metrics").status_code == 404
    for wrong in ("Bearer a-long-secre", "Bearer ", "a-long-secret", "Basic a-long-secret", "Bearer é"):
        assert Client(HTTP_AUTHORIZATION=wrong).get("/metrics").status_code == 404
    scrape(Client(HTTP_AUTHORIZATION="Bearer a-long-secret", REMOTE_ADDR="192.0.2.7"))
