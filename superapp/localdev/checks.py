"""`make lint` and `make test`: the checks, then pytest, whose closing line is the last one.

The tests run even when a check has failed, so that one run says everything; the exit code remembers.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from superapp.localdev import places
from superapp.localdev.progress import note, say
from superapp.localdev.pytest_plugin import FAILED_CHECKS, SECRET_KEY

BIN = Path(sys.executable).parent
# The settings have to load, but no check talks to a server.
NO_SERVERS = {
    "SECRET_KEY": SECRET_KEY,
    "DATABASE_URL": "postgresql://nobody@/none?host=/nowhere",
    "DATABASE_OWNER_URL": "postgresql://nobody@/none?host=/nowhere",
    "REDIS_URL": "unix:///nowhere",
    "DJANGO_SETTINGS_MODULE": "superapp.settings.test",
}


@dataclass(frozen=True)
class Check:
    name: str
    command: Sequence[str | Path]
    cure: str = ""


QUICK = [
    Check("ruff", [BIN / "ruff", "check", "."]),
    Check("format", [BIN / "ruff", "format", "--check", "."], cure="`.venv/bin/ruff format .` does it."),
    Check(
        "migrations",
        # Without a server it cannot compare with what has been applied, and says so.
        [sys.executable, "-W", "ignore::RuntimeWarning", "manage.py", "makemigrations", "--check", "--dry-run"],
        cure="`.venv/bin/python manage.py makemigrations --name what_it_does` makes the missing one.",
    ),
    Check(
        "imports",
        [BIN / "lint-imports", "--no-cache", "--no-logo"],
        cure="pyproject.toml holds the contracts, README.md the map.",
    ),
    Check(
        "asyncapi",
        [sys.executable, "-m", "superapp.localdev.asyncapi", "--check"],
        cure="`make asyncapi` writes what the rooms have registered into docs/asyncapi.yaml.",
    ),
    Check(
        "messages",
        [sys.executable, "-m", "superapp.localdev.catalogues", "--check"],
        cure="`make messages` writes what is missing into locale/; translate it there and run it once more.",
    ),
]
SLOW = [Check("mypy", [BIN / "mypy"])]


def main(arguments: list[str]) -> int:
    failed = run_checks()
    if "--tests" not in arguments:
        return 1 if failed else 0
    environment = os.environ | ({FAILED_CHECKS: ", ".join(failed)} if failed else {})
    # In one Redis for all, workers would hear one another: its pub/sub knows no database numbers.
    workers = "1" if os.environ.get("REDIS_URL") else "2"
    pytest = [sys.executable, "-m", "pytest", "-n", workers, "--dist", "loadfile"]
    code = subprocess.run([*pytest, *arguments[1:]], env=environment, check=False).returncode
    return code or (1 if failed else 0)


def run_checks() -> list[str]:
    """The names of those that failed. mypy takes as long as all the others, so it has one of two cores to itself."""
    with ThreadPoolExecutor(len(SLOW) + 1) as pool:
        lanes = [QUICK, *([check] for check in SLOW)]
        return [name for lane in pool.map(_run_lane, lanes) for name in lane]


def _run_lane(checks: Sequence[Check]) -> list[str]:
    return [check.name for check in checks if not _passes(check)]


def _passes(check: Check) -> bool:
    began = time.monotonic()
    result = subprocess.run(
        check.command,
        cwd=places.CLONE,
        env=os.environ | NO_SERVERS,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    seconds = time.monotonic() - began
    if result.returncode == 0:
        note(check.name, f"passed … {seconds:.1f} s")
        return True
    say(f"{check.name:<11}failed … {seconds:.1f} s\n{result.stdout.rstrip()}\n{check.cure}".rstrip())
    return False


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
