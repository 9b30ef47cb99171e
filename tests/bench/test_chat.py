"""The bench of chat works, and all of its servers hand out what is published. Its numbers mean nothing here."""

import json
import os
import subprocess
import sys

import pytest

from superapp.localdev import places, stage

LIMITS = {
    "fanout_2_vs_picows": "≤ 2",
    "fanout_50_vs_picows": "≤ 2.4",
    "fanout_500_vs_picows": "≤ 3",
    "fanout_50_vs_stock": "≤ 0.125",
    "send_cpu_vs_sql": "≤ 3",
    "idle_kib": "≤ 45",
}


@pytest.mark.long
def test_bench_of_chat_measures_all_that_it_promises() -> None:
    command = [sys.executable, "manage.py", "bench", "chat", "--smoke"]
    environment = stage.environment_without_servers(os.environ)
    run = subprocess.run(command, cwd=places.CLONE, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stdout + run.stderr
    result = json.loads((places.LOCAL / "bench" / "chat-smoke.json").read_text())
    # Its size alone: no server dropped a frame, refused a socket or answered with an error.
    assert result["void"] == ["this was a smoke run"], run.stdout
    assert result["figures"].keys() | result["ratios"].keys() >= LIMITS.keys()
    shown = [line.split() for line in run.stdout.splitlines()]
    for name, limit in LIMITS.items():
        assert any(words[:1] == [name] and words[2:4] == limit.split() for words in shown)
