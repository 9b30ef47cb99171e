"""What we want to say and the server has not yet acknowledged."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from superapp.client.api import new_key
from superapp.client.errors import ApiError
from superapp.client.shapes import Json, Message


@dataclass(eq=False)
class Outgoing:
    """A message on its way. It gets its ``client_id`` once; every attempt carries the same, so it is stored once."""

    conversation_id: str
    content: Json
    client_id: str = field(default_factory=new_key)
    attempts: int = 0
    answer: asyncio.Future[Message] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    async def acknowledged(self) -> Message:
        """Wait for the message as the server stored it. Raises ``ApiError`` when it was refused."""
        return await asyncio.shield(self.answer)


class Outbox:
    """First in, first out: one is on its way at a time, so what was said first is stored first, retries or not."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, Outgoing] = OrderedDict()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, outgoing: Outgoing) -> None:
        self._waiting[outgoing.client_id] = outgoing
        self._changed.set()

    def acknowledge(self, message: Message) -> Outgoing | None:
        """The message is stored: its answer says so, or it came back by a push or a fetch, which is as good.

        Returns what it settles; None if that has been settled before, or was not said here.
        """
        outgoing = self._take(message["client_id"])
        if outgoing is not None and not outgoing.answer.done():
            outgoing.answer.set_result(message)
        return outgoing

    def refuse(self, client_id: str, error: ApiError) -> Outgoing | None:
        outgoing = self._take(client_id)
        if outgoing is not None and not outgoing.answer.done():
            outgoing.answer.set_exception(error)
            # Looked at: whoever does not await it hears of the refusal by an update.
            outgoing.answer.exception()
        return outgoing

    async def first(self) -> Outgoing:
        """The oldest one, as soon as there is one. It stays until it is acknowledged or refused."""
        while not self._waiting:
            self._changed.clear()
            await self._changed.wait()
        return next(iter(self._waiting.values()))

    async def drained(self) -> None:
        """Wait until nothing is left."""
        while self._waiting:
            self._changed.clear()
            await self._changed.wait()

    def _take(self, client_id: str) -> Outgoing | None:
        outgoing = self._waiting.pop(client_id, None)
        self._changed.set()
        return outgoing
