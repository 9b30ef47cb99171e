"""What every test finds: a database that rolls back, or one of its own that commits, an empty Redis, real processes.

- ``django_db`` (mark) rolls back. What ``on_commit`` holds back runs when the outermost block of the code under test
  ends, as it would in production.
- ``committed_db`` gives a module a fresh database in which transactions really commit: for threads and processes.
- ``own_services`` gives a module servers of its own, which it may stop and kill.
"""

import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from django.db import connections

from superapp import celery_app
from superapp.core import ids
from superapp.core.redis import reset_clients
from superapp.localdev import commits, services, stage
from superapp.localdev.progress import Problem
from superapp.localdev.pytest_plugin import claim_first_free
from superapp.localdev.services import Services
from superapp.localdev.stage import Addresses
from superapp.settings import environment as env
from tests import contract, processes
from tests.realtime import pushes

# Read now: later a module's own servers may stand in the environment.
HOME = Addresses.of_environment()
OWN_DATABASE = {"committed_db", "own_services"}


# --- Databases --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def home() -> Addresses:
    """The database and Redis of this pytest process."""
    return HOME


@pytest.fixture(scope="session")
def django_db_setup(home: Addresses) -> Iterator[None]:
    """Instead of pytest-django's: the database is a copy of a template, and the application's role is not its owner."""
    with stage.copied_database(home):
        yield
        connections.close_all()


@pytest.fixture(scope="module")
def committed_db(request: pytest.FixtureRequest, home: Addresses, django_db_blocker: Any) -> Iterator[Addresses]:
    """A fresh database for this module. Everything commits, other threads and processes see it; no mark is needed."""
    name = f"{home.database.rpartition('__')[2]}_{request.module.__name__.rpartition('.')[2]}"[:40]
    addresses = home.with_copy(name)
    with stage.copied_database(addresses), pointed_at(addresses), django_db_blocker.unblock():
        yield addresses


@dataclass(frozen=True)
class OwnServices:
    """Servers that one module has to itself."""

    servers: Services
    addresses: Addresses


@pytest.fixture(scope="module")
def own_services(django_db_blocker: Any) -> Iterator[OwnServices]:
    """PostgreSQL and Redis that may be stopped, killed and started, with a fresh database as in ``committed_db``."""
    with ExitStack() as cleanup:
        claim = cleanup.enter_context(claim_first_free("test-faults"))
        try:
            # Whatever the environment names: those servers are not ours to kill.
            servers = services.start(claim.instance, environment={}, quiet=True)
        except Problem as problem:
            pytest.skip(f"this test kills servers, and there are none for that here: {problem.what}")
        cleanup.callback(servers.stop)
        stage.drop_leftovers(Addresses.of(servers))
        addresses = Addresses.of(servers).with_copy("own")
        cleanup.enter_context(stage.copied_database(addresses))
        cleanup.enter_context(pointed_at(addresses))
        cleanup.enter_context(django_db_blocker.unblock())
        yield OwnServices(servers, addresses)


@contextmanager
def pointed_at(addresses: Addresses) -> Iterator[None]:
    """Django in this process, in all its threads, works there; Redis is empty at first."""
    home = Addresses.of_environment()
    _point(addresses)
    stage.flush(addresses.redis_url)
    try:
        yield
    finally:
        connections.close_all()
        _point(home)


def _point(addresses: Addresses) -> None:
    connections.close_all()
    os.environ |= addresses.environment()
    for alias, url in (("default", addresses.database_url), ("owner", addresses.database_owner_url)):
        # The same dictionary is every thread's, so it is changed in place.
        connections.settings[alias].update(env.database(url, name=alias))
    settings.REDIS_URL = addresses.redis_url
    settings.CELERY_BROKER_URL = addresses.redis_url.replace("unix://", "redis+socket://", 1)
    celery_app.conf.broker_url = settings.CELERY_BROKER_URL
    # As after a fork: forget the connections to the other broker.
    celery_app._after_fork()
    reset_clients()
    # Processes of this database claim their node numbers there, and so must we.
    ids._generator.forget()


@pytest.fixture(scope="session", autouse=True)
def _commits_in_rolled_back_tests() -> Iterator[None]:
    with commits.run_hooks_of_rolled_back_tests():
        yield


@pytest.fixture
def ledger_is_sound(request: pytest.FixtureRequest) -> Iterator[None]:
    """When the test is over, the ledger is checked. Of itself after every test of payments; others ask for it."""
    has_database = request.node.get_closest_marker("django_db") or not {"db", *OWN_DATABASE}.isdisjoint(
        request.fixturenames
    )
    if not has_database:
        yield
        return
    if OWN_DATABASE.isdisjoint(request.fixturenames):
        # Before its transaction rolls back.
        request.getfixturevalue("db")
    yield
    from tests.payments.soundness import problems

    assert not (found := problems()), "\n".join(["The ledger is not sound:", *found])


# --- Redis ------------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _empty_redis(request: pytest.FixtureRequest) -> None:
    """For every test, except where the module's processes live on what is in it."""
    if OWN_DATABASE.isdisjoint(request.fixturenames):
        stage.flush(os.environ["REDIS_URL"])
        reset_clients()


# --- Ids --------------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _ids_come_back_from_the_future() -> Iterator[None]:
    """Ids never go back, so after a test that turned the clock forward everything would be made later than now."""
    yield
    made = ids._generator
    with made._lock:
        made._milliseconds = min(made._milliseconds, time.time_ns() // 1_000_000 - ids.EPOCH_MILLISECONDS)


# --- The socket's contract --------------------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def _clients_are_overheard() -> Iterator[None]:
    pushes.register()
    with contract.listening_to_clients():
        yield


@pytest.fixture(autouse=True)
def _frames_keep_their_contract() -> Iterator[None]:
    """Every frame of this test was as docs/asyncapi.yaml says."""
    contract.broken.clear()
    yield
    assert not contract.broken, "\n".join(contract.broken[:5])


# --- Figures ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def soak_figure(request: pytest.FixtureRequest) -> Callable[[str, float], None]:
    """``soak_figure("messages_per_s", 120)`` records a number that `make soak` shows; `make test` takes no notice."""

    def record(name: str, value: float) -> None:
        request.node.user_properties.append(("soak_figure", (name, float(value))))

    return record


# --- Processes --------------------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows what the processes under test said."""
    report = yield
    if report.failed:
        report.sections += [(f"{name}, last lines", text) for name, text in processes.last_lines()]
    return report
