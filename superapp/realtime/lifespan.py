"""What a gateway process does when it starts and stops."""

import gc
import resource
from typing import Any

from superapp.realtime.hub import running_hub, stop_hub


async def lifespan(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The ASGI lifespan protocol."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            _allow_many_sockets()
            running_hub()
            # What start-up made lives for ever; the collector need not walk over it for every thousand sockets.
            gc.collect()
            gc.freeze()
            await send({"type": "lifespan.startup.complete"})
        else:
            await stop_hub()
            await send({"type": "lifespan.shutdown.complete"})
            return


def _allow_many_sockets() -> None:
    """The soft limit of open files is often 1,024; the hard one is what the machine really allows."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):
        # macOS refuses "unlimited"; its default is enough for development.
        return
