"""`make run`: the servers, the schema, the demo data, and every process of the product under one roof.

Whoever ends this process, and however, nothing stays behind: each child is on a leash (``leash.py``), the claim on the
instance is the kernel's to give back, and the next run deals with what a crash of the machine may have left.
"""

import argparse
import http.client
import json
import os
import secrets
import selectors
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from superapp.localdev import places, processes, programs, services
from superapp.localdev.places import Busy, Claim
from superapp.localdev.processes import Child
from superapp.localdev.progress import Problem, complain, note, say, step

INSTANCE = "run"
RUN = places.LOCAL / INSTANCE
HEALTHY_SECONDS = 60.0
# One that cannot start, for want of a module or a table, has ended by then.
LIVED_SECONDS = 2.0
# A child that lived this long has started well; its next crash is a new story.
SETTLED_SECONDS = 30.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 10.0
# Marks every process of a run, so that the next one recognises what a crash left behind.
MARK = "SUPERAPP_RUN"
COLOURS = {"web": 36, "loops": 33, "worker": 35, "beat": 32}


class Stopped(BaseException):
    """Somebody wants us to stop. Raised by the signal handler, wherever we are."""


@dataclass
class Program:
    """One process of the product, and what the supervisor knows about it."""

    name: str
    command: Sequence[str | Path]
    pass_fds: Sequence[int] = ()
    raise_open_files: bool = False
    child: Child | None = None
    started_at: float = 0.0
    pause_seconds: float = FIRST_PAUSE_SECONDS
    restart_at: float | None = None
    unfinished_line: bytes = b""

    def ended_twice(self) -> bool:
        return self.pause_seconds > 2 * FIRST_PAUSE_SECONDS

    def has_lived(self, seconds: float) -> bool:
        return self.child is not None and self.child.alive() and time.monotonic() - self.started_at > seconds


