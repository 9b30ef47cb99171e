"""Waiting for something to become true, never for time to pass."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object], *, seconds: float = 15.0) -> None:
    """Raises ``TimeoutError``; the traceback shows the condition."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 (conditions here are plain state of many kinds)
            await asyncio.sleep(0.01)
