"""`make reset`: delete what this clone has stored, wherever that is. Refuses while something runs on it."""

import shutil
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

from superapp.localdev import places, processes, supervisor
from superapp.localdev.places import Busy, Claim
from superapp.localdev.progress import Problem, complain, note


def main(arguments: list[str]) -> int:
    try:
        reset(ask="--yes" not in arguments)
    except Problem as problem:
        complain(problem)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def reset(*, ask: bool) -> None:
    if not places.LOCAL.exists():
        note("reset", "there is no data")
        return
    with ExitStack() as claims:
        instances = sorted(path.name for path in places.LOCAL.iterdir() if (path / "lock").exists())
        for instance in instances:
            claims.enter_context(_claim(instance))
        if ask:
            _ask()
        supervisor.end_leftovers()
        for instance in instances:
            _end_servers(instance)
            places.delete(instance)
        shutil.rmtree(places.LOCAL)
        places.delete_shared()
    note("reset", "done; `make run` starts afresh")


def _claim(instance: str) -> Claim:
    try:
        return Claim(instance)
    except Busy as busy:
        raise Problem(
            f"Process {busy.holder.get('pid', 'unknown')} is working with the data in .local/{instance}.",
            cure="Stop it first: Ctrl-C in the terminal of `make run` or `make test`.",
        ) from None


def _ask() -> None:
    if not sys.stdin.isatty():
        raise Problem("Nobody is here to be asked.", cure="Run `make reset YES=1` to delete without a question.")
    answer = input("Delete all accounts, messages and photos of this clone? [y/N] ")
    if answer.strip().lower() not in {"y", "yes"}:
        raise Problem("Nothing was deleted.", cure="Answer y, or run `make reset YES=1`.")


def _end_servers(instance: str) -> None:
    """Servers that outlived a crash of everything that could have stopped them. Their data goes, so SIGKILL will do."""

    def servers() -> list[int]:
        folders = [places.LOCAL / instance, *places.outside_of(instance)]
        pids = [pid for folder in folders for data in _folders(folder) for pid in processes.working_in(data)]
        return [pid for pid in pids if processes.program(pid) in {"postgres", "valkey-server"}]

    if not processes.end(servers, signals=[(signal.SIGKILL, 5.0)]):
        raise Problem("A server of an earlier run cannot be stopped.", cure=f"End {servers()} and try again.")


def _folders(parent: Path) -> list[Path]:
    return [path for path in parent.iterdir() if path.is_dir()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