@dataclass
class Supervisor:
    programs: list[Program]
    environment: Mapping[str, str]
    parent: int | None
    servers: services.Services
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def start(self) -> None:
        for program in self.programs:
            self._start(program)

    def wait_healthy(self, port: int) -> None:
        """Raises ``Problem`` when a process keeps ending or the product does not become ready in time."""
        deadline = time.monotonic() + HEALTHY_SECONDS
        answer, asked_at = "nothing yet", 0.0
        while True:
            self.tend(0.1)
            if broken := next((program for program in self.programs if program.ended_twice()), None):
                raise Problem(
                    f"{broken.name} ends again and again.",
                    cure=f"Its lines above, marked {broken.name}, say why; mend that and run this again.",
                )
            lived = all(program.has_lived(LIVED_SECONDS) for program in self.programs)
            # Asking makes a line of log, and every line wakes us.
            if lived and time.monotonic() - asked_at > 0.25:
                asked_at = time.monotonic()
                ready, answer = _readiness(port)
                if ready:
                    return
            if time.monotonic() > deadline:
                raise Problem(
                    f"Not ready after {HEALTHY_SECONDS:.0f} s; /readyz says: {answer}.",
                    cure="The lines above may say why. A server of yours has to be there: see DATABASE_URL, REDIS_URL."
                    " `make reset` starts afresh if the data is the reason.",
                )

    def run(self) -> None:
        while True:
            self.tend(0.25)

    def tend(self, seconds: float) -> None:
        """Show what the children say for up to ``seconds``, and bring back whoever ended."""
        self._relay(seconds)
        for program, child in self._started():
            if not child.alive():
                self._ended(program, child)
        for program in self.programs:
            if program.restart_at is not None and time.monotonic() >= program.restart_at:
                self._start(program)
        if ended := self.servers.ended():
            raise Problem(f"{ended[0]} has ended.", cure=f"{ended[1]} says why. Run this again: the data is kept.")
        if self.parent is not None and os.getppid() != self.parent:
            raise Stopped("whoever started this has ended")

    def pids(self) -> dict[str, int]:
        return {program.name: child.pid for program, child in self._started()}

    def stop(self) -> None:
        """Tell all at once, then wait for all: SIGTERM, and SIGKILL after ten seconds."""
        for _, child in self._started():
            child.begin_stop()
        # What they still say has to be read, or a full pipe would keep them from ending.
        while any(child.alive() for _, child in self._started()) and self.selector.get_map():
            self._relay(0.1)
        for _, child in self._started():
            child.wait_stopped()

    def _started(self) -> list[tuple[Program, Child]]:
        return [(program, program.child) for program in self.programs if program.child is not None]

    def _start(self, program: Program) -> None:
        program.restart_at, program.started_at = None, time.monotonic()
        program.child = processes.spawn(
            program.command,
            output=processes.PIPE,
            environment=self.environment,
            directory=places.CLONE,
            raise_open_files=program.raise_open_files,
            pass_fds=program.pass_fds,
        )
        os.set_blocking(program.child.output.fileno(), False)
        self.selector.register(program.child.output, selectors.EVENT_READ, program)

    def _ended(self, program: Program, child: Child) -> None:
        self._relay(0)
        self._hang_up(child)
        if time.monotonic() - program.started_at > SETTLED_SECONDS:
            program.pause_seconds = FIRST_PAUSE_SECONDS
        pause = program.pause_seconds
        self._show(program, f"ended with exit code {child.leash.returncode}; starts again in {pause:g} s")
        program.child, program.restart_at = None, time.monotonic() + pause
        program.pause_seconds = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _relay(self, seconds: float) -> None:
        for key, _ in self.selector.select(seconds):
            program: Program = key.data
            received = os.read(key.fd, 1 << 16)
            *lines, program.unfinished_line = (program.unfinished_line + received).split(b"\n")
            if not received:
                lines, program.unfinished_line = [program.unfinished_line], b""
                self.selector.unregister(key.fileobj)
            for line in filter(None, lines):
                self._show(program, line.decode(errors="replace"))

    def _hang_up(self, child: Child) -> None:
        """Stop listening. Something that the child left behind may still hold the other end."""
        if child.output.fileno() in self.selector.get_map():
            self.selector.unregister(child.output)
        child.output.close()

    def _show(self, program: Program, line: str) -> None:
        label = f"{program.name:<7}│"
        say(f"\033[{COLOURS[program.name]}m{label}\033[0m {line}" if _coloured() else f"{label} {line}")


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code: 0 after Ctrl-C, 1 when a step failed, which has been explained by then."""
    options = _parse(arguments)
    _stop_on_signals()
    try:
        with _claim() as claim:
            _up(claim, options)
    except Problem as problem:
        complain(problem)
        return 1
    except Stopped:
        pass
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="manage.py up", description="Start everything; Ctrl-C stops it.")
    parser.add_argument("--port", type=int, help="instead of 8000 or the next free one")
    parser.add_argument("--no-demo", action="store_true", help="leave the demo people out")
    return parser.parse_args(arguments)


def _up(claim: Claim, options: argparse.Namespace) -> None:
    began = time.monotonic()
    with ExitStack() as cleanup:
        end_leftovers()
        cleanup.callback(lambda: note("stopped", "no process is left; the data is kept"))
        running = services.start(INSTANCE)
        cleanup.callback(running.stop)
        listener = cleanup.enter_context(_listen(options.port))
        port = listener.getsockname()[1]
        environment = os.environ | _write_environment(running, port)
        card = _prepare(environment, with_demo=not options.no_demo)
        supervisor = Supervisor(
            _programs(listener), environment | {MARK: str(places.CLONE)}, _parent_to_watch(), running
        )
        claim.tell(pid=str(os.getpid()), url=f"http://localhost:{port}", phase="starting")
        cleanup.callback(_quietly_stop, supervisor, claim)
        with step("processes", ", ".join(program.name for program in supervisor.programs) + ": waiting for health"):
            supervisor.start()
            supervisor.wait_healthy(port)
        claim.tell(pid=str(os.getpid()), url=f"http://localhost:{port}", phase="running")
        say(_card(port, card, running, supervisor.pids(), time.monotonic() - began))
        supervisor.run()


def _quietly_stop(supervisor: Supervisor, claim: Claim) -> None:
    claim.tell(pid=str(os.getpid()), phase="stopping")
    say("\nstopping …")
    supervisor.stop()


# --- One run per clone ------------------------------------------------------------------------------------------------


def _claim() -> Claim:
    """Waits for a run that is just ending. Raises ``Problem`` when one is there to stay."""
    patience = time.monotonic() + 2.0
    while True:
        try:
            return Claim(INSTANCE)
        except Busy as busy:
            holder = busy.holder
        if holder.get("phase") == "stopping":
            patience = time.monotonic() + 2.0
        if time.monotonic() > patience:
            break
        time.sleep(0.1)
    where = f"at {holder['url']} " if "url" in holder else ""
    raise Problem(
        f"This clone already runs {where}(process {holder.get('pid', 'unknown')}).",
        cure="Use that one, or stop it with Ctrl-C in its terminal first.",
    )


def end_leftovers() -> None:
    """Processes of a run that was killed are about to end by themselves; see to it that they have."""
    if not processes.end(_leftovers, signals=[(signal.SIGTERM, 3.0), (signal.SIGKILL, 5.0)]):
        raise Problem(
            "Processes of an earlier run cannot be stopped.",
            cure=f"End {', '.join(map(str, _leftovers()))} and try again.",
        )


def _leftovers() -> list[int]:
    return [pid for pid in processes.with_variable(MARK, str(places.CLONE)) if pid != os.getpid()]


def _stop_on_signals() -> None:
    def stop(number: int, _frame: FrameType | None) -> None:
        # Once is enough: what comes during the clean-up must not cut it short.
        for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(other, signal.SIG_IGN)
        raise Stopped(signal.Signals(number).name)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    # `nohup make run` means it.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, stop)


def _parent_to_watch() -> int | None:
    """make does not pass on its own SIGKILL; without it nobody is left to press Ctrl-C."""
    return os.getppid() if "MAKELEVEL" in os.environ else None


# --- Getting ready ----------------------------------------------------------------------------------------------------


def _listen(wanted: int | None) -> socket.socket:
    """The web process's listening socket. It stays ours, so that two clones never pick the same port and a restart
    of the web process refuses nobody."""
    if wanted is not None and not 0 < wanted < 65_536:
        raise Problem(f"There is no port {wanted}.", cure="Choose one from 1024 to 65535: `make run PORT=9000`.")
    for port in [wanted] if wanted else range(8000, 8100):
        if not _free_on_ipv6(port):
            continue
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Inherited by what it accepts. Servers set it themselves, but not on a socket that they were handed: then the
        # second piece of every answer waits 40 ms for the first one to be acknowledged.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(1024)
        except OSError:
            listener.close()
            continue
        if wanted is None and port != 8000:
            note("port", f"8000 is taken by another program, so this is {port}")
        return listener
    if wanted:
        raise Problem(f"Port {wanted} is taken or not allowed.", cure="Choose another one: `make run PORT=9000`.")
    raise Problem("All ports from 8000 to 8099 are taken.", cure="Choose one yourself: `make run PORT=9000`.")


def _free_on_ipv6(port: int) -> bool:
    """Browsers try ::1 first for localhost; whoever listens there would get our visitors."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.settimeout(0.5)
            return probe.connect_ex(("::1", port)) != 0
    except OSError:
        return True


