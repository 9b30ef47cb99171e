"""PostgreSQL and Redis for `make run` and for tests: servers of yours if the environment names them, else our own.

Needs no Django, so that it can run before there are settings.
"""

import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import redis

from superapp.localdev import places
from superapp.localdev.postgres import Postgres
from superapp.localdev.progress import Problem, step
from superapp.localdev.valkey import Valkey

DATABASE = "superapp"
REDIS_ATTEMPTS = 5


@dataclass
class Services:
    """Addresses, and the servers behind them as far as they are ours (``None``: somebody else's)."""

    instance: str
    database_url: str = field(repr=False)
    database_owner_url: str = field(repr=False)
    redis_url: str
    secret_key: str = field(repr=False)
    postgres: Postgres | None = None
    valkey: Valkey | None = None

    @property
    def postgres_pid(self) -> int:
        return self._own_postgres().pid

    @property
    def redis_pid(self) -> int:
        return self._own_valkey().pid

    def environment(self) -> dict[str, str]:
        """What settings read of it."""
        return {
            "SECRET_KEY": self.secret_key,
            "DATABASE_URL": self.database_url,
            "DATABASE_OWNER_URL": self.database_owner_url,
            "REDIS_URL": self.redis_url,
        }

    def ended(self) -> tuple[str, str] | None:
        """The name and the log of a server of ours that is not there any more."""
        if self.postgres is not None and not self.postgres.alive():
            return "PostgreSQL", places.shown(self.postgres.log)
        if self.valkey is not None and not self.valkey.alive():
            return "Valkey", places.shown(self.valkey.log)
        return None

    def stop(self) -> None:
        """Redis first: what it still writes is small, and nothing waits for it."""
        if self.valkey is not None:
            self.valkey.stop()
        if self.postgres is not None:
            self.postgres.stop()

    def kill(self) -> None:
        """SIGKILL to both, as if the machine had taken them."""
        self._own_valkey().kill()
        self._own_postgres().kill()

    def restart_postgres(self, *, immediate: bool = True) -> None:
        self._own_postgres().restart(immediate=immediate)

    def stop_redis(self) -> None:
        """SIGKILL: what the append-only file has not got by then is lost."""
        self._own_valkey().kill()

    def start_redis(self) -> None:
        self._own_valkey().start()

    def _own_postgres(self) -> Postgres:
        assert self.postgres is not None, "this PostgreSQL was given by DATABASE_URL; it is not ours to stop"
        return self.postgres

    def _own_valkey(self) -> Valkey:
        assert self.valkey is not None, "this Redis was given by REDIS_URL; it is not ours to stop"
        return self.valkey


def start(instance: str, *, environment: Mapping[str, str] = os.environ, quiet: bool = False) -> Services:
    """Start what the environment does not name. The caller holds the instance's claim. Raises ``Problem``."""
    given_database, given_owner = _given_database(environment)
    given_redis = environment.get("REDIS_URL", "")
    if given_redis:
        _check_redis(given_redis)
    postgres = None if given_database else _start_postgres(instance, quiet=quiet)
    try:
        valkey = None if given_redis else _start_valkey(instance, postgres, quiet=quiet)
    except BaseException:
        if postgres is not None:
            postgres.stop()
        raise
    return Services(
        instance=instance,
        database_url=postgres.url("superapp_app", DATABASE) if postgres else given_database,
        database_owner_url=postgres.url("superapp_owner", DATABASE) if postgres else given_owner,
        redis_url=valkey.url if valkey else given_redis,
        secret_key=environment.get("SECRET_KEY") or places.remembered_secrets(instance)["secret_key"],
        postgres=postgres,
        valkey=valkey,
    )


def _given_database(environment: Mapping[str, str]) -> tuple[str, str]:
    database, owner = environment.get("DATABASE_URL", ""), environment.get("DATABASE_OWNER_URL", "")
    if bool(database) == bool(owner):
        return database, owner
    given, missing, role = (
        ("DATABASE_URL", "DATABASE_OWNER_URL", "the role that owns the schema and may create roles and databases")
        if database
        else ("DATABASE_OWNER_URL", "DATABASE_URL", "the role that the application works as, which owns nothing")
    )
    raise Problem(
        f"{given} is set, but {missing} is not.",
        cure=f"Set {missing} to the same database as {role}, or unset {given} to use the built-in PostgreSQL.",
    )


def _check_redis(url: str) -> None:
    """It may be starting at this moment, beside us; Postgres is asked by the first step that needs it."""
    try:
        client = redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)
    except ValueError as error:
        raise Problem(f"REDIS_URL is no address of a Redis: {error}.", cure="Write redis://host:6379/0.") from None
    host = urlsplit(url).hostname or url
    with client:
        for attempt in range(REDIS_ATTEMPTS):
            try:
                client.ping()
                return
            except (redis.AuthenticationError, redis.ResponseError) as error:
                raise Problem(f"The Redis of REDIS_URL ({host}) refuses us: {error}", cure="Correct it.") from None
            except (redis.ConnectionError, redis.TimeoutError) as error:
                reason = str(error)
            if attempt + 1 < REDIS_ATTEMPTS:
                time.sleep(1)
    raise Problem(
        f"No Redis answers at REDIS_URL ({host}): {reason}",
        cure="Start it, correct the address, or unset REDIS_URL to use the built-in one.",
    )


def _start_postgres(instance: str, *, quiet: bool) -> Postgres:
    postgres = Postgres(instance)
    with _shown("database", f"embedded PostgreSQL {postgres.version()} in {places.shown(postgres.data)}", quiet):
        postgres.start()
    return postgres


def _start_valkey(instance: str, postgres: Postgres | None, *, quiet: bool) -> Valkey:
    # A directory that belongs to Postgres' user stays that user's.
    valkey = Valkey(instance, directory=postgres.sockets if postgres else None)
    with _shown("redis", f"embedded Valkey in {places.shown(valkey.data)}", quiet):
        valkey.start()
    return valkey


def _shown(name: str, text: str, quiet: bool) -> AbstractContextManager[None]:
    return nullcontext() if quiet else step(name, text)
