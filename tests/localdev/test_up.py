"""`make run` in copies of this tree: healthy, one per clone, gone after Ctrl-C, back after kill -9."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from superapp.localdev import database, places, processes, supervisor
from superapp.localdev.progress import Problem

ROOMS = ["superapp", "payments", "messaging", "games", "brands", "taxis", "deals", "manage.py", "pyproject.toml"]
START_SECONDS = 60.0
pytestmark = pytest.mark.long
# What the test frame set for this process is not for those that start servers of their own.
FRAME = re.compile(r"DATABASE_|REDIS_URL|SECRET_KEY|DJANGO_|SUPERAPP_|PYTEST_|MAKE")


@dataclass
class Run:
    """One `make run`, without make and without the demo."""

    clone: Path
    process: "subprocess.Popen[bytes]"

    @property
    def output(self) -> str:
        return (self.clone / "output").read_text()

    def wait_up(self) -> str:
        """The origin that it prints when it is healthy."""
        processes.wait_until(lambda: "Superapp is up" in self.output or not self.alive(), seconds=START_SECONDS)
        found = re.search(r"health +(http://localhost:\d+)/healthz", self.output)
        assert found, self.output
        return found[1]

    def alive(self) -> bool:
        return self.process.poll() is None

    def end(self, number: int) -> int:
        if self.alive():
            self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture(scope="module")
def clones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """Two copies of the tree, as two clones on one machine."""
    made = [tmp_path_factory.mktemp("clone") for _ in range(2)]
    for clone in made:
        for room in ROOMS:
            source = places.CLONE / room
            if source.is_dir():
                shutil.copytree(source, clone / room, ignore=shutil.ignore_patterns("__pycache__", ".*"))
            else:
                shutil.copy(source, clone / room)
    yield made
    for clone in made:
        subprocess.run(
            [sys.executable, "-m", "superapp.localdev.reset", "--yes"], cwd=clone, env=environment(), check=True
        )


@pytest.fixture
def up() -> Iterator[Callable[[Path], Run]]:
    started: list[Run] = []

    def start(clone: Path) -> Run:
        with (clone / "output").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "superapp.localdev.supervisor", "--no-demo"],
                cwd=clone,
                env=environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                # A session of its own: a terminal of its own.
                start_new_session=True,
            )
        started.append(Run(clone, process))
        return started[-1]

    yield start
    for run in started:
        run.end(signal.SIGKILL)


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not FRAME.match(name)}


def of_clone(clone: Path) -> list[psutil.Process]:
    """Every process that runs from or for the clone: our own Python, Postgres, Valkey."""
    found = []
    for process in psutil.process_iter():
        try:
            about = [process.cwd(), *process.cmdline()]
            if any(part.startswith(str(clone)) for part in about) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def command_of(process: psutil.Process) -> list[str]:
    """Empty when it has ended since it was found: some of them live for a moment only."""
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def web_of(clone: Path) -> psutil.Process:
    found = [process for process in of_clone(clone) if "uvicorn" in command_of(process)]
    # Its leash has the whole command on its own command line.
    return next(process for process in found if not any(part.endswith("leash.py") for part in command_of(process)))


def get(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as response:
        return int(response.status)


def addresses(clone: Path) -> dict[str, str]:
    lines = (clone / ".local" / "run" / "env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_run_is_healthy_and_alone_and_ctrl_c_leaves_no_process(clones: list[Path], up: Callable[[Path], Run]) -> None:
    clone = clones[0]
    run = up(clone)
    origin = run.wait_up()
    for path in ("/healthz", "/readyz", "/api/schema/", "/api/docs/"):
        assert get(origin + path) == 200
    assert oct((clone / ".local/run/env").stat().st_mode)[-3:] == "600"
    assert addresses(clone)["PUBLIC_ORIGIN"] == origin
    names = " ".join(" ".join(command_of(process)) for process in of_clone(clone))
    assert all(name in names for name in ("uvicorn", "manage.py loops", "celery", "beat", "postgres", "valkey-server"))

    second = subprocess.run(
        [sys.executable, "-m", "superapp.localdev.supervisor"],
        cwd=clone, env=environment(), capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert second.returncode == 1
    assert f"already runs at {origin} (process {run.process.pid})" in second.stdout

    assert run.end(signal.SIGINT) == 0
    assert of_clone(clone) == []
    assert "Traceback" not in run.output


def test_killed_run_does_not_block_the_next_and_two_clones_do_not_collide(
    clones: list[Path], up: Callable[[Path], Run]
) -> None:
    ours, theirs = clones
    killed = up(ours)
    killed.wait_up()
    before = addresses(ours)
    web = web_of(ours)
    database.clone(before["DATABASE_OWNER_URL"], template="template0", name="kept")
    # Everything that could clean up goes at once.
    for process in of_clone(ours):
        if "leash.py" in " ".join(command_of(process)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    killed.end(signal.SIGKILL)

    again, other = up(ours), up(theirs)
    origins = {again.wait_up(), other.wait_up()}
    assert len(origins) == 2
    for origin in origins:
        assert get(origin + "/readyz") == 200
    after = addresses(ours)
    assert after["SECRET_KEY"] == before["SECRET_KEY"]
    assert database.names(after["DATABASE_OWNER_URL"], prefix="kept") == ["kept"]
    assert not web.is_running()

    web_of(theirs).kill()
    said = "web    │ ended with exit code 137; starts again in 0.5 s"
    assert processes.wait_until(lambda: said in other.output, seconds=5), other.output
    assert get(addresses(theirs)["PUBLIC_ORIGIN"] + "/readyz") == 200

    again.process.terminate()
    other.process.send_signal(signal.SIGHUP)
    assert (again.process.wait(30), other.process.wait(30)) == (0, 0)
    assert of_clone(ours) == of_clone(theirs) == []


def test_failing_step_ends_with_a_cure_and_leaves_no_process(clones: list[Path], up: Callable[[Path], Run]) -> None:
    clone = clones[1]
    broken = clone / "superapp" / "urls.py"
    text = broken.read_text()
    broken.write_text("import no_such_module\n" + text)
    try:
        run = up(clone)
        assert run.process.wait(START_SECONDS) == 1
    finally:
        broken.write_text(text)
    assert run.output.rstrip().splitlines()[-1].startswith("→ ")
    assert of_clone(clone) == []


def test_what_the_listener_accepts_sends_every_piece_at_once() -> None:
    """The server that gets this socket does not know that it is TCP, so it leaves Nagle's algorithm on."""
    with supervisor._listen(None) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


@pytest.mark.parametrize("port", [-1, 65_536, 99_999])
def test_port_that_cannot_be_is_said_so(port: int) -> None:
    with pytest.raises(Problem) as problem:
        supervisor._listen(port)
    assert str(port) in problem.value.what
