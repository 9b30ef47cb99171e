"""Processes that call, and are part of what is measured: the product's, or psycopg2 alone, as many on each side."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from superapp.bench import limits
from superapp.bench.frame import Run
from superapp.bench.stand import Stand
from superapp.localdev.progress import Problem

CALLERS = 8
BARE = f"{limits.__path__[0]}/bare_wallet.py"

Pair = tuple[int, int]


@dataclass(frozen=True)
class Callers:
    processes: "Sequence[subprocess.Popen[str]]"

    def run(
        self,
        stand: Stand,
        work: str,
        *,
        seconds: float,
        pairs: Sequence[Pair] = (),
        rate: float | None = None,
        scale: int = 1,
        **parts: Iterable[int],
    ) -> Run:
        """All at the same time, each with its own share of ``pairs``: as fast as it goes, or at ``rate`` in all.
        ``parts`` are further processes that have work because of it."""
        count = len(self.processes)
        orders = [
            {
                "work": work,
                "seconds": seconds,
                "rate": rate and rate / count,
                "pairs": pairs[number::count],
                "scale": scale,
            }
            for number in range(count)
        ]
        with stand.measured(callers=[process.pid for process in self.processes], **parts) as spent:
            for process, order in zip(self.processes, orders, strict=True):
                _say(process, json.dumps(order))
            answers = [json.loads(_heard(process)) for process in self.processes]
        if errors := [answer["error"] for answer in answers if answer["error"]]:
            print(f"{work}: {errors[0]}", file=sys.stderr)
        return Run(
            units=sum(answer["done"] for answer in answers),
            seconds=spent.seconds,
            cpu_seconds=spent.cpu_seconds,
            paced=rate is not None,
            errors=sum(answer["errors"] for answer in answers),
        )


@contextmanager
def of_the_product(count: int = CALLERS) -> Iterator[Callers]:
    with _started([[sys.executable, "-m", "superapp.bench.caller"]] * count) as callers:
        yield callers


@contextmanager
def bare(stand: Stand, count: int = CALLERS) -> Iterator[Callers]:
    url = stand.addresses.database_url
    with _started([[sys.executable, BARE, url, str(number)] for number in range(count)]) as callers:
        yield callers


@contextmanager
def _started(commands: Sequence[Sequence[str]]) -> Iterator[Callers]:
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for command in commands
    ]
    try:
        for process in processes:
            if _heard(process) != "ready":
                raise Problem("A caller did not start.", cure="What it printed above says why.")
        yield Callers(processes)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _say(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _heard(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()
