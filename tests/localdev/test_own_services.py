"""Servers of a module's own: they may be stopped and killed, and Django in this process comes back to them."""

import pytest
import redis
from django.conf import settings
from django.db import DatabaseError, connection

from superapp.core.models import Lease
from tests.conftest import OwnServices


def answer() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return int(cursor.fetchone()[0])


def test_postgres_restarted_at_once_breaks_connections_and_recovers(own_services: OwnServices) -> None:
    assert answer() == 1
    before = own_services.servers.postgres_pid
    own_services.servers.restart_postgres(immediate=True)
    with pytest.raises(DatabaseError):
        answer()
    connection.close()
    assert answer() == 1
    assert own_services.servers.postgres_pid != before
    assert not Lease.objects.filter(name="nothing").exists()


def test_redis_killed_and_started_keeps_what_it_synced(own_services: OwnServices) -> None:
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.set("kept", "yes")
    # The append-only file is written before the answer and synced every second; a killed process loses nothing of it.
    assert own_services.servers.ended() is None
    own_services.servers.stop_redis()
    name, log = own_services.servers.ended() or ("", "")
    assert (name, log.endswith("valkey/log")) == ("Valkey", True)
    with pytest.raises(redis.ConnectionError):
        client.get("kept")
    own_services.servers.start_redis()
    assert client.get("kept") == b"yes"
