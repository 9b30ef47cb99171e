"""The protocol of the device socket (docs/realtime.md), on Channels' consumer interface.

It owns its receive loop. Channels' dispatcher would put a channel layer, a queue and a task between the socket and its
frames; at a few thousand frames a second that is most of the cost.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import structlog
from channels.consumer import AsyncConsumer
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext_lazy

from superapp.accounts import selectors as accounts
from superapp.core import errors
from superapp.core.api import parsing
from superapp.core.api.answers import as_domain_error, error_response
from superapp.core.api.fields import rfc3339
from superapp.core.errors import DomainError
from superapp.realtime import frames, registry, selectors, services
from superapp.realtime.connection import Close, Connection
from superapp.realtime.errors import TicketInvalid, TooManyTopics, UnknownCommand
from superapp.realtime.hub import running_hub
from superapp.realtime.registry import Actor
from superapp.realtime.threads import in_thread

log = structlog.get_logger(__name__)
Result = TypeVar("Result")

MAX_DEPTH = 20
MAX_REF = 64
MAX_TOPIC = 100
# Topics a client asks for itself, beyond those it is joined to by what it belongs to.
MAX_SUBSCRIPTIONS = 50


class Ended(Exception):
    """The conversation is over; ``code`` says why, None when the peer has left."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


