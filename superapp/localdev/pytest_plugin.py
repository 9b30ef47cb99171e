"""Real servers for the tests, before Django reads its settings.

The process that was started (xdist calls it the controller) claims an instance, ``test`` or the next free one, and
starts its servers; each xdist worker has a database and a Valkey of its own there. Loaded by ``-p`` in pyproject.toml,
so that plain ``pytest tests/…`` works as well as `make test`.
"""

import os
from collections.abc import Generator
from contextlib import ExitStack
from typing import NoReturn

import pytest

from superapp.localdev import places, services, stage
from superapp.localdev.places import Busy, Claim
from superapp.localdev.pooler import Pooler
from superapp.localdev.progress import Problem

MAX_INSTANCES = 8
# A key for signatures that nobody but these tests checks.
SECRET_KEY = "tests-" + "0123456789abcdef" * 4
# `make test` names here the checks that failed before pytest started.
FAILED_CHECKS = "SUPERAPP_FAILED_CHECKS"
# "pgbouncer": the application's role reaches the database through one, in transaction mode (docs/operate.md).
THROUGH = "SUPERAPP_TEST_THROUGH"
# How the reports of xdist's workers tell the controller what this machine could not test.
LEFT_OUT = "left out: "

_cleanup = ExitStack()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """A wrapper runs before pytest-django's own, which imports the settings."""
    early_config.add_cleanup(_cleanup.close)
    try:
        _start()
    except Problem as problem:
        raise pytest.UsageError(str(problem)) from None
    yield


def _start() -> None:
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    addresses = stage.of_worker(worker, cleanup=_cleanup) if worker else _start_servers()
    os.environ |= addresses.environment()
    os.environ |= {"SECRET_KEY": SECRET_KEY, "DJANGO_SETTINGS_MODULE": "superapp.settings.test"}


def _start_servers() -> stage.Addresses:
    claim = claim_first_free("test")
    _cleanup.callback(claim.release)
    running = services.start(claim.instance, quiet=True)
    _cleanup.callback(running.stop)
    if os.environ.get(THROUGH) == "pgbouncer":
        _put_pooler_before(running)
    addresses = stage.announce(running)
    stage.drop_leftovers(addresses)
    return addresses


def _put_pooler_before(running: services.Services) -> None:
    pooler = Pooler(running.instance, [running.database_url], sessions=40)
    pooler.start()
    _cleanup.callback(pooler.stop)
    running.database_url = pooler.url(running.database_url)


def claim_first_free(name: str) -> Claim:
    """``name``, or ``name-2`` and so on while other runs in this clone have those. The data in them is a cache."""
    for number in range(1, MAX_INSTANCES + 1):
        try:
            return Claim(name if number == 1 else f"{name}-{number}")
        except Busy:
            continue
    raise Problem(f"{MAX_INSTANCES} test runs are going on in this clone.", cure="Wait for one of them to end.")


def pytest_report_header() -> str:
    return f"services: {places.shown(places.LOCAL / os.environ[stage.INSTANCE])}"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "long: takes many seconds, so it starts first; on two workers the other one is not left waiting at the end",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    for item in items:
        marker = item.get_closest_marker("django_db")
        if marker and (marker.kwargs.get("transaction") or marker.args):
            raise pytest.UsageError(
                f"{item.nodeid}: transactional tests flush with TRUNCATE, which the application's role may not do. "
                "Use the fixture committed_db instead."
            )


def left_out(what: str, why: str) -> NoReturn:
    """Skip, and have the run say in its last lines that ``what`` was not tested here. For fixtures and tests alike."""
    pytest.skip(f"{LEFT_OUT}{what} ({why})")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None]:
    """The outermost wrapper, so that this stands below pytest's own list of what was skipped."""
    yield
    # A report of a skipped test is (file, line, reason).
    reasons = [str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", []) if report.longrepr]
    if missing := sorted({reason.partition(LEFT_OUT)[2] for reason in reasons if LEFT_OUT in reason}):
        terminalreporter.section("left out on this machine", yellow=True)
        for line in missing:
            terminalreporter.line(line, yellow=True)
    if failed := os.environ.get(FAILED_CHECKS):
        terminalreporter.section("checks before the tests", red=True)
        terminalreporter.line(f"Failed: {failed} (see above; `make lint` runs only these).", red=True)
