"""The two ends of a terminal: somebody at a keyboard, or a script behind a pipe."""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession


class Terminal(Protocol):
    """Where lines come from and go to. ``lines`` ends when nothing more will be typed."""

    def say(self, line: str) -> None:
        """A line that stays."""

    def hint(self, text: str) -> None:
        """What is going on right now; it replaces the last hint. Empty: nothing."""

    def lines(self) -> AsyncIterator[str]: ...


class Pipe:
    """Standard input is no keyboard: lines are read as they come, everything is said in plain lines."""

    def __init__(self) -> None:
        self._hinted = ""

    def say(self, line: str) -> None:
        print(line, flush=True)

    def hint(self, text: str) -> None:
        if text and text != self._hinted:
            self.say(f"* {text}")
        self._hinted = text

    async def lines(self) -> AsyncIterator[str]:
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[str | None]()
        # A thread of our own: those of the loop's pool are waited for at the end, and this one may be stuck in a read.
        threading.Thread(target=_read_lines, args=(lambda line: _put(loop, queue, line),), daemon=True).start()
        while (line := await queue.get()) is not None:
            yield line


def _put(loop: asyncio.AbstractEventLoop, queue: asyncio.Queue[str | None], line: str | None) -> None:
    try:
        loop.call_soon_threadsafe(queue.put_nowait, line)
    except RuntimeError:
        # The loop has ended; nobody reads any more.
        pass


def _read_lines(emit: Callable[[str | None], None]) -> None:
    """Every line of standard input, then None. Not through ``sys.stdin``: a thread that is stuck inside it when the
    program ends takes the interpreter down with it."""
    rest = b""
    while chunk := os.read(sys.stdin.fileno(), 65536):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            emit(line.decode(errors="replace").rstrip("\r"))
    if rest:
        emit(rest.decode(errors="replace"))
    emit(None)


class Keyboard:
    """A prompt at the bottom, above which the conversation scrolls. ``on_typing`` is called at every key of a text."""

    def __init__(self, *, on_typing: Callable[[], None]) -> None:
        self._on_typing = on_typing
        self._hint = ""
        self._session: PromptSession[str] | None = None

    def say(self, line: str) -> None:
        print(line)

    def hint(self, text: str) -> None:
        self._hint = text
        if self._session is not None:
            self._session.app.invalidate()

    async def lines(self) -> AsyncIterator[str]:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.patch_stdout import patch_stdout

        # What was typed is erased on Enter: the message is shown when the server has it, in its place.
        session = self._session = PromptSession("› ", erase_when_done=True, bottom_toolbar=lambda: self._hint or None)
        session.default_buffer.on_text_changed += lambda buffer: self._typed(buffer.text)
        with patch_stdout():
            while True:
                try:
                    yield await session.prompt_async()
                except (EOFError, KeyboardInterrupt):
                    return

    def _typed(self, text: str) -> None:
        if text and not text.startswith("/"):
            self._on_typing()