class DeviceSocket(AsyncConsumer):
    """One instance per socket."""

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()
        if not origin_is_ours(scope):
            await send({"type": "websocket.close", "code": Close.BANNED})
            return
        await send({"type": "websocket.accept"})
        self.receive = receive
        self.connection = Connection(send)
        self.hub = running_hub()
        # Topics that the client asked for itself; what it was joined to does not count.
        self.subscribed: set[str] = set()
        self.allowance = float(settings.REALTIME_FRAME_BURST)
        self.allowance_at = time.monotonic()
        try:
            await self._admit()
            while True:
                await self._handle(await self._next_frame())
        except Ended as end:
            if end.code is not None:
                await self.connection.close(end.code)
        except Exception as error:
            await self._give_up(error)
        finally:
            self.hub.dismiss(self.connection)

    async def _give_up(self, error: Exception) -> None:
        """The database is away, or something broke, before there was anybody to answer: the device is to come back."""
        self.connection.muted = False
        refusal = as_domain_error(error)
        if refusal is None:
            log.exception("realtime.socket_broke", exc_info=error)
        else:
            self.connection.push_frame(frames.encode_error(None, refusal.as_json()))
        await self.connection.close(Close.RESTARTING)

    # --- frames in ----------------------------------------------------------------------------------------------------

    async def _next_frame(self) -> dict[str, Any]:
        """Raises ``Ended`` when the peer has left, floods, or does not speak this protocol."""
        message = await self.receive()
        # A socket that was told to end may have sent more before it heard of it: that is not obeyed any more.
        if message["type"] == "websocket.disconnect" or self.connection.closing:
            raise Ended(None)
        now = time.monotonic()
        self.connection.heard_at = now
        self._spend_allowance(now)
        try:
            text = message["text"]
            # The server's own limit comes first where it is set as low; this one holds however it was started.
            if len(text) > settings.REALTIME_MAX_FRAME_BYTES or len(text.encode()) > settings.REALTIME_MAX_FRAME_BYTES:
                raise Ended(Close.TOO_BIG)
            frame = parsing.parse_json(text, max_depth=MAX_DEPTH)
            if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
                raise errors.MalformedBody(reason="a frame is an object with a type")
            ref = frame.get("ref")
            if ref is not None and (not isinstance(ref, str) or len(ref) > MAX_REF):
                raise errors.MalformedBody(reason=f"ref is a string of at most {MAX_REF} characters")
            if not isinstance(frame.setdefault("payload", {}), dict):
                raise errors.MalformedBody(reason="payload is an object")
        except (errors.MalformedBody, KeyError) as error:
            refusal = error if isinstance(error, DomainError) else errors.MalformedBody(reason="frames are text")
            self.connection.push_frame(frames.encode_error(None, refusal.as_json()))
            raise Ended(Close.MALFORMED) from None
        return frame

    def _spend_allowance(self, now: float) -> None:
        earned = (now - self.allowance_at) * settings.REALTIME_FRAMES_PER_SECOND
        self.allowance = min(self.allowance + earned, settings.REALTIME_FRAME_BURST) - 1
        self.allowance_at = now
        if self.allowance < 0:
            raise Ended(Close.FLOODING)

    async def _handle(self, frame: dict[str, Any]) -> None:
        ref, frame_type, payload = frame.get("ref"), frame["type"], frame["payload"]
        try:
            match frame_type:
                case "ping":
                    self.connection.push_frame(frames.encode("pong", {}, ref=ref))
                case "subscribe":
                    await self._subscribe(ref, payload)
                case "unsubscribe":
                    self._unsubscribe(ref, payload)
                case "auth":
                    await self._renew(ref, payload)
                case _:
                    await self._command(ref, frame_type, payload)
        except Exception as error:
            self._refuse(ref, frame_type, error)

    def _refuse(self, ref: str | None, frame_type: str, error: Exception) -> None:
        if isinstance(error, Ended):
            raise error
        refusal = as_domain_error(error)
        if refusal is None:
            log.exception("realtime.command_broke", command=frame_type, exc_info=error)
            message = gettext_lazy("Something broke on our side. It has been noted.")
            answer = {"code": "internal", "message": self._said(lambda: str(message)), "details": {}}
        else:
            answer = self._said(refusal.as_json)
        self.connection.push_frame(frames.encode_error(ref, answer))

    def _said(self, text: Callable[[], Result]) -> Result:
        """In the language of the person whose device this is."""
        with translation.override(self.connection.language):
            return text()

    async def _command(self, ref: str | None, frame_type: str, payload: dict[str, Any]) -> None:
        command = registry.commands.get(frame_type)
        if command is None:
            raise UnknownCommand
        actor = Actor(user_id=self.connection.user_id, device_id=self.connection.device_id)

        def run() -> str:
            # What is wrong with a field is said where it is found.
            return self._said(lambda: frames.encode("reply", command.run(actor, **command.parse(payload)), ref=ref))

        try:
            async with asyncio.timeout(settings.REALTIME_COMMAND_TIMEOUT_SECONDS):
                self.connection.push_frame(await in_thread(run))
        except TimeoutError:
            # The thread goes on, and may yet do it: commands can be repeated.
            raise errors.Unavailable from None

    # --- who is there -------------------------------------------------------------------------------------------------

    async def _admit(self) -> None:
        """The first frame, then everything the person listens to, then ``hello``: from here on nothing is missed."""
        try:
            async with asyncio.timeout(settings.REALTIME_AUTH_TIMEOUT_SECONDS):
                frame = await self._next_frame()
        except TimeoutError:
            raise Ended(Close.UNAUTHENTICATED) from None
        if frame["type"] != "auth":
            raise Ended(Close.UNAUTHENTICATED)
        admission = await self._redeem(frame.get("ref"), frame["payload"])
        connection = self.connection
        connection.id = admission.id
        connection.user_id, connection.device_id = admission.user_id, admission.device_id
        connection.expires_at = admission.expires_at.timestamp()
        connection.language = admission.language
        # Nothing comes before hello. What is pushed until then is stored already, and the first /sync/ will show it.
        connection.muted = True
        # Own events first: whoever is added to something while the list is read is joined to it by an order.
        confirmed = await self.hub.admit(connection)
        # Asked again: between the ticket and this moment the device may have been signed out, and no order reached us.
        expires_at, now, topics = await self.hub.on_the_way_in(
            lambda: (
                accounts.access_expiry(user_id=connection.user_id, device_id=connection.device_id),
                selectors.database_time(),
                registry.topics.initial_topics([connection.user_id])[connection.user_id],
            )
        )
        if expires_at is None:
            raise Ended(Close.UNAUTHENTICATED)
        confirmed = await self.hub.join(connection, topics) and confirmed
        for topic in connection.dropped:
            self.hub.leave(connection, topic)
        connection.muted = False
        connection.push_frame(frames.encode("hello", self._hello(now), ref=frame.get("ref")))
        if not confirmed:
            # Redis is away: the client hears nothing until it is back, and is told so again then.
            connection.push_frame(frames.encode("resync", {}))

    def _hello(self, now: datetime) -> dict[str, Any]:
        return {
            "server_time": rfc3339(now),
            "user_id": str(self.connection.user_id),
            "device_id": str(self.connection.device_id),
            "sync_cursor": selectors.sync_cursor(now),
            "limits": {
                "max_frame_bytes": settings.REALTIME_MAX_FRAME_BYTES,
                "ping_seconds": settings.REALTIME_PING_SECONDS,
                "silence_seconds": settings.REALTIME_SILENCE_SECONDS,
            },
        }

    async def _redeem(self, ref: str | None, payload: dict[str, Any]) -> services.Admission:
        ticket = payload.get("ticket")
        try:
            return await self.hub.on_the_way_in(
                lambda: services.redeem_ticket(text=ticket if isinstance(ticket, str) else "")
            )
        except TicketInvalid as error:
            self.connection.push_frame(frames.encode_error(ref, error.as_json()))
            raise Ended(Close.UNAUTHENTICATED) from None

    async def _renew(self, ref: str | None, payload: dict[str, Any]) -> None:
        admission = await self._redeem(ref, payload)
        if (admission.user_id, admission.device_id) != (self.connection.user_id, self.connection.device_id):
            raise Ended(Close.UNAUTHENTICATED)
        self.connection.expires_at, self.connection.warned = admission.expires_at.timestamp(), False
        self.connection.language = admission.language
        self.connection.push_frame(frames.encode("reply", {}, ref=ref))

    # --- topics -------------------------------------------------------------------------------------------------------

    async def _subscribe(self, ref: str | None, payload: dict[str, Any]) -> None:
        topic = payload.get("topic")
        if not isinstance(topic, str) or len(topic) > MAX_TOPIC:
            raise errors.InvalidInput(fields={"topic": [gettext_lazy("Name a topic.")]})
        kind, reference = registry.topics.find(topic)
        user_id = self.connection.user_id
        if kind is None or not await in_thread(kind.may_join, user_id, reference):
            raise errors.NotFound
        if topic not in self.connection.topics:
            # Those it has lost meanwhile make room.
            self.subscribed &= self.connection.topics
            if len(self.subscribed) >= MAX_SUBSCRIPTIONS:
                raise TooManyTopics(most=MAX_SUBSCRIPTIONS)
            self.subscribed.add(topic)
        # Joined before the snapshot is read: what changes in between arrives with a higher version.
        await self.hub.join(self.connection, [topic])
        # Asked again: the right may have been lost between the first look and the join, when no order could reach us.
        if not await in_thread(kind.may_join, user_id, reference):
            self.hub.leave(self.connection, topic)
            raise errors.NotFound
        self.connection.push_frame(frames.encode("reply", {}, ref=ref))
        if kind.snapshot:
            version, snapshot = await in_thread(kind.snapshot, reference)
            self.connection.push_frame(frames.encode("topic.snapshot", snapshot, topic=topic, version=version))

    def _unsubscribe(self, ref: str | None, payload: dict[str, Any]) -> None:
        topic = payload.get("topic")
        if isinstance(topic, str) and topic in self.connection.topics and registry.topics.find(topic)[0] is not None:
            self.hub.leave(self.connection, topic)
            self.subscribed.discard(topic)
        self.connection.push_frame(frames.encode("reply", {}, ref=ref))


class Nowhere(AsyncConsumer):
    """A WebSocket at any other address: HTTP 404, in the shape of every refusal."""

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()
        response = error_response(errors.NotFound())
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(response.content)).encode())]
        await send({"type": "websocket.http.response.start", "status": response.status_code, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": response.content})


def origin_is_ours(scope: dict[str, Any]) -> bool:
    """Pages name their origin and must be on the list; native apps name none, and need their ticket like everybody."""
    for name, value in scope["headers"]:
        if name == b"origin":
            # Compared as it stands: browsers write scheme, host and port and nothing else.
            return value.decode("latin-1").lower() in settings.REALTIME_ORIGINS
    return True
