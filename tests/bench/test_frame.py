"""What makes a run count, what a person and a program get to see of it, and when the exit code says no."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from superapp.bench import cpu
from superapp.bench.frame import FULL, SMOKE, Limit, Report, Run, interleave
from superapp.localdev.report import current_commit

LIMITS = {"a_vs_b": Limit.at_most(2), "things_per_s": Limit.at_least(500)}


def run(*, cpu_seconds: float = 1.0, units: int = 1000, **values: object) -> Run:
    return Run(units=units, seconds=2.0, cpu_seconds={"server": cpu_seconds, "postgres": 0.0}, **values)


def report(**values: object) -> Report:
    return Report("toy", LIMITS, commit="c0ffee", **values)


def good_report() -> Report:
    result = report()
    result.ratio("a_vs_b", 1.5)
    result.figure("things_per_s", 700)
    result.finish()
    return result


def test_sides_run_in_turn() -> None:
    order: list[str] = []

    def side(name: str) -> Run:
        order.append(name)
        return run()

    runs = interleave({"a": lambda: side("a"), "b": lambda: side("b")})
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert {name: len(found) for name, found in runs.items()} == {"a": 3, "b": 3}


def test_medians_decide_and_not_the_one_run_that_was_disturbed() -> None:
    sides = {"a": [run(cpu_seconds=seconds) for seconds in (3, 90, 2)], "b": [run(cpu_seconds=2) for _ in range(3)]}
    result = report()
    result.runs("toy", sides, unit="thing")
    result.cpu_ratio("a_vs_b", sides, of="a", to="b")
    assert result.ratios == {"a_vs_b": 1.5}
    assert result.figures["toy_a_cpu_us"] == 3000
    assert result.figures["toy_a_per_s"] == 500
    assert result.void == []


def test_rate_ratio_divides_units_per_second() -> None:
    result = report()
    result.rate_ratio("a_vs_b", {"a": [run(units=3000)], "b": [run(units=1000)]}, of="a", to="b")
    assert result.ratios == {"a_vs_b": 3}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"errors": 1}, "1 errors"),
        ({"drops": 7}, "7 drops"),
        ({"client_cpu_seconds": 1.5}, "the load client took 75% of a core"),
        ({"units": 0}, "nothing was done"),
    ],
)
def test_one_bad_run_voids_the_bench(fault: dict[str, float], reason: str) -> None:
    result = good_report()
    assert result.exit_code == 0
    result.runs("toy", {"a": [run(), run(), run(**fault)]}, unit="thing")
    assert result.void == [f"toy, a, run 3: {reason}"]
    assert result.exit_code == 1


def test_client_may_take_a_whole_core_when_nothing_is_paced() -> None:
    assert run(client_cpu_seconds=2.0, paced=False).faults() == []


def test_limits_are_kept_at_their_bound_and_missed_beyond_it() -> None:
    result = report()
    result.ratio("a_vs_b", 2)
    result.figure("things_per_s", 499.9)
    assert result.missed() == ["things_per_s"]
    assert result.exit_code == 1


def test_limit_that_nothing_measured_voids_the_bench() -> None:
    result = report()
    result.ratio("a_vs_b", 1)
    result.finish()
    assert result.void == ["things_per_s was not measured"]
    assert result.exit_code == 1


def test_json_has_exactly_what_others_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "toy.json"
    good_report().write(path)
    assert json.loads(path.read_text()) == {
        "bench": "toy",
        "commit": "c0ffee",
        "figures": {"things_per_s": 700},
        "ratios": {"a_vs_b": 1.5},
        "void": [],
    }


def test_table_shows_each_number_beside_its_limit() -> None:
    result = good_report()
    result.figure("aside", 12)
    lines = [line.split() for line in result.table().splitlines()]
    assert ["a_vs_b", "1.50", "≤", "2", "holds"] in lines
    assert ["things_per_s", "700.00", "≥", "500", "holds"] in lines
    assert ["aside", "12.00"] in lines
    assert lines[-1] == ["All", "limits", "hold."]


def test_table_says_what_was_missed_and_what_is_void() -> None:
    result = good_report()
    result.ratio("a_vs_b", 2.1)
    assert result.table().splitlines()[-1] == "Missed: a_vs_b."
    result.void.append("the moon was full")
    assert result.table().splitlines()[-2:] == [
        "VOID: the moon was full",
        "These numbers do not count: see above.",
    ]


def test_sizes_shrink_for_a_smoke_run_and_never_to_nothing() -> None:
    assert (FULL.of(1000), SMOKE.of(1000, least=50), SMOKE.of(10)) == (1000, 50, 1)


def test_cpu_of_a_child_counts_while_it_lives_and_after_it_was_buried() -> None:
    code = """
import os, sys, time
def burn():
    # The kernel counts in ticks of 10 ms, for the dead as for the living.
    while time.process_time() < 0.25: pass
child = os.fork()
if child == 0:
    burn()
    os._exit(0)
os.waitpid(child, 0)
print("buried", flush=True)
sys.stdin.readline()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"buried\n"
        seconds = cpu.tree_seconds(process.pid)
        process.communicate(b"\n")
    # The kernel counts in hundredths, and cuts off what is beyond.
    assert seconds >= 0.18


def test_cpu_of_a_part_is_what_it_took_meanwhile() -> None:
    code = "import time\nwhile time.process_time() < 0.15: pass\nprint('done', flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        with cpu.measured({"server": [process.pid], "nobody": []}) as spent:
            assert process.stdout is not None
            process.stdout.readline()
        process.communicate(b"\n")
    assert spent.cpu_seconds["nobody"] == 0
    assert 0 < spent.cpu_seconds["server"] <= spent.seconds + 0.02


def test_commit_is_named_in_full() -> None:
    assert len(current_commit().removesuffix("-dirty")) == 40
