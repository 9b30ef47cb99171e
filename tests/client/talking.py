"""Driving ``talk`` as a script would: lines in, lines out."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from superapp.localdev.places import CLONE
from tests.client.conditions import until


@dataclass
class Talker:
    """A running ``talk``. ``lines`` are what it has printed so far, errors included."""

    process: Process
    lines: list[str] = field(default_factory=list)

    def type(self, *lines: str) -> None:
        assert self.process.stdin is not None
        for line in lines:
            self.process.stdin.write(f"{line}\n".encode())

    def end_of_input(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    async def shows(self, text: str, *, times: int = 1) -> None:
        """Wait until that many lines with ``text`` in them have been printed."""
        try:
            await until(lambda: sum(text in line for line in self.lines) >= times, seconds=30)
        except TimeoutError:
            raise AssertionError(f"{text!r} was not shown:\n" + "\n".join(self.lines)) from None

    async def leaves(self) -> int:
        async with asyncio.timeout(30):
            return await self.process.wait()

    async def ends_when_asked(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return await self.leaves()

    async def _listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(line.decode().rstrip("\n"))


@contextlib.asynccontextmanager
async def talk(
    url: str, handle: str, to: str, *options: str, program: list[str] | None = None
) -> AsyncIterator[Talker]:
    """``program``: how it is started, without its arguments; else the module itself."""
    arguments = ["--as", handle, "--to", to, "--url", url, *options]
    process = await asyncio.create_subprocess_exec(
        *(program or [sys.executable, "-m", "superapp.client.talk"]),
        *arguments,
        stdin=PIPE,
        stdout=PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=CLONE,
        env={**os.environ, "TZ": "UTC"},
    )
    talker = Talker(process)
    listening = asyncio.create_task(talker._listen())
    try:
        yield talker
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await listening
