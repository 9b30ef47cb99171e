"""The device socket with nothing between a test and its frames, and REST beside it.

``superapp.client`` repairs, retries and renews; here what a test sends is what goes out, and what comes in is kept as
it came, in order.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol, Self
from uuid import uuid4

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from superapp.localdev.processes import free_port
from superapp.realtime import push
from tests.contract import Conversation
from tests.processes import Gateway
from tests.realtime.people import Device

Json = dict[str, Any]
# How long a test waits for what must come. Never how long it waits to see that nothing comes: see ``Socket.settled``.
PATIENCE_SECONDS = 20.0
NO_LIMITS = dict.fromkeys(
    ("messaging.send.user", "messaging.send.conversation", "realtime.ticket.user"), (1_000_000, 1)
)


class Server(Protocol):
    """Whatever serves REST and sockets on one origin."""

    url: str
    ws_url: str


def gateway(addresses: Any, **settings: Any) -> Gateway:
    """A real gateway process: it tells clients its own address, and waits for Redis as long as a busy machine needs."""
    port = free_port()
    settings = {"REDIS_TIMEOUT_SECONDS": PATIENCE_SECONDS} | settings
    return Gateway(addresses, port=port, settings=settings, environment={"PUBLIC_ORIGIN": f"http://127.0.0.1:{port}"})


class Refused(Exception):
    """The server answered with an error frame."""

    def __init__(self, error: Json) -> None:
        super().__init__(f"{error['code']}: {error['details']}")
        self.code, self.details = error["code"], error["details"]


class Socket:
    """One connection. Every frame that arrives is in ``frames``."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.frames: list[Json] = []
        self._conversation = Conversation()
        self.hello: Json = {}
        self._refs = map(str, itertools.count(1))
        self._news = asyncio.Event()
        self._end: ConnectionClosed | None = None
        self._reading = asyncio.create_task(self._read())

    # --- out ----------------------------------------------------------------------------------------------------------

    async def say(self, frame_type: str, payload: Json | None = None, *, ref: str | None = None) -> str:
        """Send a frame and do not wait; returns its ref."""
        ref = ref or next(self._refs)
        await self.raw(json.dumps({"ref": ref, "type": frame_type, "payload": payload or {}}, ensure_ascii=False))
        return ref

    async def raw(self, text: str) -> None:
        self._conversation.sent(text)
        await self.connection.send(text)

    def frame(self, opcode: Opcode, data: bytes, *, fin: bool = True) -> None:
        """Any WebSocket frame, lawful or not."""
        self.connection.transport.write(Frame(opcode, data, fin).serialize(mask=True))

    async def ask(self, frame_type: str, payload: Json | None = None) -> Json:
        """Send a command and return the payload of its answer. Raises ``Refused``, ``ConnectionClosed``."""
        return await self.answer(await self.say(frame_type, payload))

    async def answer(self, ref: str) -> Json:
        frame = await self.find(lambda frame: frame.get("ref") == ref)
        if frame["type"] == "error":
            raise Refused(frame["error"])
        return dict(frame["payload"])

    async def send_text(self, conversation_id: int | str, text: str, *, client_id: str = "") -> Json:
        return await self.ask(
            "message.send",
            {
                "conversation_id": str(conversation_id),
                "client_id": client_id or str(uuid4()),
                "kind": "text",
                "text": text,
            },
        )

    # --- in -----------------------------------------------------------------------------------------------------------

    async def find(self, wanted: Callable[[Json], bool], *, start: int = 0) -> Json:
        """The first frame from ``start`` on that is ``wanted``, now or when it comes. Raises ``ConnectionClosed``."""
        position = start
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                while position < len(self.frames):
                    if wanted(self.frames[position]):
                        return self.frames[position]
                    position += 1
                if self._end is not None:
                    raise self._end
                self._news.clear()
                await self._news.wait()

    async def pushed(self, frame_type: str, **payload: Any) -> Json:
        """The first push of this type whose payload has these values."""

        def wanted(frame: Json) -> bool:
            found = frame.get("payload") or {}
            return frame["type"] == frame_type and all(found.get(name) == value for name, value in payload.items())

        return await self.find(wanted)

    def all(self, frame_type: str) -> list[Json]:
        return [frame for frame in self.frames if frame["type"] == frame_type]

    def messages(self) -> list[Json]:
        """The messages that were pushed here."""
        return [frame["payload"] for frame in self.all("message.created")]

    async def settled(self) -> None:
        """Everything that was published before this call is in ``frames``, if it was for this socket.

        Redis, the gateway and the socket each keep the order, so whatever a mark that is published now overtakes was
        never sent.
        """
        mark = str(uuid4())
        await asyncio.to_thread(push.to_users, [int(self.hello["user_id"])], type="test.mark", payload={"mark": mark})
        await self.pushed("test.mark", mark=mark)

    async def closed(self) -> int | None:
        """The close code, once the server has closed."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._reading
            await self.connection.wait_closed()
        return self.connection.close_code

    async def _read(self) -> None:
        try:
            while True:
                frame = json.loads(await self.connection.recv())
                self._conversation.received(frame)
                self.frames.append(frame)
                self._news.set()
        except ConnectionClosed as end:
            self._end = end
            self._news.set()

    async def close(self) -> None:
        await self.connection.close()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def knock(server: Server, **options: Any) -> Socket:
    """A connection on which nothing has been said yet."""
    plain = {"compression": None, "ping_interval": None, "proxy": None, "max_size": None, "close_timeout": 2}
    return Socket(await connect(server.ws_url, **plain | options))


async def enter(server: Server, device: Device, **options: Any) -> Socket:
    """A connection that has said who it is and been let in."""
    ticket = await Rest(server, device).ticket()
    socket = await knock(server, **options)
    socket.hello = await socket.ask("auth", {"ticket": ticket})
    return socket


@asynccontextmanager
async def entered(server: Server, *devices: Device) -> AsyncIterator[list[Socket]]:
    """A socket for each, all of them in."""
    sockets = list(await asyncio.gather(*(enter(server, device) for device in devices)))
    try:
        yield sockets
    finally:
        await asyncio.gather(*(socket.close() for socket in sockets), return_exceptions=True)


class Rest:
    """The API as one device."""

    def __init__(self, server: Server, device: Device) -> None:
        self._server, self._device = server, device

    async def call(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, **options: Any
    ) -> httpx.Response:
        headers = self._device.header | ({"Idempotency-Key": key} if key else {})
        if body is not None:
            options["json"] = body
        # Nothing here is encrypted, and loading the certificates of the world takes longer than the call.
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=PATIENCE_SECONDS) as http:
            url = path if path.startswith("/") else f"/api/v1/{path}"
            return await http.request(method, f"{self._server.url}{url}", headers=headers, **options)

    async def get(self, path: str, **query: Any) -> Json:
        response = await self.call("GET", path, params=query or None)
        assert response.status_code == 200, response.text
        return dict(response.json())

    async def ticket(self) -> str:
        response = await self.call("POST", "realtime/tickets/")
        assert response.status_code == 201, response.text
        return str(response.json()["ticket"])

    async def send_text(self, conversation_id: int | str, text: str, *, key: str = "") -> httpx.Response:
        path = f"conversations/{conversation_id}/messages/"
        return await self.call("POST", path, {"kind": "text", "text": text}, key=key or str(uuid4()))

    async def history(self, conversation_id: int | str) -> list[Json]:
        """Everything, oldest first, a hundred at a time, as everybody sees it: without ``mine``."""
        found: list[Json] = []
        path: str | None = f"/api/v1/conversations/{conversation_id}/messages/?after=0&limit=100"
        while path:
            page = await self.get(path)
            found += as_all_see_them(page["results"])
            path = page["next"]
        return found


def as_all_see_them(rows: list[Json]) -> list[Json]:
    """Messages as pushes show them, which have no ``mine``."""
    return [{name: value for name, value in row.items() if name != "mine"} for row in rows]


async def until(condition: Callable[[], Any], *, seconds: float = 0) -> Any:
    """What ``condition`` returns, called in a thread, as soon as it is true; it may take ``seconds`` by itself. Raises
    ``TimeoutError``."""
    async with asyncio.timeout(seconds + PATIENCE_SECONDS):
        while not (found := await asyncio.to_thread(condition)):  # noqa: ASYNC110 (a database has no events)
            await asyncio.sleep(0.02)
    return found


def refusals(socket: Socket) -> list[str]:
    return [frame["error"]["code"] for frame in socket.all("error")]
