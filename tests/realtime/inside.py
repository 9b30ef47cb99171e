"""A gateway inside the test's own process, with uvicorn as everywhere: for kinds of topics and commands of the test's
own, and for settings that change while it runs."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from superapp.localdev.processes import free_port
from superapp.realtime import threads
from superapp.realtime.hub import Hub, running_hub


class InsideGateway:
    """``hub`` may be looked at, on its own thread: see ``on_its_loop``."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url, self.ws_url = f"http://127.0.0.1:{self.port}", f"ws://127.0.0.1:{self.port}/ws/"
        # The options of programs.web.
        options: dict[str, Any] = {
            "http": "superapp.core.http_protocol:BoundedHttp",
            "ws": "superapp.realtime.protocol:DeviceProtocol",
            "ws_max_size": 16384,
            "ws_per_message_deflate": False,
            "ws_ping_interval": 0,
            "ws_ping_timeout": 0,
            "lifespan": "auto",
            "access_log": False,
            "server_header": False,
            "timeout_graceful_shutdown": 5,
            "log_config": None,
        }
        self._server = uvicorn.Server(uvicorn.Config("superapp.asgi:application", port=self.port, **options))
        self._thread = threading.Thread(target=self._run, name="inside-gateway")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started = threading.Event()

    def start(self) -> None:
        self._thread.start()
        assert self._started.wait(timeout=20)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=20)
        assert not self._thread.is_alive()
        # Its threads hold connections to a database that the next module does not have.
        threads._pool().shutdown(wait=True)
        threads._pool.cache_clear()

    async def on_its_loop(self, look: Any) -> Any:
        """What ``look(hub)`` returns, called on the gateway's loop."""

        async def ask() -> Any:
            return look(self.hub)

        assert self._loop is not None
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(ask(), self._loop))

    @property
    def hub(self) -> Hub:
        return running_hub()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        serving = asyncio.create_task(self._server.serve())
        while not self._server.started and not serving.done():  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0.01)
        self._started.set()
        await serving


@contextmanager
def inside_gateway() -> Iterator[InsideGateway]:
    gateway = InsideGateway()
    gateway.start()
    try:
        yield gateway
    finally:
        gateway.stop()
