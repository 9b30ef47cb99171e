"""From a fresh clone to a command in its virtual environment. Called by the Makefile with the system's Python.

Only the standard library may be imported: there is nothing else yet. Packages are installed when the pinned files have
changed since the last time, and only what the goal needs: the tests' tools come with the first `make test`.
"""

import ctypes
import fcntl
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CLONE = Path(__file__).resolve().parents[2]
LOCAL = CLONE / ".local"
ENVIRONMENT = CLONE / ".venv"
STAMP = ENVIRONMENT / "superapp-installed.json"
# There while something is being installed; what a killed installation left behind cannot be told from a whole one.
UNFINISHED = ENVIRONMENT / "superapp-unfinished"
LOG = LOCAL / "install.log"
LEASH = Path(__file__).with_name("leash.py")
PYTHON = ENVIRONMENT / "bin" / "python"
OLDEST = (3, 11)
PR_SET_PDEATHSIG = 1
# For a Python that cannot give its environments a pip itself.
PIP = "pip==23.2.1"
# Where the wheels of PostgreSQL and Valkey exist.
PLATFORMS = {("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64")}
SERVERS = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")


class Refusal(Exception):
    """Something is missing that we cannot make; the text says what to do."""


@dataclass(frozen=True)
class Goal:
    """What `make <goal>` runs, and whether it needs the tests' tools."""

    command: tuple[str, ...]
    with_tools: bool = False
    with_servers: bool = False


GOALS = {
    "run": Goal(("-m", "superapp.localdev.supervisor"), with_servers=True),
    "test": Goal(("-m", "superapp.localdev.checks", "--tests"), with_tools=True, with_servers=True),
    "lint": Goal(("-m", "superapp.localdev.checks"), with_tools=True),
    "soak": Goal(("-m", "superapp.localdev.soak"), with_tools=True, with_servers=True),
    "bench": Goal(("manage.py", "bench"), with_tools=True, with_servers=True),
    "backup": Goal(("-m", "superapp.localdev.with_servers", "backup"), with_servers=True),
    "restore": Goal(("-m", "superapp.localdev.with_servers", "restore"), with_servers=True),
    "reset": Goal(("-m", "superapp.localdev.reset")),
    "messages": Goal(("-m", "superapp.localdev.catalogues"), with_tools=True),
    "asyncapi": Goal(("-m", "superapp.localdev.asyncapi"), with_tools=True),
    "requirements": Goal(("-m", "superapp.localdev.requirements"), with_tools=True),
}


