"""The worked example of docs/payments.md does what it says, typed into a shell as it is printed."""

import os
import re
import subprocess
import sys
from typing import Any

import pytest

from superapp.localdev import places

pytestmark = pytest.mark.usefixtures("committed_db")


def test_the_shop_runs_from_a_shell(committed_db: Any) -> None:
    section = (places.CLONE / "docs" / "payments.md").read_text().partition("## For products")[2]
    (example,) = re.findall(r"^```python\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    (promised,) = re.findall(r"^```text\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    shell = subprocess.run(
        [sys.executable, "manage.py", "shell"],
        input=example, cwd=places.CLONE, env=os.environ | committed_db.environment(),
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert shell.returncode == 0, shell.stderr
    assert shell.stdout.endswith(promised), shell.stdout + shell.stderr
