"""What every bench has in common: interleaved runs, medians, reasons for which a run does not count, the table.

A bench is a module with ``LIMITS`` and ``run(stand, report, scale)``. It measures two or more sides in turn
(``interleave``), hands the runs to its ``Report`` and adds figures and ratios; the report says what came out.
"""

import json
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from superapp.localdev.report import columns

ROUNDS = 3
# A load client that is busier than this is measured itself, and not the server.
MAX_CLIENT_SHARE = 0.70
# Paced runs go at most at this share of what the slower side can do.
MAX_PACE = 0.70


@dataclass(frozen=True)
class Limit:
    """What a number has to reach."""

    bound: float
    is_ceiling: bool

    @classmethod
    def at_most(cls, bound: float) -> Self:
        return cls(bound, is_ceiling=True)

    @classmethod
    def at_least(cls, bound: float) -> Self:
        return cls(bound, is_ceiling=False)

    def holds(self, value: float) -> bool:
        return value <= self.bound if self.is_ceiling else value >= self.bound

    def __str__(self) -> str:
        return f"{'≤' if self.is_ceiling else '≥'} {self.bound:g}"


@dataclass(frozen=True)
class Scale:
    """How long a bench takes: as it must for its numbers to count, or only long enough to see that it works."""

    rounds: int
    factor: float

    def of(self, full: int, *, least: int = 1) -> int:
        """``full``, or the small part of it that shows that the bench works."""
        return max(least, round(full * self.factor))

    @property
    def is_full(self) -> bool:
        return self.factor >= 1


FULL, SMOKE = Scale(rounds=ROUNDS, factor=1.0), Scale(rounds=1, factor=0.02)


@dataclass(frozen=True)
class Run:
    """One stretch of work of one side. ``units`` are what was done: requests, deliveries, events."""

    units: int
    seconds: float
    #: By part, of the processes that are measured: ``server``, ``postgres``, ``redis`` …
    cpu_seconds: Mapping[str, float]
    #: Of a load client in processes of its own; one that calls in-process belongs to the measured side.
    client_cpu_seconds: float = 0.0
    #: Load came at a fixed rate, and not as fast as it was answered.
    paced: bool = True
    errors: int = 0
    drops: int = 0

    @property
    def cpu_per_unit(self) -> float:
        """CPU seconds of all parts per unit."""
        return sum(self.cpu_seconds.values()) / max(self.units, 1)

    @property
    def rate(self) -> float:
        return self.units / self.seconds if self.seconds else 0.0

    @property
    def client_share(self) -> float:
        """Of one core."""
        return self.client_cpu_seconds / self.seconds if self.seconds else 0.0

    def faults(self) -> list[str]:
        """Why this run does not count."""
        reasons = []
        if self.units == 0:
            reasons.append("nothing was done")
        if self.errors:
            reasons.append(f"{self.errors} errors")
        if self.drops:
            reasons.append(f"{self.drops} drops")
        if self.paced and self.client_share > MAX_CLIENT_SHARE:
            reasons.append(f"the load client took {self.client_share:.0%} of a core")
        return reasons


Sides = Mapping[str, Callable[[], Run]]
Runs = dict[str, list[Run]]


def interleave(sides: Sides, *, rounds: int = ROUNDS) -> Runs:
    """Run the sides in turn, A-B-A-B-A-B: what else the machine does meanwhile meets them all alike."""
    runs: Runs = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            runs[name].append(side())
    return runs


def median_of(runs: Iterable[Run], value: Callable[[Run], float]) -> float:
    return statistics.median(value(run) for run in runs)


