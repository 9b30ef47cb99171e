"""A device that stays connected: pushes while it can, fetches what it missed, and sends until it is acknowledged.

>>> async with Client(api) as client:
...     outgoing = client.send_text(conversation_id, "hello")
...     print((await outgoing.acknowledged())["seq"])
...     async for update in client.updates():
...         print(update)

``client.store`` is what the device knows; ``updates`` is how that came to be. Nothing here needs a thread or a lock:
between two ``await``s nobody else runs.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from typing import Any, Self, cast

from superapp.client import backoff
from superapp.client.api import Api
from superapp.client.conversation_log import ConversationLog, Fetch
from superapp.client.errors import ApiError, ClientError, SocketClosed
from superapp.client.outbox import Outbox, Outgoing
from superapp.client.rules import AFTER_CLOSE, Then, Timing, pause_before_reconnect
from superapp.client.shapes import Frame, Json, Message, ReadMark
from superapp.client.socket import FrameTooLarge, Socket
from superapp.client.store import Store
from superapp.client.updates import MessageAdded, Refused, Sent, State, StateChanged, Update

# A fetch after an absence takes this many conversations at a time.
PARALLEL_FETCHES = 4
PAGE = 100


class Client:
    """The socket of ``api``, which must be signed in and is closed by whoever made it, and what is known.

    ``recent`` messages of each conversation are fetched at first, and everything from then on; None: the whole history.
    ``on_update`` is called at once, in order; it must not block. ``updates`` is the same as an iterator.
    """

    def __init__(
        self,
        api: Api,
        *,
        recent: int | None = 20,
        on_update: Callable[[Update], None] | None = None,
        timing: Timing | None = None,
    ) -> None:
        self.api = api
        self.store = Store(me=api.user_id)
        self.outbox = Outbox()
        self.state = State.CONNECTING
        #: Why the connection was lost or has stopped.
        self.trouble: ClientError | None = None
        self._recent, self._timing = recent, timing or Timing()
        self._listeners: list[Callable[[Update], None]] = [on_update] if on_update else []
        self._socket: Socket | None = None
        self._connections = 0
        self._connected = asyncio.Event()
        self._online = asyncio.Event()
        self._stopped = asyncio.Event()
        self._sync_due = asyncio.Event()
        self._syncing = asyncio.Lock()
        self._repairs: dict[str, asyncio.Task[None]] = {}
        self._to_read: dict[str, int] = {}
        self._read_due = asyncio.Event()
        self._read_told = asyncio.Event()
        self._typed_at: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # --- life ---------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def start(self) -> None:
        """Connect, and stay so until ``close`` or until the server says to stop."""
        self._spawn(self._stay_connected())
        self._spawn(self._send_in_order())
        self._spawn(self._send_read_marks())

    async def close(self) -> None:
        """End at once. What is still in the outbox is not sent: wait for ``told`` before, if it matters."""
        tasks = [*self._tasks, *self._repairs.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._set_state(State.STOPPED, self.trouble)
        self._stopped.set()

    async def online(self) -> None:
        """Wait until connected and caught up. Raises what made the client stop, if it has."""
        waits = [asyncio.ensure_future(self._online.wait()), asyncio.ensure_future(self._stopped.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self._stopped.is_set():
            raise self.trouble or SocketClosed(None, "closed by us")

    async def stopped(self) -> ClientError | None:
        """Wait until there is no use in going on; returns why. None after ``close``."""
        await self._stopped.wait()
        return self.trouble

    def updates(self) -> AsyncIterator[Update]:
        """What happens from now on, whenever it is asked for."""
        queue: asyncio.Queue[Update] = asyncio.Queue()
        self._listeners.append(queue.put_nowait)
        return self._taken_from(queue)

    async def _taken_from(self, queue: asyncio.Queue[Update]) -> AsyncIterator[Update]:
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.remove(queue.put_nowait)

    # --- what one can do ----------------------------------------------------------------------------------------------

    def send_text(self, conversation_id: str, text: str) -> Outgoing:
        return self.send(conversation_id, {"kind": "text", "text": text})

    def send_photo(self, conversation_id: str, asset_id: str) -> Outgoing:
        """``asset_id``: from ``api.upload_photo``."""
        return self.send(conversation_id, {"kind": "photo", "asset_id": asset_id})

    def send(self, conversation_id: str, content: Json) -> Outgoing:
        """Put it in the outbox, from where it goes out as soon as that is possible, after what was said before."""
        outgoing = Outgoing(conversation_id, content)
        self.outbox.add(outgoing)
        return outgoing

    def mark_read(self, conversation_id: str, seq: int) -> None:
        """We have seen everything up to ``seq``. Told to the server soon, at most once a second."""
        log = self.store.logs.get(conversation_id)
        if seq > max(log.read_seq if log else 0, self._to_read.get(conversation_id, 0)):
            self._to_read[conversation_id] = seq
            self._read_due.set()

    def typing(self, conversation_id: str) -> None:
        """We are typing: call it at every key, it is passed on at most every three seconds."""
        now = time.monotonic()
        if (
            self._socket is None
            or now - self._typed_at.get(conversation_id, -self._timing.typing) < self._timing.typing
        ):
            return
        self._typed_at[conversation_id] = now
        self._spawn(self._say_typing(self._socket, conversation_id))

    async def load_older(self, conversation_id: str, *, limit: int = 20) -> list[Message]:
        """Fetch the page before the oldest message that is here; empty at the beginning of the history."""
        log = self.store.logs[conversation_id]
        if not log.messages:
            return []
        page = await self.api.messages(conversation_id, before=log.messages[0]["seq"], limit=limit)
        return log.put_in_front(page["results"])

    async def look_at(self, conversation_id: str) -> ConversationLog:
        """Have its summary and newest messages here, even if there was nothing in it so far. Raises ``ClientError``."""
        self._tell(self.store.summarised(await self.api.conversation(conversation_id)))
        if self.store.is_behind(conversation_id):
            await self._fetch(conversation_id)
        return self.store.logs[conversation_id]

    async def told(self) -> None:
        """Wait until the server knows everything that was said and read here."""
        await self.outbox.drained()
        while self._to_read:
            self._read_told.clear()
            await self._read_told.wait()

    async def catch_up(self) -> None:
        """Fetch everything that has changed, now: on coming to the foreground. Raises ``ClientError``."""
        async with self._syncing:
            await self._sync()
            await self._at_once(self._fetch, self.store.behind())
            await self._at_once(self._look_up, self.store.unknown())
            self._tell(self.store.release())
        self._look_after_the_rest()

    # --- connection ---------------------------------------------------------------------------------------------------

    async def _stay_connected(self) -> None:
        """Connect, live, lose it, wait, again; until told to stop."""
        pauses = self._pauses()
        while True:
            self._set_state(State.CONNECTING)
            try:
                end: ClientError = await self._live()
            except ClientError as error:
                end = error
            if self._online.is_set():
                # It has worked to the end, so the next failure is a new one.
                self._online.clear()
                pauses = self._pauses()
            end = await self._renew_sign_in(end)
            pause = pause_before_reconnect(end, next(pauses), self._timing)
            if pause is None:
                self._stop(end)
                return
            self._set_state(State.WAITING, end)
            await asyncio.sleep(pause)

    async def _live(self) -> ClientError:
        """One connection from its ticket to its end; returns or raises why it ended."""
        self.store.hold()
        socket = await Socket.open(self.api, on_push=self._pushed)
        self._socket = socket
        self._connections += 1
        self._connected.set()
        staying_synced = asyncio.create_task(self._stay_synced())
        closed = asyncio.ensure_future(socket.closed())
        try:
            await asyncio.wait({closed, staying_synced}, return_when=asyncio.FIRST_COMPLETED)
            if staying_synced.done():
                # It never ends by itself: this raises what broke it.
                staying_synced.result()
            return await closed
        finally:
            closed.cancel()
            self._socket = None
            staying_synced.cancel()
            await asyncio.gather(staying_synced, socket.close(), return_exceptions=True)

    async def _renew_sign_in(self, end: ClientError) -> ClientError:
        """After 4401: new tokens before the next ticket. Returns why to go on or stop: ``end``, or what went wrong."""
        if not isinstance(end, SocketClosed) or AFTER_CLOSE.get(end.code) is not Then.RENEW:
            return end
        try:
            await self.api.refresh(stale=self.api.signed_in["access_token"])
        except ClientError as error:
            return error
        return end

    async def _stay_synced(self) -> None:
        """``/sync/`` after hello, after ``resync``, and every ten minutes: the last message of a quiet conversation may
        have been pushed to nobody, and then nothing else says that it is there."""
        self._set_state(State.CATCHING_UP)
        pauses = self._pauses()
        while True:
            try:
                await self.catch_up()
            except ClientError as error:
                # The socket stands, so it is REST that is away. What is pushed after hello is held back meanwhile.
                self._set_state(State.CATCHING_UP, error)
                await asyncio.sleep(next(pauses))
                continue
            pauses = self._pauses()
            self._set_state(State.ONLINE)
            self._online.set()
            self._read_due.set()
            if await self._until_sync_is_due():
                # Everybody may have been told to at this moment.
                await asyncio.sleep(random.uniform(0, self._timing.resync_most))  # noqa: S311

    async def _until_sync_is_due(self) -> bool:
        """True: something asked for it; False: it has been a while."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timing.sync_every):
                while not self.store.sync_wanted:
                    self._sync_due.clear()
                    await self._sync_due.wait()
                return True
        return False

    def _stop(self, error: ClientError) -> None:
        """No use in going on: neither over the socket nor, as the same device, over REST."""
        self._set_state(State.STOPPED, error)
        self._stopped.set()
        for task in {*self._tasks, *self._repairs.values()} - {asyncio.current_task()}:
            task.cancel()

    def _set_state(self, state: State, error: ClientError | None = None) -> None:
        if (state, error) != (self.state, self.trouble):
            self.state, self.trouble = state, error
            self._tell([StateChanged(state, error)])

    def _pauses(self) -> Iterator[float]:
        return backoff.delays(first=self._timing.reconnect_first, most=self._timing.reconnect_most)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """None of them ends by itself in a way of its own: what broke it must not look like a quiet afternoon."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._stop(error if isinstance(error, ClientError) else ClientError(f"this client broke: {error!r}"))

    # --- coming in ----------------------------------------------------------------------------------------------------

    def _pushed(self, frame: Frame) -> None:
        self._tell(self.store.push(frame))
        self._look_after_the_rest()

    def _tell(self, updates: Iterable[Update]) -> None:
        for update in updates:
            for listener in self._listeners:
                listener(update)
            if isinstance(update, MessageAdded) and update.message["sender_id"] == self.store.me:
                # Our own message, pushed or fetched, says as much as the answer that may have been lost.
                self._settle(update.message)

    def _look_after_the_rest(self) -> None:
        """See to it that what the store still misses is fetched."""
        if self.store.sync_wanted:
            self._sync_due.set()
        wanting = {*self.store.behind(), *self.store.stale(), *self.store.unknown()}
        for conversation_id in wanting - self._repairs.keys():
            self._repairs[conversation_id] = asyncio.create_task(self._repair(conversation_id))

    async def _repair(self, conversation_id: str) -> None:
        """Give what is missing a moment to arrive by itself; then fetch it, until it is there."""
        try:
            pause = self._timing.gap
            for next_pause in self._pauses():
                await asyncio.sleep(pause)
                with contextlib.suppress(ClientError):
                    if conversation_id in self.store.unknown():
                        await self._look_up(conversation_id)
                    if self.store.is_behind(conversation_id):
                        await self._fetch(conversation_id)
                    await self._correct(conversation_id)
                if not self._wants(conversation_id):
                    return
                pause = next_pause
        finally:
            del self._repairs[conversation_id]

    def _wants(self, conversation_id: str) -> bool:
        store = self.store
        stale = bool(store.stale_seqs(conversation_id))
        return stale or store.is_behind(conversation_id) or conversation_id in store.unknown()

    async def _correct(self, conversation_id: str) -> None:
        """Fetch those of our messages that have become something else."""
        for seq in self.store.stale_seqs(conversation_id):
            self._tell(self.store.corrected(await self.api.message(conversation_id, seq)))

    async def _fetch(self, conversation_id: str) -> None:
        """Fetch page after page what comes after what we have."""
        while True:
            fetch = self.store.fetch(conversation_id)
            try:
                page = await self._page(fetch)
            except ApiError as error:
                if error.status in {403, 404}:
                    self._tell(self.store.lost(conversation_id))
                    return
                self.store.fetch_failed(conversation_id)
                raise
            except ClientError:
                self.store.fetch_failed(conversation_id)
                raise
            self._tell(self.store.fetched(fetch, page))
            if not page or not self.store.is_behind(conversation_id):
                return

    async def _page(self, fetch: Fetch) -> list[Message]:
        if fetch.after == 0 and self._recent is not None:
            return (await self.api.messages(fetch.conversation_id, limit=self._recent))["results"]
        return (await self.api.messages(fetch.conversation_id, after=fetch.after, limit=PAGE))["results"]

    async def _look_up(self, conversation_id: str) -> None:
        try:
            self._tell(self.store.summarised(await self.api.conversation(conversation_id)))
        except ApiError as error:
            if error.status not in {403, 404}:
                raise
            self._tell(self.store.lost(conversation_id))

    async def _sync(self) -> None:
        """All pages of ``/sync/``."""
        self.store.syncing()
        more = True
        while more:
            try:
                page = await self.api.sync(self.store.cursor)
            except ClientError as error:
                refused = isinstance(error, ApiError) and error.status == 400
                self.store.sync_failed(from_the_beginning=refused)
                raise
            self._tell(self.store.synced(page))
            more = page["has_more"]

    async def _at_once(self, work: Callable[[str], Coroutine[Any, Any, None]], conversation_ids: list[str]) -> None:
        """Several, a few at a time. One that fails does not hold up the others; it is left to ``_repair``."""
        free = asyncio.Semaphore(PARALLEL_FETCHES)

        async def one(conversation_id: str) -> None:
            async with free:
                with contextlib.suppress(ClientError):
                    await work(conversation_id)

        await asyncio.gather(*map(one, conversation_ids))

    # --- going out ----------------------------------------------------------------------------------------------------

    async def _send_in_order(self) -> None:
        while True:
            await self._deliver(await self.outbox.first())

    async def _deliver(self, outgoing: Outgoing) -> None:
        """Try until it is acknowledged, by an answer or by coming back to us, or refused. Always the same client_id."""
        for pause in self._pauses():
            connections = self._connections
            try:
                await self._attempt_unless_settled(outgoing)
            except ApiError as error:
                if error.is_passing:
                    await asyncio.sleep((error.retry_after or 0) + pause)
                else:
                    self._refuse(outgoing, error)
            except ClientError:
                await self._until_connected_again(connections, pause)
            if outgoing.answer.done():
                return

    async def _attempt_unless_settled(self, outgoing: Outgoing) -> None:
        """One attempt, given up as soon as the message comes back to us by another way."""
        attempt = asyncio.ensure_future(self._attempt(outgoing))
        try:
            await asyncio.wait({attempt, outgoing.answer}, return_when=asyncio.FIRST_COMPLETED)
            if not outgoing.answer.done():
                message = attempt.result()
                self._tell(self.store.received(message))
                # It may still wait behind a gap; stored it is.
                self._settle(message)
        finally:
            attempt.cancel()
            await asyncio.gather(attempt, return_exceptions=True)

    async def _attempt(self, outgoing: Outgoing) -> Message:
        """Over the socket where there is one; REST stores the same message under the same client_id."""
        outgoing.attempts += 1
        ids = {"conversation_id": outgoing.conversation_id, "client_id": outgoing.client_id}
        if self._socket is not None:
            with contextlib.suppress(FrameTooLarge):
                return cast(Message, await self._socket.command("message.send", {**ids, **outgoing.content}))
        return await self.api.send_message(**ids, content=outgoing.content, retries=0)

    def _settle(self, message: Message) -> None:
        outgoing = self.outbox.acknowledge(message)
        if outgoing is not None:
            self._tell([Sent(outgoing, message)])

    def _refuse(self, outgoing: Outgoing, error: ApiError) -> None:
        if self.outbox.refuse(outgoing.client_id, error) is not None:
            self._tell([Refused(outgoing, error)])

    async def _until_connected_again(self, connections: int, pause: float) -> None:
        """Until there is another socket than when ``connections`` was read, but at most ``pause`` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                while self._connections == connections:
                    self._connected.clear()
                    await self._connected.wait()

    async def _send_read_marks(self) -> None:
        """What piled up in a second goes out as one mark per conversation. One that fails is sent again: a little later
        if the server is busy, when online again otherwise."""
        pauses = self._pauses()
        while True:
            await self._read_due.wait()
            self._read_due.clear()
            pause = self._timing.reading
            for conversation_id, seq in list(self._to_read.items()):
                try:
                    self._tell(self.store.read(await self._say_read(conversation_id, seq)))
                except ApiError as error:
                    if error.is_passing:
                        pause = max(pause, (error.retry_after or 0) + next(pauses))
                        self._read_due.set()
                        continue
                except ClientError:
                    continue
                else:
                    pauses = self._pauses()
                # Told, or refused for good.
                if self._to_read[conversation_id] == seq:
                    del self._to_read[conversation_id]
                    self._read_told.set()
            await asyncio.sleep(pause)

    async def _say_read(self, conversation_id: str, seq: int) -> ReadMark:
        if self._socket is None:
            return await self.api.mark_read(conversation_id, seq)
        payload = {"conversation_id": conversation_id, "seq": seq}
        return cast(ReadMark, await self._socket.command("message.read", payload))

    async def _say_typing(self, socket: Socket, conversation_id: str) -> None:
        with contextlib.suppress(ClientError):
            await socket.command("typing", {"conversation_id": conversation_id})
