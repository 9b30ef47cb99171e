"""REST as in the split form: granian, one worker."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from superapp.bench.stand import Stand, listens
from superapp.localdev.processes import Child, free_port

PRODUCT = "superapp.wsgi:application"
THREADS = 4


@dataclass(frozen=True)
class Server:
    child: Child
    port: int


@contextmanager
def serving(stand: Stand, name: str, application: str = PRODUCT) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--blocking-threads", str(THREADS), "--no-ws", "--no-access-log"]
    with stand.process(name, [*command, application], ready=lambda child: listens(port)) as child:
        yield Server(child, port)
