"""A bench at its smallest, as its command runs it."""

import json
import os
import subprocess
import sys
from typing import Any

from superapp.localdev import places, stage


def smoke_run(bench: str) -> tuple[dict[str, Any], str]:
    """What it wrote down, and what it showed. Nothing but its size may speak against it."""
    command = [sys.executable, "manage.py", "bench", bench, "--smoke"]
    environment = stage.environment_without_servers(os.environ)
    run = subprocess.run(command, cwd=places.CLONE, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stdout + run.stderr
    result: dict[str, Any] = json.loads((places.LOCAL / "bench" / f"{bench}-smoke.json").read_text())
    assert result["void"] == ["this was a smoke run"], run.stdout
    return result, run.stdout
