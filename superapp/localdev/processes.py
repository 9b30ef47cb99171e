"""Starting processes that cannot outlive us, and ending processes that an earlier run left behind.

A process is only ever ended by its pid, and only after something other than the pid has shown that it is ours: a pid
that was written down yesterday may belong to somebody else today.
"""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

PIPE = subprocess.PIPE
LEASH = Path(__file__).with_name("leash.py")


@dataclass(frozen=True)
class Account:
    """An operating system user to run a command as."""

    uid: int
    gid: int


@dataclass
class Child:
    """A command on a leash. ``pid`` is the command's own; ``leash`` ends after it, with the shell's exit code."""

    pid: int
    leash: "subprocess.Popen[bytes]"
    grace_seconds: float

    def alive(self) -> bool:
        return self.leash.poll() is None

    @property
    def output(self) -> IO[bytes]:
        """What the command says, if it was started with ``output=PIPE``."""
        assert self.leash.stdout is not None
        return self.leash.stdout

    def begin_stop(self) -> None:
        """Let go of the leash, which then ends the command by itself."""
        assert self.leash.stdin is not None
        self.leash.stdin.close()

    def stop(self) -> None:
        self.begin_stop()
        self.wait_stopped()

    def wait_stopped(self) -> None:
        try:
            self.leash.wait(self.grace_seconds + 5)
        except subprocess.TimeoutExpired:
            # Only a leash that is itself stopped or swapped out takes this long.
            self.kill()
            self.leash.kill()
            self.leash.wait()

    def kill(self) -> None:
        """SIGKILL to the command, as a crash would; returns when it has ended."""
        self.signal(signal.SIGKILL)
        self.leash.wait(10)

    def signal(self, number: int) -> None:
        """Nothing happens if the command has ended: while its leash lives, nobody else can have its pid."""
        if self.alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                pass


def spawn(
    command: Sequence[str | Path],
    *,
    output: "int | IO[bytes]",
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    account: Account | None = None,
    stop_signal: int = signal.SIGTERM,
    grace_seconds: float = 10.0,
    raise_open_files: bool = False,
    pass_fds: Sequence[int] = (),
) -> Child:
    """Start ``command`` on a leash; both its outputs go to ``output``, a file or ``PIPE``."""
    reader, writer = os.pipe()
    options = ["--signal", str(int(stop_signal)), "--grace", str(grace_seconds), "--report", str(writer)]
    if account is not None:
        options += ["--user", str(account.uid), "--group", str(account.gid)]
    if raise_open_files:
        options.append("--open-files")
    for number in pass_fds:
        options += ["--pass-fd", str(number)]
    try:
        leash = subprocess.Popen(
            [sys.executable, "-I", "-S", str(LEASH), *options, "--", *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if environment is None else dict(environment),
            cwd=directory,
            pass_fds=(writer, *pass_fds),
            start_new_session=True,
        )
    finally:
        os.close(writer)
    with os.fdopen(reader) as report:
        pid = report.readline()
    # No report: the command could not be started, and the leash says why in the output.
    return Child(pid=int(pid or leash.pid), leash=leash, grace_seconds=grace_seconds)


def command_line(pid: int) -> list[str]:
    """Empty when there is no such process, or when it is a zombie."""
    try:
        return psutil.Process(pid).cmdline()
    except psutil.Error:
        return []


def program(pid: int) -> str:
    """The name of what it runs. Postgres' children call themselves ``postgres: what they do``."""
    words = command_line(pid)
    return Path(words[0].partition(":")[0]).name if words else ""


def working_in(directory: Path) -> list[int]:
    """Processes whose working directory is ``directory``. Those that we may not look at are not ours anyway."""
    found = []
    for process in psutil.process_iter():
        try:
            # Linux marks a directory that has been deleted since.
            if process.cwd().removesuffix(" (deleted)") == str(directory):
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def with_variable(name: str, value: str) -> list[int]:
    """Processes that were started with this environment variable, or whose ancestors were."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(name) == value and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def end(pids: Callable[[], Iterable[int]], *, signals: Sequence[tuple[int, float]]) -> bool:
    """Send each signal in turn to what ``pids`` returns, waiting its seconds for the list to become empty.

    True once it is. ``pids`` is asked anew each time, so that a pid which changed hands meanwhile is left alone.
    """
    for number, seconds in signals:
        for pid in pids():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        if wait_until(lambda: not list(pids()), seconds=seconds):
            return True
    return not list(pids())


def wait_until(condition: Callable[[], bool], *, seconds: float, pause: float = 0.02) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def free_port() -> int:
    """One that nobody listens on. Below those that the kernel gives to connections (Linux: from 32768 on), which could
    take it before the process that it is for, and at random, because others look for one, too."""
    for port in random.sample(range(10_000, 32_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("a hundred ports in a row are taken")
