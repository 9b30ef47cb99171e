"""The bench of core works, and both of its sides still say the same. Its numbers mean nothing at this size."""

import json
import os
import subprocess
import sys

import pytest

from superapp.bench.core import LIMITS, shape
from superapp.localdev import places, stage


def test_answers_are_compared_without_what_differs_by_nature() -> None:
    one = '{"id":"12","seq":7,"client_id":"fcdceb62-a6e8-4078-a906-8a7fa3d1a208","created_at":"2026-11-25T04:52:49.7Z"}'
    assert shape(one) == '{"id":"0","seq":0,"client_id":"uuid","created_at":"0-0-0T0:0:0.0Z"}'
    assert shape(one) != shape(one.replace("seq", "number"))


@pytest.mark.long
def test_bench_of_core_measures_all_that_it_promises() -> None:
    command = [sys.executable, "manage.py", "bench", "core", "--smoke"]
    environment = stage.environment_without_servers(os.environ)
    run = subprocess.run(command, cwd=places.CLONE, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stdout + run.stderr
    result = json.loads((places.LOCAL / "bench" / "core-smoke.json").read_text())
    # Its size alone, and so neither errors nor answers that differ.
    assert result["void"] == ["this was a smoke run"], run.stdout
    assert result["figures"].keys() | result["ratios"].keys() >= LIMITS.keys()
    assert min(result["figures"].values()) > 0
