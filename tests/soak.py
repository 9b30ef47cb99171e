"""Loaded by `make soak` (``-p tests.soak``): what the tests did and recorded, as the JSON that the runner reads."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.sizes import SIZE, sizes

#: Where to leave it.
RECORD = "SUPERAPP_SOAK_RECORD"
#: Under this name ``soak_figure`` keeps what it is given on the test's report, which xdist carries across processes.
FIGURE = "soak_figure"

_tests: dict[str, dict[str, Any]] = {}
_figures: dict[str, float] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    test = _tests.setdefault(report.nodeid, {"test": report.nodeid, "outcome": "passed", "seconds": 0.0})
    test["seconds"] = round(test["seconds"] + report.duration, 3)
    if report.outcome != "passed":
        # One that passed and then failed to clean up has failed.
        test["outcome"] = report.outcome
    if report.when == "teardown":
        _figures.update({name: value for kind, (name, value) in _pairs(report) if kind == FIGURE})


def _pairs(report: pytest.TestReport) -> list[tuple[str, Any]]:
    return [(kind, value) for kind, value in report.user_properties if kind == FIGURE]


def pytest_sessionfinish(session: pytest.Session) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ or RECORD not in os.environ:
        return
    record = {"size": SIZE, "sizes": dataclasses.asdict(sizes), "figures": _figures, "tests": list(_tests.values())}
    Path(os.environ[RECORD]).write_text(json.dumps(record))
