"""A module's own database: transactions commit, and other threads and processes see them."""

import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime

import psycopg2
import pytest
from django.db import connection, connections

from superapp import celery_app
from superapp.core.models import Lease
from superapp.localdev import processes as localdev
from superapp.localdev.stage import Addresses
from tests.processes import Gateway, Loops, Worker

pytestmark = pytest.mark.usefixtures("committed_db")


def make(shard: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_lease (name, shard, owner, token, lease_until) VALUES ('frame', %s, 'me', 1, %s)",
            [shard, datetime(2026, 1, 1, tzinfo=UTC)],
        )


def test_commits_are_seen_by_threads_and_by_other_connections(committed_db: Addresses) -> None:
    make("main")

    def in_thread() -> None:
        make("thread")
        connections.close_all()

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    assert set(Lease.objects.filter(name="frame").values_list("shard", flat=True)) == {"main", "thread"}
    with psycopg2.connect(committed_db.database_url) as other, other.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM core_lease WHERE name = 'frame'")
        assert cursor.fetchone() == (2,)


def test_what_an_earlier_test_committed_is_still_there() -> None:
    assert Lease.objects.filter(name="frame").count() == 2


def test_real_process_works_on_the_same_database_and_can_be_killed(committed_db: Addresses) -> None:
    with Loops(committed_db, settings={"LOG_LEVEL": "DEBUG"}) as loops:
        first = loops.pid
        assert Lease.objects.filter(owner__contains=f":{first}:").exists()
        loops.kill()
        assert not loops.alive()
        loops.restart()
        assert loops.pid != first


def test_gateway_is_killed_and_comes_back_on_the_same_port(committed_db: Addresses) -> None:
    with Gateway(committed_db, settings={"SPECTACULAR_SETTINGS": {"TITLE": "Changed"}}) as gateway:
        url, first = gateway.url, gateway.pid
        with urllib.request.urlopen(f"{url}/api/schema/", timeout=10) as schema:
            assert b'"title":"Changed"' in schema.read()
        gateway.kill()
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(f"{url}/healthz", timeout=10)
        gateway.restart()
        assert (gateway.url, gateway.pid != first) == (url, True)
        assert urllib.request.urlopen(f"{url}/healthz", timeout=10).status == 200


def test_worker_takes_its_tasks_from_this_modules_redis(committed_db: Addresses) -> None:
    with Worker(committed_db) as worker:
        assert worker.alive()
        celery_app.send_task("no.such.task", queue="default")
        assert localdev.wait_until(lambda: "no.such.task" in worker.last_lines(), seconds=10)


def test_process_that_cannot_start_shows_what_it_said(committed_db: Addresses) -> None:
    with pytest.raises(AssertionError, match=r"loops did not start:(.|\n)*No module named 'nowhere'"):
        Loops(committed_db, environment={"DJANGO_SETTINGS_MODULE": "nowhere"}).start()
