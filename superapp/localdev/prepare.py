"""Schema and demo data before a run, in one process, because starting Django twice costs a second.

``python -m superapp.localdev.prepare CARD [--no-demo]`` writes the demo's lines for the card to the file CARD as JSON.
"""

import importlib.util
import io
import json
import sys
import traceback
from pathlib import Path

import django
from django.core.management import call_command, get_commands
from django.core.management.base import CommandError

from superapp.localdev import places
from superapp.localdev.progress import Problem, complain, say, step


def main(card: Path, *, with_demo: bool) -> int:
    try:
        with step("schema", "roles, grants and migrations"):
            django.setup()
            call_command("setup_database", verbosity=0)
        card.write_text(json.dumps(_demo() if with_demo else []))
    except CommandError as error:
        what, _, cure = str(error).partition("\n")
        complain(Problem(what, cure=cure or "Mend that and run this again; `make reset` starts afresh."))
        return 1
    except Exception as error:
        log = places.LOCAL / "run" / "prepare.log"
        log.write_text(traceback.format_exc())
        where = traceback.extract_tb(error.__traceback__)[-1]
        complain(
            Problem(
                f"{type(error).__name__} in {places.shown(Path(where.filename))}, line {where.lineno}: {error}",
                cure=f"Mend that and run this again; {places.shown(log)} has the whole story.",
            )
        )
        return 1
    return 0


def _demo() -> list[str]:
    if "seed" not in get_commands():
        return []
    said = io.StringIO()
    try:
        with step("demo", "people, friendships and conversations"):
            call_command("seed", stdout=said)
    except BaseException:
        say(said.getvalue())
        raise
    if importlib.util.find_spec("superapp.localdev.demo") is None:
        return []
    demo = importlib.import_module("superapp.localdev.demo")
    lines: list[str] = demo.card() if hasattr(demo, "card") else []
    return lines


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), with_demo="--no-demo" not in sys.argv[2:]))
