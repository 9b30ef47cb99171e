"""`make soak APP=…`: the tests of a room at full size, a table, and what was measured in .local/soak.

The tests are those of `make test`. They run one after the other, so that no figure has another test's load in it.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from superapp.localdev import places
from superapp.localdev.progress import note, say
from superapp.localdev.report import columns, current_commit

#: What belongs to each room. Every folder of tests/ belongs to one, which a test makes sure of.
SOAKS = {
    "core": [
        "tests/core",
        "tests/accounts",
        "tests/media",
        "tests/safety",
        "tests/matrix",
        "tests/bench",
        "tests/localdev",
        "tests/test_imports.py",
    ],
    "chat": ["tests/realtime", "tests/messaging", "tests/client", "tests/flows"],
    "wallet": ["tests/payments"],
}
SLOWEST = 10


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("app", choices=sorted(SOAKS), help="the room whose tests to run")
    parser.add_argument("pytest", nargs="*", help="more for pytest, such as -k outbox")
    options, more = parser.parse_known_args(arguments)
    return soak(options.app, SOAKS[options.app], [*options.pytest, *more])


def soak(app: str, paths: Sequence[str], more: Sequence[str] = (), *, size: str = "full") -> int:
    """Run the tests in ``paths``, print the table, write the numbers; 0 when all that ran passed."""
    folder = places.LOCAL / "soak"
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / f".{app}.{os.getpid()}"
    began = time.monotonic()
    try:
        code = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "tests.soak", *paths, *more],
            cwd=places.CLONE,
            env=os.environ | {"SUPERAPP_TEST_SIZE": size, "SUPERAPP_SOAK_RECORD": str(record)},
            check=False,
        ).returncode
        found: dict[str, Any] = json.loads(record.read_text()) if record.exists() else {}
    finally:
        record.unlink(missing_ok=True)
    if not found:
        # pytest has said why it could not even begin.
        return code or 1
    result = {"soak": app, "commit": current_commit(), "seconds": round(time.monotonic() - began, 1), **found}
    say("\n" + table(result))
    path = folder / f"{app}.json"
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    note("written", places.shown(path))
    return code


def table(result: dict[str, Any]) -> str:
    """The files with their tests, what took longest, and the figures that tests recorded."""
    tests = result["tests"]
    lines = [f"soak {result['soak']}, size {result['size']}, commit {result['commit'][:12]}{result['commit'][40:]}", ""]
    lines += columns(
        [("file", "passed", "failed", "skipped", "seconds"), *_files(tests), _sum("all", tests)], right={1, 2, 3, 4}
    )
    slowest = sorted(tests, key=lambda test: -test["seconds"])[:SLOWEST]
    rows = [(test["test"].partition("::")[2], f"{test['seconds']:.1f}") for test in slowest]
    lines += ["", *columns([("took longest", "seconds"), *rows], right={1})]
    if result["figures"]:
        figures = [(name, f"{value:,.3f}") for name, value in sorted(result["figures"].items())]
        lines += ["", *columns([("figure", "measured"), *figures], right={1})]
    failed = [test["test"] for test in tests if test["outcome"] == "failed"]
    lines += ["", *(f"FAILED: {name}" for name in failed)]
    return "\n".join([*lines, f"{len(failed)} failed." if failed else "All passed."])


def _files(tests: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    by_file: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for test in tests:
        by_file[test["test"].partition("::")[0]].append(test)
    return [_sum(file, found) for file, found in by_file.items()]


def _sum(name: str, tests: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    counts = [sum(test["outcome"] == outcome for test in tests) for outcome in ("passed", "failed", "skipped")]
    return (name, *(str(count) if count else "–" for count in counts), f"{sum(test['seconds'] for test in tests):.1f}")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