@dataclass
class Report:
    """What a bench found, and whether it may be believed (``void`` is empty) and is enough (``missed`` is)."""

    bench: str
    limits: Mapping[str, Limit]
    commit: str = ""
    figures: dict[str, float] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)
    void: list[str] = field(default_factory=list)
    _rows: list[tuple[str, ...]] = field(default_factory=list)

    def figure(self, name: str, value: float) -> None:
        self.figures[name] = value

    def ratio(self, name: str, value: float) -> None:
        self.ratios[name] = value

    def runs(self, what: str, sides: Runs, *, unit: str) -> None:
        """Show the runs of all sides, keep their medians as figures, and note what voids them.

        Figures are ``<what>_<side>_cpu_us`` (all parts, per unit) and ``<what>_<side>_per_s``.
        """
        for side, runs in sides.items():
            for number, run in enumerate(runs, 1):
                self.void += [f"{what}, {side}, run {number}: {reason}" for reason in run.faults()]
            cpu_us = 1e6 * median_of(runs, lambda run: run.cpu_per_unit)
            rate = median_of(runs, lambda run: run.rate)
            self.figure(f"{what}_{side}_cpu_us", round(cpu_us, 1))
            self.figure(f"{what}_{side}_per_s", round(rate, 1))
            parts = ", ".join(f"{part} {1e6 * _part(runs, part):,.0f}" for part in runs[0].cpu_seconds)
            client = f"{median_of(runs, lambda run: run.client_share):.0%}" if runs[0].client_cpu_seconds else "–"
            self._rows.append((f"{what} {side}", unit, f"{cpu_us:,.0f}", parts, f"{rate:,.0f}", client))

    def cpu_ratio(self, name: str, sides: Runs, *, of: str, to: str) -> None:
        """CPU per unit of one side, divided by the other's; of the medians, so that it agrees with the figures."""
        values = [median_of(sides[side], lambda run: run.cpu_per_unit) for side in (of, to)]
        self.ratio(name, round(values[0] / values[1], 4) if values[1] else float("inf"))

    def rate_ratio(self, name: str, sides: Runs, *, of: str, to: str) -> None:
        """Units per second of one side, divided by the other's, both as fast as they can."""
        values = [median_of(sides[side], lambda run: run.rate) for side in (of, to)]
        self.ratio(name, round(values[0] / values[1], 4) if values[1] else float("inf"))

    def finish(self) -> None:
        """Say what should have been measured and was not."""
        measured = self.figures.keys() | self.ratios.keys()
        self.void += [f"{name} was not measured" for name in self.limits if name not in measured]

    def missed(self) -> list[str]:
        numbers = self.figures | self.ratios
        return [name for name, limit in self.limits.items() if name in numbers and not limit.holds(numbers[name])]

    @property
    def exit_code(self) -> int:
        return 1 if self.void or self.missed() else 0

    def as_json(self) -> dict[str, Any]:
        return {
            "bench": self.bench,
            "commit": self.commit,
            "figures": self.figures,
            "ratios": self.ratios,
            "void": self.void,
        }

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_json(), indent=2, ensure_ascii=False) + "\n")

    def table(self) -> str:
        """Everything, for a person: the sides, the ratios and figures beside their limits, the verdict."""
        lines = [f"bench {self.bench}, commit {self.commit[:12]}{self.commit[40:]}", ""]
        if self._rows:
            heads = ("side", "unit", "CPU µs per unit", "of which", "units/s", "client")
            lines += [*columns([heads, *self._rows], right={2, 4, 5}), ""]
        numbers = self.ratios | self.figures
        judged = [
            (name, f"{numbers[name]:,.2f}", str(limit), "holds" if limit.holds(numbers[name]) else "MISSED")
            for name, limit in self.limits.items()
            if name in numbers
        ]
        lines += columns([("must reach", "measured", "limit", ""), *judged], right={1, 2})
        others = [(name, f"{value:,.2f}") for name, value in numbers.items() if name not in self.limits]
        if others:
            lines += ["", *columns([("figure", "measured"), *others], right={1})]
        lines += ["", *(f"VOID: {reason}" for reason in self.void), self._verdict()]
        return "\n".join(lines)

    def _verdict(self) -> str:
        if self.void:
            return "These numbers do not count: see above."
        missed = self.missed()
        return f"Missed: {', '.join(missed)}." if missed else "All limits hold."


def _part(runs: Sequence[Run], part: str) -> float:
    return median_of(runs, lambda run: run.cpu_seconds[part] / max(run.units, 1))
