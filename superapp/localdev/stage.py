"""Databases and Redis for tests: a migrated template per set of migrations, and copies of it.

Copying takes a tenth of a second, migrating takes many. The template is built by ``setup_database``, as everywhere.
"""

import fcntl
import functools
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import redis

from superapp.localdev import database, places
from superapp.localdev.progress import Problem
from superapp.localdev.services import Services
from superapp.localdev.valkey import Valkey

# What the controller tells its xdist workers.
INSTANCE, DATABASE, OWNER, REDIS = (f"SUPERAPP_TEST_{name}" for name in ("INSTANCE", "DATABASE", "OWNER", "REDIS"))
# In a Redis that is not ours, only databases that were empty when we came, or that carry this key, are flushed.
REDIS_MARK = "superapp-tests-may-flush-this"
FIRST_FOREIGN_REDIS_DATABASE = 8


@dataclass(frozen=True)
class Addresses:
    """Where a process under test finds its database and Redis; ``instance`` says whose servers these are."""

    instance: str
    database_url: str
    database_owner_url: str
    redis_url: str

    @classmethod
    def of(cls, running: Services) -> Self:
        return cls(running.instance, running.database_url, running.database_owner_url, running.redis_url)

    @classmethod
    def of_environment(cls) -> Self:
        """What the plugin set for this pytest process."""
        return cls(
            os.environ[INSTANCE], *(os.environ[name] for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"))
        )

    def environment(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.database_url,
            "DATABASE_OWNER_URL": self.database_owner_url,
            "REDIS_URL": self.redis_url,
        }

    @property
    def database(self) -> str:
        return database.name_in(self.database_url)

    def with_database(self, name: str) -> Self:
        return replace(
            self,
            database_url=database.with_database(self.database_url, name),
            database_owner_url=database.with_database(self.database_owner_url, name),
        )

    def with_copy(self, name: str) -> Self:
        """The address that a copy of the template called ``name`` would have."""
        # PostgreSQL cuts longer names off by itself, and then does not find them.
        return self.with_database(f"{_prefix(self.instance)}{name}"[:63])


def announce(running: Services) -> Addresses:
    """Put the servers into the environment, which xdist's workers inherit; returns the controller's own addresses."""
    os.environ |= {INSTANCE: running.instance, DATABASE: running.database_url, OWNER: running.database_owner_url}
    os.environ[REDIS] = "" if running.valkey else running.redis_url
    addresses = Addresses.of(running).with_copy("main")
    return addresses if running.valkey else replace(addresses, redis_url=_foreign_redis(running.redis_url, 0))


def of_worker(name: str, *, cleanup: ExitStack) -> Addresses:
    """The addresses of the xdist worker ``name`` (gw0, gw1 …)."""
    instance, foreign = os.environ[INSTANCE], os.environ[REDIS]
    if foreign:
        redis_url = _foreign_redis(foreign, 1 + int(name.removeprefix("gw")))
    else:
        # Pub/sub knows no database numbers: workers that run side by side need servers of their own.
        valkey = Valkey(instance, name=f"valkey-{name}")
        valkey.start()
        cleanup.callback(valkey.stop)
        redis_url = valkey.url
    return Addresses(instance, os.environ[DATABASE], os.environ[OWNER], redis_url).with_copy(name)


def _foreign_redis(url: str, number: int) -> str:
    """A database of somebody else's Redis that has nothing in it. Raises ``Problem`` when it has."""
    number += FIRST_FOREIGN_REDIS_DATABASE
    base = url.partition("?")[0]
    own_url = f"{base}?db={number}" if url.startswith("unix://") else re.sub(r"(?<=[^/])/\d*$", "", base) + f"/{number}"
    client = redis.Redis.from_url(own_url)
    if client.dbsize() and not client.exists(REDIS_MARK):
        raise Problem(
            f"Database {number} of the Redis in REDIS_URL is not empty, and tests flush it.",
            cure="Give REDIS_URL a Redis for tests, or unset it to use the built-in one.",
        )
    client.set(REDIS_MARK, "1")
    client.close()
    return own_url


def flush(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        marked = client.exists(REDIS_MARK)
        client.flushdb()
        if marked:
            client.set(REDIS_MARK, "1")


# --- Databases --------------------------------------------------------------------------------------------------------


@contextmanager
def copied_database(addresses: Addresses) -> Iterator[None]:
    """The database that ``addresses`` name, a fresh copy of the template; dropped at the end, whoever is connected."""
    owner_url, name = addresses.database_owner_url, addresses.database
    database.drop(owner_url, name)
    database.clone(owner_url, template=_template(addresses), name=name)
    try:
        yield
    finally:
        database.drop(owner_url, name)


def drop_leftovers(addresses: Addresses) -> None:
    """Databases of runs that were killed, and templates of migrations that are no more. The caller has the instance."""
    current = _template_name(addresses.instance)
    for name in database.names(addresses.database_owner_url, prefix=_prefix(addresses.instance)):
        if name != current:
            database.drop(addresses.database_owner_url, name)


def _template(addresses: Addresses) -> str:
    """Built by whoever needs it first, while the others wait."""
    owner_url, name = addresses.database_owner_url, _template_name(addresses.instance)
    with (places.inside(addresses.instance) / "template.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if name not in database.names(owner_url, prefix=name):
            draft = addresses.with_database(f"{name}_draft")
            database.drop(owner_url, draft.database)
            _migrate(draft)
            database.rename(owner_url, old=draft.database, new=name)
    return name


def _migrate(addresses: Addresses) -> None:
    result = subprocess.run(
        [sys.executable, "manage.py", "setup_database", "--verbosity", "0"],
        cwd=places.CLONE,
        env=os.environ | addresses.environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if result.returncode:
        raise Problem(
            f"The test database could not be migrated:\n{result.stdout.strip()}",
            cure="Mend that and run the tests again.",
        )


def _template_name(owner: str) -> str:
    return f"{_prefix(owner)}template_{_schema_hash()}"


@functools.cache
def _schema_hash() -> str:
    """Changes with everything that the template is made from."""
    rooms = [path for path in places.CLONE.iterdir() if path.is_dir() and not path.name.startswith(".")]
    folders = [folder for room in rooms for name in ("migrations", "sql") for folder in room.rglob(name)]
    files = [file for folder in folders for file in folder.iterdir() if file.suffix in {".py", ".sql"}]
    digest = hashlib.sha256()
    for file in sorted({*files, places.CLONE / "requirements.txt", Path(database.__file__)}):
        digest.update(str(file.relative_to(places.CLONE)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _prefix(owner: str) -> str:
    """Of every database of one instance of one clone, on a server that may serve others as well."""
    clone = hashlib.sha256(str(places.CLONE).encode()).hexdigest()[:6]
    return f"superapp_{clone}_{owner.replace('-', '_')}__"


def environment_without_servers(environment: Mapping[str, str]) -> dict[str, str]:
    """For a process that is to start servers of its own, as `make run` does."""
    ours = {"DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "SECRET_KEY", "DJANGO_SETTINGS_MODULE", "MAKELEVEL"}
    return {name: value for name, value in environment.items() if name not in ours}