def main(arguments: list[str]) -> None:
    """Becomes the goal's command, or exits with 1 after saying what is missing."""
    goal = GOALS[arguments[0]]
    os.chdir(CLONE)
    end_with_make()
    try:
        if goal.with_servers:
            check_platform(os.environ)
        prepare(with_tools=goal.with_tools)
    except Refusal as refusal:
        print(f"\n{refusal}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    os.execv(PYTHON, [str(PYTHON), *goal.command, *arguments[1:]])  # noqa: S606


def end_with_make() -> None:
    """Where make was killed, or the terminal closed that it was the first program of, nobody else would end us.

    Kept by the command that we become. Elsewhere than on Linux, Ctrl-C and a closed terminal have to do.
    """
    if sys.platform == "linux" and os.environ.get("MAKELEVEL"):
        make = os.getppid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != make:
            sys.exit(143)


def check_platform(environment: Mapping[str, str]) -> None:
    here = (platform.system(), platform.machine())
    missing = [name for name in SERVERS if not environment.get(name)]
    if here not in PLATFORMS and missing:
        raise Refusal(
            f"There is no embedded PostgreSQL and Valkey for {' '.join(here)}.\n"
            f"→ Set {', '.join(missing)} to servers of yours; docs/first-change.md says how."
        )


def prepare(*, with_tools: bool) -> None:
    """Bring the virtual environment up to date; does nothing when it is. One at a time per clone."""
    wanted = fingerprints(with_tools=with_tools)
    if up_to_date(wanted):
        return
    with alone():
        if up_to_date(wanted):
            return
        if not usable():
            make_environment()
        install(wanted)


def fingerprints(*, with_tools: bool) -> dict[str, str]:
    """The requirement files to install, and what is in them."""
    names = ["requirements.txt", *(["requirements-dev.txt"] if with_tools else [])]
    return {name: hashlib.sha256((CLONE / name).read_bytes()).hexdigest() for name in names}


def installed() -> dict[str, str]:
    """What an earlier run installed into this very directory: after a move, its scripts point elsewhere."""
    try:
        stamp: dict[str, str] = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if stamp.get("directory") == str(ENVIRONMENT.resolve()) else {}


def up_to_date(wanted: Mapping[str, str]) -> bool:
    return wanted.items() <= installed().items() and PYTHON.exists()


def usable() -> bool:
    """Whether there is an environment to install into: made here, with an interpreter that works and is new enough."""
    code = f"import sys, pip; sys.exit(sys.version_info < {OLDEST})"
    try:
        # The second line names it where the first has no room for it, or where there is a space in it.
        head = "\n".join((ENVIRONMENT / "bin" / "pip").read_text().split("\n", 2)[:2])
        works = subprocess.run([PYTHON, "-I", "-c", code], capture_output=True, check=False).returncode == 0
    except OSError:
        return False
    # Scripts name their interpreter in full, so they still point to where a clone was before it was moved or copied.
    return works and str(ENVIRONMENT.resolve()) in head and not UNFINISHED.exists()


def make_environment() -> None:
    with step("python", f".venv with Python {platform.python_version()}"):
        if ENVIRONMENT.exists():
            shutil.rmtree(ENVIRONMENT)
        for command in environment_makers():
            run(command, cure="Read the end of the log; a full disk is the usual reason.")


def environment_makers() -> list[list[str]]:
    """Debian splits venv's pip off into a package of its own; virtualenv brings one along, or our pip fetches it."""
    if importlib.util.find_spec("ensurepip") and importlib.util.find_spec("venv"):
        return [[sys.executable, "-m", "venv", str(ENVIRONMENT)]]
    if importlib.util.find_spec("virtualenv"):
        return [[sys.executable, "-m", "virtualenv", "--quiet", str(ENVIRONMENT)]]
    if program := shutil.which("virtualenv"):
        return [[program, "--quiet", "--python", sys.executable, str(ENVIRONMENT)]]
    if importlib.util.find_spec("pip") and importlib.util.find_spec("venv"):
        fetch = [sys.executable, "-m", "pip", "--python", str(PYTHON), "install", "--quiet", PIP]
        return [[sys.executable, "-m", "venv", "--without-pip", str(ENVIRONMENT)], fetch]
    raise Refusal(
        f"{sys.executable} cannot make a virtual environment: it has no ensurepip, and there is no virtualenv or pip.\n"
        f"→ Install one of them (Debian and Ubuntu: apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv,"
        " or apt install virtualenv) and run this again."
    )


def install(wanted: Mapping[str, str]) -> None:
    command = [str(PYTHON), "-m", "pip", "install", "--require-hashes", "--no-deps", "--no-input", "--quiet"]
    command += ["--disable-pip-version-check", *(part for name in wanted for part in ("-r", str(CLONE / name)))]
    lines = [line for name in wanted for line in (CLONE / name).read_text().splitlines()]
    count = sum(line[:1].isalnum() for line in lines)
    UNFINISHED.touch()
    with step("packages", f"{count} from {' and '.join(wanted)}"):
        try:
            run(
                command,
                cure="Check that a package index can be reached (pip's settings and proxies count) and that the disk"
                " is not full, then run this again.",
            )
        except Refusal:
            # A disk that was full leaves half a package, which pip would take for a whole one.
            shutil.rmtree(ENVIRONMENT, ignore_errors=True)
            raise
    kept = {name: value for name, value in installed().items() if name in fingerprints(with_tools=True)}
    if kept.get("requirements.txt") != wanted["requirements.txt"]:
        # The tools were chosen to go with what has just been replaced.
        kept = {}
    STAMP.write_text(json.dumps({"directory": str(ENVIRONMENT.resolve()), **kept, **wanted}, indent=1))
    UNFINISHED.unlink()


def run(command: list[str], *, cure: str) -> None:
    """Ends with us, however we end: nothing goes on writing into an environment that nobody waits for."""
    leashed = [sys.executable, "-I", "-S", str(LEASH), "--", *command]
    with LOG.open("w+") as log:
        with subprocess.Popen(leashed, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT) as process:
            code = process.wait()
        if code:
            log.seek(0)
            end = "\n".join(log.read().splitlines()[-12:])
            raise Refusal(f"{end}\n→ {cure} The whole log is in {LOG.relative_to(CLONE)}.")


@contextmanager
def alone() -> Iterator[None]:
    LOCAL.mkdir(exist_ok=True)
    with (LOCAL / "install.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with step("waiting", "another make is installing into .venv"):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def step(name: str, text: str) -> Iterator[None]:
    began = time.monotonic()
    print(f"{name:<11}{text} … ", end="", flush=True)
    try:
        yield
    except BaseException:
        print("failed", flush=True)
        raise
    print(f"{time.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
