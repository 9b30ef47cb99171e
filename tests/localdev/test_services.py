"""Servers start, stop, and start again after anything that can happen to a machine."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import psycopg2
import pytest
import redis

from superapp.localdev import database, places, processes, services
from superapp.localdev.places import Busy, Claim
from superapp.localdev.progress import Problem
from superapp.localdev.services import Services

NAME = f"test-services-{os.getpid()}"


@pytest.fixture(scope="module")
def instance() -> Iterator[str]:
    with Claim(NAME):
        yield NAME
        places.delete(NAME)


@pytest.fixture
def running(instance: str) -> Iterator[Services]:
    servers = start(instance)
    yield servers
    servers.stop()


def start(instance: str) -> Services:
    return services.start(instance, environment={}, quiet=True)


def pids(servers: Services) -> tuple[int, int]:
    return servers.postgres_pid, servers.redis_pid


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def remember(servers: Services, name: str) -> None:
    """Something that is committed in both: a database of this name, and a key."""
    database.drop(servers.database_owner_url, name)
    database.clone(servers.database_owner_url, template="template0", name=name)
    redis.Redis.from_url(servers.redis_url).set(name, "kept")


def remembers(servers: Services, name: str) -> bool:
    in_postgres = name in database.names(servers.database_owner_url, prefix=name)
    return in_postgres and redis.Redis.from_url(servers.redis_url).get(name) == b"kept"


def test_servers_listen_on_unix_sockets_only_and_owner_is_no_superuser(running: Services) -> None:
    assert redis.Redis.from_url(running.redis_url).config_get("port", "appendonly", "appendfsync") == {
        "port": "0",
        "appendonly": "yes",
        "appendfsync": "everysec",
    }
    for pid in pids(running):
        assert psutil.Process(pid).net_connections(kind="inet") == []
    with database.maintenance(running.database_owner_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('listen_addresses'), rolsuper, rolcreatedb, rolcreaterole"
            " FROM pg_roles WHERE rolname = current_user"
        )
        assert cursor.fetchone() == ("", False, True, True)


def test_wrong_password_is_refused(running: Services) -> None:
    wrong = running.database_owner_url.replace("superapp_owner:", "superapp_owner:not-")
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(database.with_database(wrong, "postgres"))


def test_data_is_kept_over_stop_and_start(instance: str) -> None:
    first = start(instance)
    remember(first, "stopped")
    were = pids(first)
    first.stop()
    assert all(map(gone, were))
    second = start(instance)
    assert remembers(second, "stopped")
    second.stop()


def test_data_is_kept_over_kill_and_start(instance: str) -> None:
    first = start(instance)
    remember(first, "killed")
    first.kill()
    second = start(instance)
    assert remembers(second, "killed")
    second.stop()


@pytest.mark.parametrize("with_leashes", [False, True])
def test_start_deals_with_servers_whose_owner_was_killed(instance: str, with_leashes: bool) -> None:
    """Without their leashes nobody stops the servers; the next start has to do it by itself."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, instance], stdout=subprocess.PIPE, text=True, cwd=places.CLONE
    )
    left = list(map(int, owner.stdout.readline().split()))
    leashes = [psutil.Process(pid).ppid() for pid in left]
    owner.send_signal(signal.SIGKILL)
    if with_leashes:
        for pid in leashes:
            os.kill(pid, signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    servers = start(instance)
    assert processes.wait_until(lambda: all(map(gone, left)), seconds=1)
    assert remembers(servers, "by_owner")
    servers.stop()


def test_pid_file_that_names_somebody_elses_process_is_no_obstacle(instance: str) -> None:
    first = start(instance)
    data, sockets = first.postgres.data, first.postgres.sockets
    first.stop()
    # As after a reboot: the number belongs to somebody else by now, in this case to us.
    stale = f"{os.getpid()}\n{data}\n1\n5432\n{sockets}\n\n  1 1\nready   \n"
    (data / "postmaster.pid").write_text(stale)
    (sockets / ".s.PGSQL.5432.lock").write_text(stale)
    second = start(instance)
    assert second.postgres_pid != os.getpid()
    second.stop()


def test_only_one_claim_at_a_time_and_it_ends_with_the_process(instance: str) -> None:
    with pytest.raises(Busy) as refused:
        Claim(instance)
    assert refused.value.holder == {"pid": str(os.getpid())}
    other = f"{instance}-claim"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, other], stdout=subprocess.PIPE, cwd=places.CLONE)
    holder.stdout.readline()
    with pytest.raises(Busy):
        Claim(other)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    Claim(other).release()
    places.delete(other)


@pytest.mark.parametrize(
    ("given", "missing"), [("DATABASE_URL", "DATABASE_OWNER_URL"), ("DATABASE_OWNER_URL", "DATABASE_URL")]
)
def test_half_of_the_addresses_is_refused_with_a_cure(instance: str, given: str, missing: str) -> None:
    with pytest.raises(Problem) as refused:
        services.start(instance, environment={given: "postgresql://role@host/name"}, quiet=True)
    assert refused.value.what == f"{given} is set, but {missing} is not."
    assert missing in refused.value.cure


def test_given_addresses_are_used_and_nothing_is_started(instance: str) -> None:
    given = {
        "DATABASE_URL": "postgresql://app@host/name",
        "DATABASE_OWNER_URL": "postgresql://owner@host/name",
        "REDIS_URL": os.environ["REDIS_URL"],
    }
    servers = services.start(instance, environment=given, quiet=True)
    assert (servers.database_url, servers.database_owner_url, servers.redis_url) == tuple(given.values())
    assert servers.postgres is servers.valkey is None
    with pytest.raises(AssertionError, match="not ours to stop"):
        servers.restart_postgres()


def test_a_redis_that_is_not_there_is_told_before_anything_starts(
    instance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "REDIS_ATTEMPTS", 1)
    with pytest.raises(Problem, match=r"No Redis answers at REDIS_URL \(127\.0\.0\.1\)"):
        services.start(instance, environment={"REDIS_URL": f"redis://127.0.0.1:{processes.free_port()}/0"}, quiet=True)


@pytest.mark.parametrize("url", ["localhost:6379", "http://localhost", "redis://localhost:port"])
def test_redis_url_that_is_none_is_said_to_be(url: str) -> None:
    with pytest.raises(Problem, match="REDIS_URL"):
        services._check_redis(url)


# A process that holds a claim and is about to be killed.
HOLDER = """
import sys, time
from superapp.localdev.places import Claim
claim = Claim(sys.argv[1])
print(flush=True)
time.sleep(60)
"""
# A process that owns servers and is about to be killed.
OWNER = """
import sys, time
from superapp.localdev import database, services
import redis
servers = services.start(sys.argv[1], environment={}, quiet=True)
database.drop(servers.database_owner_url, "by_owner")
database.clone(servers.database_owner_url, template="template0", name="by_owner")
redis.Redis.from_url(servers.redis_url).set("by_owner", "kept")
print(servers.postgres_pid, servers.redis_pid, flush=True)
time.sleep(60)
"""
