"""Runs one command that must not outlive whoever started it, even when that one is killed with -9.

``python leash.py [options] -- command …`` with a pipe as standard input whose other end the owner holds. When the pipe
closes, for whatever reason, or SIGTERM arrives, the command gets ``--signal`` and, after ``--grace`` seconds, SIGKILL;
then whatever is left in its process group goes too. Only the standard library: ``python -I -S`` starts it in
milliseconds and with little memory.
"""

import argparse
import ctypes
import os
import resource
import select
import signal
import subprocess
import sys
from types import FrameType
from typing import Any

# How soon an end is noticed should a wake-up be lost.
POLL_SECONDS = 1.0
PR_SET_PDEATHSIG = 1


def main() -> int:
    options = parse(sys.argv[1:])
    # Ctrl-C belongs to the owner, which decides in which order things stop.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    news = wake_up_on(signal.SIGCHLD, signal.SIGTERM)
    child = start(options)
    if options.report is not None:
        os.write(options.report, f"{child.pid}\n".encode())
        os.close(options.report)
    while child.poll() is None:
        ready, _, _ = select.select([news, 0], [], [], POLL_SECONDS)
        told_to_stop = news in ready and signal.SIGTERM in os.read(news, 64)
        if told_to_stop or (0 in ready and not os.read(0, 64)):
            stop(child, options.signal, options.grace)
    sweep(child.pid)
    # The shell's convention for a command that a signal ended.
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--signal", type=int, default=int(signal.SIGTERM))
    parser.add_argument("--grace", type=float, default=10.0)
    parser.add_argument("--report", type=int, help="a file descriptor that the command's pid is written to")
    parser.add_argument("--pass-fd", type=int, action="append", default=[], help="keep this open in the command")
    parser.add_argument("--user", type=int)
    parser.add_argument("--group", type=int)
    parser.add_argument("--open-files", action="store_true", help="raise the soft limit of open files to the hard one")
    parser.add_argument("command", nargs="+")
    return parser.parse_args(arguments)


def wake_up_on(*numbers: int) -> int:
    """A file descriptor on which each of these signals arrives as one byte, its number."""
    reader, writer = os.pipe()
    for end in (reader, writer):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def wake(_number: int, _frame: FrameType | None) -> None:
        """Without a handler there is no byte."""

    for number in numbers:
        signal.signal(number, wake)
    return reader


def start(options: argparse.Namespace) -> "subprocess.Popen[bytes]":
    def prepare() -> None:
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)
        if options.open_files:
            raise_open_files()
        if sys.platform == "linux":
            # Should this leash itself be killed with -9, the kernel passes the signal on.
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, options.signal)

    other_user: dict[str, Any] = {}
    if options.user is not None:
        other_user = {"user": options.user, "group": options.group, "extra_groups": []}
    # A process group of its own, so that the terminal's Ctrl-C misses it and stragglers can be swept.
    return subprocess.Popen(
        options.command,
        stdin=subprocess.DEVNULL,
        pass_fds=options.pass_fd,
        process_group=0,
        preexec_fn=prepare,
        **other_user,
    )


def raise_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS reports no hard limit but refuses more than the kernel's own; then a smaller number has to do.
    for wanted in (hard, 1 << 20, 1 << 16, 10_240):
        if wanted != resource.RLIM_INFINITY and wanted > soft:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            except (OSError, ValueError):
                continue
            return


def stop(child: "subprocess.Popen[bytes]", number: int, grace: float) -> None:
    child.send_signal(number)
    try:
        child.wait(grace)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def sweep(group: int) -> None:
    """End what the command left behind in its process group."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


if __name__ == "__main__":
    sys.exit(main())
