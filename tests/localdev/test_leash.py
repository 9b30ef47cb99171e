"""A command on a leash ends with whoever started it, however that one ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from superapp.localdev import places, processes

# Starts a command on a leash, prints its pid, and waits to be killed.
OWNER = """
import sys, time
from superapp.localdev import processes
child = processes.spawn(sys.argv[1:], output=processes.PIPE, grace_seconds=1.0)
print(child.pid, flush=True)
time.sleep(60)
"""
# A child of its own, and no intention to end on SIGTERM.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
inner = subprocess.Popen(["sleep", "60"])
open(sys.argv[1], "w").write(str(inner.pid))
time.sleep(60)
"""
# Leaves a note when it is told to end.
OBEDIENT = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(open(sys.argv[1], "w").close()))
print("ready", flush=True)
time.sleep(60)
"""


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def python(code: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", code, *map(str, arguments)]


def spawn(tmp_path: Path, command: list[str], **options: float) -> processes.Child:
    with (tmp_path / "output").open("wb") as output:
        return processes.spawn(command, output=output, **options)


def test_command_and_its_children_end_when_the_owner_is_killed(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    owner = subprocess.Popen(
        python(OWNER, *python(STUBBORN, inner)), stdout=subprocess.PIPE, text=True, cwd=places.CLONE
    )
    pid = int(owner.stdout.readline())
    assert processes.wait_until(lambda: inner.exists() and bool(inner.read_text()), seconds=10)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    # SIGTERM is ignored, so this takes the second of grace.
    assert processes.wait_until(lambda: gone(pid) and gone(int(inner.read_text())), seconds=10)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has been killed")
def test_command_ends_when_the_leash_itself_is_killed(tmp_path: Path) -> None:
    child = spawn(tmp_path, ["sleep", "60"])
    child.leash.kill()
    child.leash.wait()
    assert processes.wait_until(lambda: gone(child.pid), seconds=5)


@pytest.mark.parametrize(
    ("code", "expected"), [("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137)]
)
def test_leash_ends_with_the_commands_exit_code(tmp_path: Path, code: str, expected: int) -> None:
    assert spawn(tmp_path, python(code)).leash.wait(10) == expected


def test_stop_sends_the_signal_and_waits(tmp_path: Path) -> None:
    marker = tmp_path / "ended"
    child = spawn(tmp_path, python(OBEDIENT, marker))
    assert processes.wait_until(lambda: "ready" in (tmp_path / "output").read_text(), seconds=10)
    child.stop()
    assert marker.exists()
    assert gone(child.pid)


def test_stubborn_command_is_killed_after_the_grace_period(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    child = spawn(tmp_path, python(STUBBORN, inner), grace_seconds=0.3)
    assert processes.wait_until(lambda: inner.exists() and bool(inner.read_text()), seconds=10)
    began = time.monotonic()
    child.stop()
    assert time.monotonic() - began < 5
    assert gone(child.pid)
    assert gone(int(inner.read_text()))


def test_ctrl_c_in_the_terminal_does_not_reach_the_command(tmp_path: Path) -> None:
    child = spawn(tmp_path, ["sleep", "60"])
    assert os.getpgid(child.pid) != os.getpgid(os.getpid())
    assert os.getsid(child.pid) != os.getsid(os.getpid())
    child.stop()


def test_command_that_does_not_exist_says_so(tmp_path: Path) -> None:
    child = spawn(tmp_path, ["/no/such/program"])
    assert child.leash.wait(10) != 0
    assert "/no/such/program" in (tmp_path / "output").read_text()


def test_ending_asks_politely_first_and_tells_whether_it_worked(tmp_path: Path) -> None:
    child = spawn(tmp_path, ["sleep", "60"])
    assert processes.end(lambda: [] if gone(child.pid) else [child.pid], signals=[(signal.SIGTERM, 5.0)])
    mine = os.getpid()
    assert not processes.end(lambda: [mine], signals=[(0, 0.1)])
