"""`make bench APP=…` and `manage.py bench …`: set up, measure, print the table, leave the numbers in .local/bench."""

import argparse
import importlib
import signal
import sys
from types import FrameType

from superapp.bench import stand as stands
from superapp.bench.frame import FULL, SMOKE, Report
from superapp.localdev import places
from superapp.localdev.progress import Problem, complain, note, say
from superapp.localdev.report import current_commit

#: The room, and the module that measures it: ``LIMITS`` and ``run(stand, report, scale)``.
BENCHES = {"chat": "superapp.bench.chat", "core": "superapp.bench.core", "wallet": "superapp.bench.wallet"}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="manage.py bench", description=__doc__)
    parser.add_argument("app", choices=sorted(BENCHES), help="the room to measure")
    parser.add_argument("--smoke", action="store_true", help="only see that the bench works; its numbers do not count")
    options = parser.parse_args(arguments)
    # An end by signal goes the same way as any other, so that the servers are stopped.
    signal.signal(signal.SIGTERM, _end)
    try:
        report = run(options.app, smoke=options.smoke)
    except Problem as problem:
        complain(problem)
        return 1
    except KeyboardInterrupt:
        return 130
    say("\n" + report.table())
    return report.exit_code


def run(app: str, *, smoke: bool) -> Report:
    """Raises ``Problem`` when something that is needed is not there."""
    scale = SMOKE if smoke else FULL
    with stands.opened(smoke=smoke) as stand:
        import django

        # Only now there are addresses for the settings to read.
        django.setup()
        bench = importlib.import_module(BENCHES[app])
        report = Report(app, bench.LIMITS, commit=current_commit(), void=list(stand.void))
        if smoke:
            report.void.append("this was a smoke run")
        bench.run(stand, report, scale)
        report.finish()
    path = places.LOCAL / "bench" / f"{app}{'-smoke' if smoke else ''}.json"
    report.write(path)
    note("written", places.shown(path))
    return report


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(143)
