"""What a person at the terminal sees: a line with seconds for every long step, a sentence of cure when it fails."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Problem(Exception):
    """A step failed for a reason that a person can remove. ``cure`` is the sentence that says how."""

    def __init__(self, what: str, *, cure: str) -> None:
        super().__init__(f"{what}\n{cure}")
        self.what, self.cure = what, cure


def say(text: str, *, end: str = "\n") -> None:
    """Print; and go on if the terminal has gone, because servers still have to be stopped."""
    try:
        print(text, end=end, flush=True)
    except OSError:
        # Whatever the interpreter still holds for it would fail once more at exit.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115


@contextmanager
def step(name: str, text: str) -> Iterator[None]:
    """Print ``name  text …``, and the seconds it took once the block is done."""
    began = time.monotonic()
    say(f"{name:<11}{text} … ", end="")
    try:
        yield
    except BaseException:
        say("failed")
        raise
    say(f"{time.monotonic() - began:.1f} s")


def note(name: str, text: str) -> None:
    say(f"{name:<11}{text}")


def complain(problem: Problem) -> None:
    say(f"\n{problem.what}\n→ {problem.cure}")
