"""`make soak`: nothing is forgotten, figures arrive, and what failed is said."""

import json
import os
import textwrap
from collections.abc import Callable

import pytest

from superapp.localdev import places, soak, stage
from tests.sizes import SIZE


def test_every_folder_of_tests_belongs_to_a_room() -> None:
    parts = sorted(
        path.parent if path.parent.name != "tests" else path for path in (places.CLONE / "tests").rglob("test_*.py")
    )
    tops = {f"tests/{path.relative_to(places.CLONE / 'tests').parts[0]}" for path in parts}
    claimed = [path for paths in soak.SOAKS.values() for path in paths]
    assert len(claimed) == len(set(claimed))
    assert tops - set(claimed) == set()


def test_tests_run_at_the_size_asked_for_and_leave_what_they_found(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As from a shell: neither a worker of this run nor on its servers.
    for name in os.environ.keys() - stage.environment_without_servers(os.environ).keys():
        monkeypatch.delenv(name)
    for name in [name for name in os.environ if name.startswith("PYTEST_XDIST")]:
        monkeypatch.delenv(name)
    test = "tests/bench/test_soak.py::test_figure_is_taken_from_any_test"
    assert soak.soak("toy", [test], ["-q"], size="full") == 0
    path = places.LOCAL / "soak" / "toy.json"
    result = json.loads(path.read_text())
    path.unlink()
    assert (result["soak"], result["size"], result["figures"]) == ("toy", "full", {"toy.size_is_full": 1.0})
    assert [(found["test"], found["outcome"]) for found in result["tests"]] == [(test, "passed")]
    assert result["sizes"]["parallel_guesses"] == 1000
    assert len(result["commit"].removesuffix("-dirty")) == 40
    shown = capsys.readouterr().out
    assert "toy.size_is_full     1.000" in shown
    assert shown.splitlines()[-2] == "All passed."


def test_figure_is_taken_from_any_test(soak_figure: Callable[[str, float], None]) -> None:
    soak_figure("toy.size_is_full", SIZE == "full")


def test_table_counts_by_file_and_names_what_failed() -> None:
    tests = [
        {"test": "tests/a.py::test_one", "outcome": "passed", "seconds": 1.25},
        {"test": "tests/a.py::test_two", "outcome": "failed", "seconds": 2.0},
        {"test": "tests/b.py::test_three", "outcome": "skipped", "seconds": 0.0},
    ]
    shown = soak.table({"soak": "toy", "size": "full", "commit": "c0ffee", "figures": {}, "tests": tests})
    assert shown == textwrap.dedent(
        """\
        soak toy, size full, commit c0ffee

          file        passed  failed  skipped  seconds
          ────────────────────────────────────────────
          tests/a.py       1       1        –      3.2
          tests/b.py       –       –        1      0.0
          all              1       1        1      3.2

          took longest  seconds
          ─────────────────────
          test_two          2.0
          test_one          1.2
          test_three        0.0

        FAILED: tests/a.py::test_two
        1 failed."""
    )
