"""A server that speaks docs/realtime.md from memory, and misbehaves on request.

It shows the client what the real one does only rarely: an answer that got lost, a push that never came, silence.
"""

import asyncio
import contextlib
import itertools
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import uvicorn

Json = dict[str, Any]
PASSWORD = "superapp-demo"


class Refusal(Exception):
    def __init__(self, status: int, code: str, **details: Any) -> None:
        self.status, self.error = status, {"code": code, "message": f"{code}.", "details": details}


@dataclass(eq=False)
class Device:
    user_id: str
    id: str
    access: str
    refresh: str
    used: set[str] = field(default_factory=set)
    access_ends: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(eq=False)
class Peer:
    """One open socket, seen from here."""

    device: Device
    send: Callable[[Json], Awaitable[None]]


@dataclass(eq=False)
class Conversation:
    id: str
    kind: str
    title: str
    member_ids: list[str]
    messages: list[Json] = field(default_factory=list)
    read: Counter[str] = field(default_factory=Counter)


class FakeServer:
    """``async with FakeServer() as server``. ``stop`` and ``start`` are a restart: same port, same data."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.people: dict[str, Json] = {}
        self.conversations: dict[str, Conversation] = {}
        self.friends: set[frozenset[str]] = set()
        self.friend_requests: list[Json] = []
        self.devices: list[Device] = []
        #: What each sign-in showed to be recognised by.
        self.recognised: list[str | None] = []
        self.tickets: dict[str, Device] = {}
        self.sockets: list[Peer] = []
        self.access_lifetime = timedelta(minutes=30)
        self.limits: Json = {"max_frame_bytes": 16384, "ping_seconds": 25, "silence_seconds": 70}
        #: Requests by "METHOD path", and frames by type, that have arrived.
        self.seen: Counter[str] = Counter()
        #: Every attempt to send: the client_id it came with.
        self.attempts: list[str] = []
        # What to do wrong, and how often.
        self.lose_answers = 0
        self.lose_pushes = 0
        self.unavailable = 0
        #: REST calls that somebody in between answers, each with this status and a page.
        self.pages: list[int] = []
        self.close_at_auth: list[int] = []
        self.is_mute = False
        self._ids = itertools.count(1000)
        self._server: uvicorn.Server | None = None
        self._running: asyncio.Task[None] | None = None

    # --- the stage ----------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> "FakeServer":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        config = uvicorn.Config(self, port=self.port, lifespan="off", log_level="critical", timeout_graceful_shutdown=0)
        self._server = _QuietServer(config)
        self._running = asyncio.create_task(self._server.serve())
        while not self._server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """As a restart does it: every socket is told 1012."""
        await self.close_sockets(1012)
        if self._server is not None and self._running is not None:
            self._server.should_exit = True
            await self._running
        self._server = self._running = None

    def person(self, handle: str) -> str:
        user_id = str(next(self._ids))
        self.people[user_id] = {"id": user_id, "handle": handle, "display_name": handle.title(), "avatar_id": None}
        return user_id

    def befriend(self, *user_ids: str) -> str:
        self.friends.add(frozenset(user_ids))
        return self.open("direct", "", *user_ids)

    def open(self, kind: str, title: str, *user_ids: str) -> str:
        conversation = Conversation(str(next(self._ids)), kind, title, list(user_ids))
        self.conversations[conversation.id] = conversation
        return conversation.id

    async def close_sockets(self, code: int) -> None:
        for peer in self.sockets:
            with contextlib.suppress(Exception):
                await peer.send({"type": "websocket.close", "code": code})
        self.sockets.clear()

    async def push(self, user_ids: list[str], frame: Json) -> None:
        for peer in list(self.sockets):
            if peer.device.user_id in user_ids and not self.is_mute:
                with contextlib.suppress(Exception):
                    await _send(peer.send, frame)

    async def say(self, conversation_id: str, sender_id: str, text: str, *, client_id: str = "") -> Json:
        """Store and push a message."""
        content = {"kind": "text", "text": text}
        return await self._store(sender_id, conversation_id, client_id or str(uuid4()), content)

    def texts(self, conversation_id: str) -> list[str]:
        return [
            message["body"].get("text", message["kind"]) for message in self.conversations[conversation_id].messages
        ]

    # --- both doors ---------------------------------------------------------------------------------------------------

    async def __call__(self, scope: Json, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await self._websocket(receive, send)

    async def _store(self, sender_id: str, conversation_id: str, client_id: str, content: Json) -> Json:
        conversation = self._conversation(conversation_id, sender_id)
        self.attempts.append(client_id)
        if content.get("text") == "forbidden":
            raise Refusal(403, "blocked")
        for message in conversation.messages:
            if message["client_id"] == client_id:
                return message
        kind = content["kind"]
        body = (
            {"text": content["text"]} if kind == "text" else {"asset_id": content["asset_id"], "width": 4, "height": 3}
        )
        message = {
            "conversation_id": conversation_id,
            "seq": len(conversation.messages) + 1,
            "message_no": len(conversation.messages) + 1,
            "sender_id": sender_id,
            "persona": None,
            "client_id": client_id,
            "kind": kind,
            "body": body,
            "ref_seq": None,
            "target": None,
            "reactions": [],
            "edited_at": None,
            "recalled_at": None,
            "created_at": _time(datetime.now(UTC)),
        }
        conversation.messages.append(message)
        conversation.read[sender_id] = message["seq"]
        if self.lose_pushes:
            self.lose_pushes -= 1
        else:
            topic = f"conversation:{conversation_id}"
            frame = {"type": "message.created", "topic": topic, "version": message["seq"], "payload": message}
            await self.push(conversation.member_ids, frame)
        return message

    async def _read(self, user_id: str, conversation_id: str, seq: int) -> Json:
        conversation = self._conversation(conversation_id, user_id)
        moved = seq > conversation.read[user_id]
        conversation.read[user_id] = max(seq, conversation.read[user_id])
        summary = self._summary(conversation, user_id)["mine"]
        mark = {"conversation_id": conversation_id, "read_seq": summary["read_seq"], "unread": summary["unread"]}
        if moved:
            await self.push([user_id], {"type": "read.updated", "payload": mark})
            others = [member for member in conversation.member_ids if member != user_id]
            peer_read = {"conversation_id": conversation_id, "user_id": user_id, "read_seq": seq}
            await self.push(others, {"type": "peer.read", "payload": peer_read})
        return mark

    async def _type(self, user_id: str, conversation_id: str) -> Json:
        conversation = self._conversation(conversation_id, user_id)
        typing = {"conversation_id": conversation_id, "user_id": user_id, "persona": None}
        topic = f"conversation:{conversation_id}"
        await self.push(conversation.member_ids, {"type": "typing", "topic": topic, "payload": typing})
        return {}

    def _conversation(self, conversation_id: str, user_id: str) -> Conversation:
        conversation = self.conversations.get(conversation_id)
        if conversation is None or user_id not in conversation.member_ids:
            raise Refusal(404, "not_found")
        return conversation

    def _summary(self, conversation: Conversation, user_id: str) -> Json:
        others = [member for member in conversation.member_ids if member != user_id]
        direct, last_seq = conversation.kind == "direct", len(conversation.messages)
        return {
            "id": conversation.id,
            "kind": conversation.kind,
            "title": conversation.title,
            "member_count": len(conversation.member_ids),
            "owner_id": None,
            "last_seq": last_seq,
            "last_at": _time(datetime.now(UTC)),
            "last_message": conversation.messages[-1] if conversation.messages else None,
            "mine": {
                "read_seq": conversation.read[user_id],
                "unread": last_seq - conversation.read[user_id],
                "peer": self.people[others[0]] if direct else None,
                "peer_read_seq": conversation.read[others[0]] if direct else None,
            },
        }

    # --- the socket ---------------------------------------------------------------------------------------------------

    async def _websocket(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        first = json.loads((await receive())["text"])
        device = self.tickets.pop(first["payload"]["ticket"], None)
        if self.close_at_auth or device is None:
            await send({"type": "websocket.close", "code": self.close_at_auth.pop(0) if self.close_at_auth else 4401})
            return
        peer = Peer(device, send)
        self.sockets.append(peer)
        hello = {"server_time": _time(datetime.now(UTC)), "device_id": device.id, "user_id": device.user_id}
        await _send(
            send, {"ref": first["ref"], "type": "hello", "payload": {**hello, "sync_cursor": "", "limits": self.limits}}
        )
        try:
            while (message := await receive())["type"] == "websocket.receive":
                await self._frame(peer, json.loads(message["text"]))
        finally:
            if peer in self.sockets:
                self.sockets.remove(peer)

    async def _frame(self, peer: Peer, frame: Json) -> None:
        self.seen[frame["type"]] += 1
        if self.is_mute:
            return
        try:
            answer = {"type": "reply", "payload": await self._command(peer, frame["type"], frame["payload"])}
        except Refusal as refusal:
            answer = {"type": "error", "error": refusal.error}
        if frame["type"] == "ping":
            answer["type"] = "pong"
        if frame["type"] == "message.send" and self.lose_answers:
            self.lose_answers -= 1
            await self.close_sockets(1012)
        else:
            await _send(peer.send, {"ref": frame["ref"], **answer})

    async def _command(self, peer: Peer, command: str, payload: Json) -> Json:
        user_id = peer.device.user_id
        if command in {"message.send", "message.read", "typing"} and self.unavailable:
            self.unavailable -= 1
            raise Refusal(503, "unavailable", retry_after_seconds=0)
        match command:
            case "message.send":
                return await self._store(user_id, payload["conversation_id"], payload["client_id"], payload)
            case "message.read":
                return await self._read(user_id, payload["conversation_id"], payload["seq"])
            case "typing":
                return await self._type(user_id, payload["conversation_id"])
            case "auth":
                device = self.tickets.pop(payload["ticket"], None)
                assert device is peer.device
                return {}
            case "ping":
                return {}
        raise Refusal(400, "unknown_command")

    # --- REST ---------------------------------------------------------------------------------------------------------

    async def _http(self, scope: Json, receive: Any, send: Any) -> None:
        body = b""
        more = True
        while more:
            event = await receive()
            body, more = body + event.get("body", b""), event.get("more_body", False)
        if self.pages:
            location = [(b"location", b"http://sign-in.example/"), (b"content-type", b"text/html")]
            await send({"type": "http.response.start", "status": self.pages.pop(0), "headers": location})
            await send({"type": "http.response.body", "body": b"<h1>Welcome to our network</h1>"})
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        path = scope["path"].removeprefix("/api/v1/").strip("/")
        self.seen[f"{scope['method']} {path}"] += 1
        query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
        content = json.loads(body) if headers.get("content-type") == "application/json" else {}
        extra: list[tuple[bytes, bytes]] = []
        try:
            if self.unavailable:
                self.unavailable -= 1
                extra = [(b"retry-after", b"0")]
                raise Refusal(503, "unavailable")
            token = headers.get("authorization", "").removeprefix("Bearer ")
            key = headers.get("idempotency-key", "")
            status, answer = 200, await self._rest(scope["method"], path.split("/"), query, content, token, key)
        except Refusal as refusal:
            status, answer = refusal.status, {"error": refusal.error}
        start = {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", b"application/json"), *extra],
        }
        await send(start)
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    async def _rest(self, method: str, path: list[str], query: Json, body: Json, token: str, key: str) -> Any:
        if path[0] == "auth" and path[1] != "sign-out":
            return self._sign_in(body) if path[1] == "sign-in" else self._refresh(body)
        device = self._device(token)
        me = device.user_id
        match (method, *path):
            case ("POST", "auth", "sign-out"):
                self.devices.remove(device)
                return {}
            case ("POST", "realtime", "tickets"):
                ticket = str(uuid4())
                self.tickets[ticket] = device
                return {
                    "ticket": ticket,
                    "expires_at": _time(datetime.now(UTC)),
                    "url": f"ws://127.0.0.1:{self.port}/ws/",
                }
            case ("GET", "sync"):
                mine = [each for each in self.conversations.values() if me in each.member_ids and each.messages]
                return {
                    "conversations": [self._summary(each, me) for each in mine],
                    "events": [],
                    "cursor": f"after-{self.seen['GET sync']}",
                    "has_more": False,
                }
            case ("GET", "people"):
                return next(self._people(query["handle"]), None) or _refuse(404, "not_found")
            case ("GET", "friends"):
                return _page(self._friend(me, pair) for pair in self.friends if me in pair)
            case ("GET", "friend-requests"):
                side = "recipient" if query["direction"] == "incoming" else "sender"
                return _page(request for request in self.friend_requests if request[side]["id"] == me)
            case ("POST", "friend-requests"):
                return await self._ask(me, next(self._people(body["handle"])), body.get("greeting", ""))
            case ("POST", "friend-requests", request_id, "accept"):
                return await self._accept(me, request_id)
            case ("GET", "conversations", conversation_id):
                return self._summary(self._conversation(conversation_id, me), me)
            case ("GET", "conversations", conversation_id, "members"):
                members = self._conversation(conversation_id, me).member_ids
                return _page(
                    {
                        "user": self.people[member],
                        "role": "member",
                        "alias": "",
                        "silenced_until": None,
                        "joined_at": "",
                    }
                    for member in members
                )
            case ("GET", "conversations", conversation_id, "messages"):
                return self._history(self._conversation(conversation_id, me).messages, query)
            case ("POST", "conversations", conversation_id, "messages"):
                return await self._store(me, conversation_id, key, body)
            case ("POST", "conversations", conversation_id, "read"):
                return await self._read(me, conversation_id, body["seq"])
            case ("POST", "media"):
                return {"id": "77", "size_bytes": 1234}
            case ("GET", "media", asset_id):
                original = {"url": f"{self.url}/m/{asset_id}", "width": 4, "height": 3, "content_type": "image/png"}
                return {"id": asset_id, "size_bytes": 1234, "variants": {"original": original}}
        raise Refusal(404, "not_found")

    def _sign_in(self, body: Json) -> Json:
        person = next(self._people(body["identifier"]), None)
        if person is None or body["password"] != PASSWORD:
            raise Refusal(401, "sign_in_failed")
        device = Device(person["id"], str(next(self._ids)), "", "")
        self.devices.append(device)
        self.recognised.append(body.get("recognition_token"))
        return self._issue(device) | {"recognition_token": f"known.{person['id']}.x"}

    def _refresh(self, body: Json) -> Json:
        for device in self.devices:
            if body["refresh_token"] in device.used:
                self.devices.remove(device)
                raise Refusal(401, "refresh_token_invalid")
            if body["refresh_token"] == device.refresh:
                device.used.add(device.refresh)
                return self._issue(device)
        raise Refusal(401, "refresh_token_invalid")

    def _issue(self, device: Device) -> Json:
        device.access, device.refresh = str(uuid4()), str(uuid4())
        device.access_ends = datetime.now(UTC) + self.access_lifetime
        return {
            "access_token": device.access,
            "access_expires_at": _time(device.access_ends),
            "refresh_token": device.refresh,
            "refresh_expires_at": _time(datetime.now(UTC) + timedelta(days=60)),
            "device_id": device.id,
            "is_new_user": False,
            "user": self.people[device.user_id],
        }

    def _device(self, token: str) -> Device:
        for device in self.devices:
            if device.access == token and device.access_ends > datetime.now(UTC):
                return device
        raise Refusal(401, "unauthenticated")

    def _people(self, handle: str) -> Iterator[Json]:
        return (person for person in self.people.values() if person["handle"] == handle)

    def _friend(self, me: str, pair: frozenset[str]) -> Json:
        (other,) = pair - {me}
        conversation = next(
            each for each in self.conversations.values() if each.kind == "direct" and {*each.member_ids} == pair
        )
        return {
            "user": self.people[other],
            "remark": "",
            "tag_ids": [],
            "source": "handle",
            "created_at": "",
            "conversation_id": conversation.id,
        }

    async def _ask(self, me: str, other: Json, greeting: str) -> Json:
        request = {"id": str(next(self._ids)), "sender": self.people[me], "recipient": other, "source": "handle"}
        request |= {"greeting": greeting, "state": "pending", "created_at": ""}
        self.friend_requests.append(request)
        event = {**request, "event_id": str(next(self._ids))}
        await self.push([other["id"]], {"type": "friend.requested", "payload": event})
        return request

    async def _accept(self, me: str, request_id: str) -> Json:
        request = next(each for each in self.friend_requests if each["id"] == request_id)
        request["state"] = "accepted"
        other = request["sender"]["id"]
        conversation_id = self.befriend(me, other)
        for reader, friend in ((me, other), (other, me)):
            payload = {"user_id": friend, "conversation_id": conversation_id, "event_id": str(next(self._ids))}
            await self.push([reader], {"type": "friend.added", "payload": payload})
        return self._friend(me, frozenset({me, other}))

    def _history(self, messages: list[Json], query: Json) -> Json:
        limit = int(query["limit"])
        if "after" in query:
            return _page(messages[int(query["after"]) :][:limit])
        return _page(messages[: int(query.get("before", len(messages) + 1)) - 1][-limit:])


class _QuietServer(uvicorn.Server):
    """Signals stay with pytest."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _send(send: Callable[[Json], Awaitable[None]], frame: Json) -> None:
    await send({"type": "websocket.send", "text": json.dumps(frame)})


def _page(results: Any) -> Json:
    return {"results": list(results), "next": None, "previous": None}


def _refuse(status: int, code: str) -> Any:
    raise Refusal(status, code)


def _time(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


@contextlib.asynccontextmanager
async def two_friends() -> AsyncIterator[tuple[FakeServer, str, str, str]]:
    """A server with Ada and Bo on it: the server, their ids, their conversation."""
    async with FakeServer() as server:
        ada, bo = server.person("ada"), server.person("bo")
        yield server, ada, bo, server.befriend(ada, bo)