def _write_environment(running: services.Services, port: int) -> dict[str, str]:
    """What settings/local.py reads, so that `manage.py shell` and `talk` in another terminal meet this run."""
    values = {
        "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "superapp.settings.local"),
        **running.environment(),
        "PUBLIC_ORIGIN": os.environ.get("PUBLIC_ORIGIN") or f"http://localhost:{port}",
    }
    lines = "".join(f"{name}={value}\n" for name, value in values.items() if name != "DJANGO_SETTINGS_MODULE")
    places.write_privately(RUN / "env", lines)
    return values | {"PYTHONUNBUFFERED": "1"}


def _prepare(environment: Mapping[str, str], *, with_demo: bool) -> list[str]:
    """Schema and demo data, in a process that has Django; returns the demo's lines for the card."""
    card = RUN / f"card-{secrets.token_hex(4)}.json"
    command = [sys.executable, "-m", "superapp.localdev.prepare", str(card), *([] if with_demo else ["--no-demo"])]
    # Its own progress lines go where ours go.
    child = processes.spawn(command, output=sys.stdout.fileno(), environment=environment, directory=places.CLONE)
    try:
        if child.leash.wait():
            # It has said why, and what to do.
            raise SystemExit(1)
        lines: list[str] = json.loads(card.read_text())
        return lines
    finally:
        child.stop()
        card.unlink(missing_ok=True)


def _programs(listener: socket.socket) -> list[Program]:
    descriptor = listener.fileno()
    return [
        Program("web", programs.web("--fd", str(descriptor)), pass_fds=[descriptor], raise_open_files=True),
        Program("loops", programs.loops()),
        Program("worker", programs.worker()),
        Program("beat", programs.beat(RUN / "beat")),
    ]


def _readiness(port: int) -> tuple[bool, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        return response.status == 200, f"{response.status} {response.read(500).decode(errors='replace')}"
    except (OSError, http.client.HTTPException) as error:
        return False, f"no answer ({type(error).__name__})"
    finally:
        connection.close()


# --- What a person sees -----------------------------------------------------------------------------------------------


def _card(port: int, demo: Sequence[str], running: services.Services, pids: Mapping[str, int], seconds: float) -> str:
    origin = f"http://localhost:{port}"
    data = [
        places.shown(running.postgres.data) if running.postgres else "your PostgreSQL (DATABASE_URL)",
        places.shown(running.valkey.data) if running.valkey else "your Redis (REDIS_URL)",
    ]
    lines = [
        f"Superapp is up after {seconds:.1f} s.",
        "",
        f"  API docs    {origin}/api/docs/   (schema: {origin}/api/schema/)",
        f"  health      {origin}/healthz",
        f"  socket      ws://localhost:{port}/ws/",
        "",
        *(f"  {line}" for line in demo),
        *([""] if demo else []),
        "  talk        .venv/bin/python manage.py talk --as ada --to bo      (in another terminal)",
        f"  data        {', '.join(data)}",
        f"  processes   {', '.join(f'{name} {pid}' for name, pid in pids.items())}   (kill -9 one: it comes back)",
        "  stop        Ctrl-C (the data is kept)      reset: make reset",
    ]
    if _coloured():
        lines[0] = f"\033[1m{lines[0]}\033[0m"
    return "\n" + "\n".join(lines) + "\n"


def _coloured() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
