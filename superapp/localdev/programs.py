"""The command lines of the product's processes: the same for `make run` and for tests that start real ones."""

import sys
from pathlib import Path

Command = list[str | Path]

PYTHON = Path(sys.executable)
# Under root Celery warns at every start; on a developer's machine that is no news.
CELERY: Command = [
    PYTHON,
    "-W",
    "ignore:You're running the worker with superuser",
    "-m",
    "celery",
    "--quiet",
    "-A",
    "superapp",
]


def web(*listen: str) -> Command:
    """One origin for REST and sockets; ``listen`` is uvicorn's ``--fd``, or ``--host`` and ``--port``."""
    command: Command = [PYTHON, "-m", "uvicorn", "superapp.asgi:application", *listen]
    command += [
        "--http",
        "superapp.core.http_protocol:BoundedHttp",
        "--ws",
        "superapp.realtime.protocol:DeviceProtocol",
        "--ws-max-size",
        "16384",
        "--ws-per-message-deflate",
        "false",
    ]
    # The socket's protocol has a heartbeat of its own (REALTIME_PING_SECONDS).
    command += ["--ws-ping-interval", "0", "--ws-ping-timeout", "0"]
    # Nobody stands in front of us: what a client says of its address is not believed.
    command += ["--no-proxy-headers"]
    return [*command, "--lifespan", "auto", "--no-access-log", "--no-server-header", "--timeout-graceful-shutdown", "5"]


def rest(port: int) -> Command:
    """REST and pages alone, for the split form behind a proxy (docs/examples/nginx.conf).

    One worker: its figures at /metrics are then those of one process. Several of these are several ports.
    """
    command: Command = [PYTHON, "-m", "granian", "--interface", "wsgi", "superapp.wsgi:application"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--http", "1", "--no-ws", "--workers", "1"]
    # As many requests at once as there are threads. ``--backpressure`` counts connections, idle ones as well: more of
    # them than a proxy keeps open, or those that nobody uses would keep out whoever comes, and who asks how we are.
    command += ["--blocking-threads", "16", "--backpressure", "1024", "--backlog", "1024"]
    return [*command, "--log-level", "warning", "--no-access-log", "--workers-kill-timeout", "10"]


def loops() -> Command:
    return [PYTHON, "manage.py", "loops"]


def worker(queues: str = "default,media,exports") -> Command:
    return [*CELERY, "worker", "-Q", queues, "--concurrency", "2", "--without-gossip", "--without-mingle"]


def beat(schedule: Path) -> Command:
    return [*CELERY, "beat", "--schedule", schedule, "--pidfile", ""]
