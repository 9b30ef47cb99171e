"""CPU seconds from /proc: of process trees, so that whatever a server forks, and has buried since, counts too."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil


def tree_seconds(pid: int) -> float:
    """CPU seconds so far of a process, of its descendants, and of those among them that have ended."""
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    total = 0.0
    for process in family:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


@dataclass
class Spent:
    """What a stretch of work took; filled in when its ``with`` block ends."""

    seconds: float = 0.0
    cpu_seconds: dict[str, float] = field(default_factory=dict)


@contextmanager
def measured(parts: Mapping[str, Iterable[int]]) -> Iterator[Spent]:
    """Measure the CPU of each part, given as the pids at the roots of its processes, and the time, of a block."""
    roots = {name: list(pids) for name, pids in parts.items()}
    spent = Spent()
    before = _read(roots)
    began = time.perf_counter()
    yield spent
    spent.seconds = time.perf_counter() - began
    after = _read(roots)
    spent.cpu_seconds = {name: after[name] - before[name] for name in roots}


def _read(roots: Mapping[str, list[int]]) -> dict[str, float]:
    return {name: sum(tree_seconds(pid) for pid in pids) for name, pids in roots.items()}
