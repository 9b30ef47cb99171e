"""Between strangers' connections and the few threads that serve REST: whoever is slow is waited for on the event loop.

A thread is lent to a request once its body is complete, and is free again as soon as the answer is written down; files
are sent from here. So eight people on a bad line cannot make everybody else wait, whether they mean to or not.
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import IO, Any

from django.conf import settings
from django.http import HttpResponse

from superapp.core import bodies
from superapp.core.api.answers import error_response, json_response
from superapp.core.errors import DomainError, RequestTimeout, Unavailable

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
# Libraries describe the three more closely, each in its own way.
Application = Callable[[Any, Any, Any], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

BLOCK_BYTES = 64 * 1024
# Bodies that one process holds at the same time, in memory or on disk.
MOST_HELD_BYTES = 2 * 1024**3
# Answers that end with their headers; a length would be one header too many (RFC 9110, 8.6).
WITHOUT_CONTENT = {204, 304}
# Under this key a thread leaves a file in the request's scope.
_FILE = "superapp.file"


class _Left(Exception):
    """The client has gone before its request was complete, or takes nothing of the answer."""


class FileWrapper:
    """WSGI's ``file_wrapper`` (PEP 3333): what Django returns in place of the bytes of a file."""

    def __init__(self, file: IO[bytes], block_size: int = BLOCK_BYTES) -> None:
        self.file, self.block_size = file, block_size


def leave_files(application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """The WSGI application inside ``Buffered``: a file is left to it instead of being sent by the thread."""

    def wrapped(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["wsgi.file_wrapper"] = FileWrapper
        answer = application(environ, start_response)
        if isinstance(answer, FileWrapper):
            environ["asgi.scope"][_FILE] = answer
            return ()
        return answer

    return wrapped


class Buffered:
    """Runs ``application`` with a complete body and sends its complete answer, so that it never waits for the network.

    A body larger than anybody takes is not read: the application refuses it by its announced length. A large one is
    read if an endpoint wants it (``core.bodies``). One without a length (chunked) gets the length it turns out to have.
    One that takes too long is refused with 408.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/healthz":
            # Alive is whoever still answers here. Were the threads asked, a database that hangs would look like a
            # process to restart, and every socket in it would go with it.
            await _answer(json_response({"status": "ok"}), send)
            return
        with tempfile.SpooledTemporaryFile(max_size=settings.API_MAX_BODY_BYTES) as body:
            try:
                if _may_be_unwanted(scope) and not await self._is_wanted(scope, body, send):
                    return
                announced = await self._take_in(scope, receive, body)
                # What is left of a body that was not announced may have no end; nobody reads it.
                endless = announced > body.tell() and not any(name == b"content-length" for name, _ in scope["headers"])
                complete = {**scope, "headers": _headers(scope["headers"], announced)}
                await self._respond(complete, body, send, last=endless)
            except _Left:
                return
            except DomainError as refusal:
                await _refuse(refusal, send)
            finally:
                body.seek(0, 2)
                self._held_bytes -= body.tell()

    async def _is_wanted(self, scope: Scope, body: IO[bytes], send: Send) -> bool:
        """Whether the endpoint wants a body that is still to come. If not, its refusal has been sent."""
        announced = int(dict(scope["headers"]).get(b"content-length", b"0"))
        question = {**scope, "headers": _headers(scope["headers"], announced)}
        bodies.ask(question)
        answer = await self._ask(question, body)
        if not bodies.is_wanted(question):
            await self._send(question, answer, send, last=True)
            return False
        bodies.take(scope)
        return True

    async def _respond(self, scope: Scope, body: IO[bytes], send: Send, *, last: bool) -> None:
        await self._send(scope, await self._ask(scope, body), send, last=last)

    async def _ask(self, scope: Scope, body: IO[bytes]) -> list[Message]:
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self._application(scope, _giver(body), keep)
        return answer

    async def _send(self, scope: Scope, answer: list[Message], send: Send, *, last: bool) -> None:
        """``last``: the connection has to end with it."""
        start, file = answer[0], scope.get(_FILE)
        content = b"".join(message.get("body", b"") for message in answer[1:])
        if last:
            start["headers"].append((b"connection", b"close"))
        if file is None and start["status"] not in WITHOUT_CONTENT:
            start["headers"] = _with_length(start["headers"], len(content))
        await _sent(start, send)
        await _hand_out(content, file, send)

    async def _take_in(self, scope: Scope, receive: Receive, body: IO[bytes]) -> int:
        """Fill ``body``; returns the length to announce, which is more than what is there if that is too much."""
        headers = dict(scope["headers"])
        announced = int(headers.get(b"content-length", b"0"))
        most = settings.API_MAX_BODY_BYTES
        if bodies.is_wanted(scope):
            most += settings.API_MAX_UPLOAD_BYTES
        elif _is_form(scope):
            most += bodies.UNASKED_BYTES
        if announced > most or (announced == 0 and b"transfer-encoding" not in headers):
            return announced
        began, size, more = time.monotonic(), 0, True
        while more:
            patience = settings.HTTP_BODY_PATIENCE_SECONDS + size / settings.HTTP_BODY_BYTES_PER_SECOND
            try:
                async with asyncio.timeout(began + patience - time.monotonic()):
                    message = await receive()
            except TimeoutError:
                raise RequestTimeout from None
            if message["type"] == "http.disconnect":
                raise _Left
            block, more = message.get("body", b""), message.get("more_body", False)
            size += len(block)
            if size > most:
                return size
            self._keep(block, body)
        return size

    def _keep(self, block: bytes, body: IO[bytes]) -> None:
        if self._held_bytes + len(block) > MOST_HELD_BYTES:
            raise Unavailable
        try:
            self._held_bytes += body.write(block)
        except OSError as error:
            raise Unavailable from error


def _is_form(scope: Scope) -> bool:
    return dict(scope["headers"]).get(b"content-type", b"").lower().startswith(b"multipart/")


def _may_be_unwanted(scope: Scope) -> bool:
    """A large form for the API, whose endpoints know the question. Pages take no large forms."""
    announced = int(dict(scope["headers"]).get(b"content-length", b"0"))
    large = announced > settings.API_MAX_BODY_BYTES + bodies.UNASKED_BYTES
    return large and _is_form(scope) and scope["path"].startswith("/api/")


def _headers(headers: Headers, announced: int) -> Headers:
    """Without names that CGI's spelling confuses with others: X_Real_IP is not what the proxy calls X-Real-IP."""
    return _with_length([(name, value) for name, value in headers if b"_" not in name], announced)


def _with_length(headers: Headers, length: int) -> Headers:
    framing = {b"content-length", b"transfer-encoding"}
    kept = [(name, value) for name, value in headers if name not in framing]
    return [*kept, (b"content-length", str(length).encode())]


def _giver(body: IO[bytes]) -> Receive:
    body.seek(0)

    async def receive() -> Message:
        block = body.read(BLOCK_BYTES)
        return {"type": "http.request", "body": block, "more_body": bool(block)}

    return receive


async def _hand_out(content: bytes, file: FileWrapper | None, send: Send) -> None:
    try:
        if file is not None:
            while block := await asyncio.to_thread(file.file.read, file.block_size):
                await _sent({"type": "http.response.body", "body": block, "more_body": True}, send)
        await _sent({"type": "http.response.body", "body": content}, send)
    finally:
        if file is not None:
            # Django's own closing of the answer, with whatever else it has to close.
            await asyncio.to_thread(file.file.close)


async def _sent(message: Message, send: Send) -> None:
    """Waits only for the reader. One who takes nothing for too long is cut off, which ASGI has no word for."""
    try:
        async with asyncio.timeout(settings.HTTP_ANSWER_STALLED_SECONDS):
            await send(message)
    except TimeoutError:
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if transport is not None:
            transport.abort()
            # The server hears of it in the next round, and then does not complain that the answer is not complete.
            await asyncio.sleep(0)
        raise _Left from None


async def _refuse(refusal: DomainError, send: Send) -> None:
    """What is still to come of the body is not read, so the connection has to end."""
    response = error_response(refusal)
    response["Connection"] = "close"
    await _answer(response, send)


async def _answer(response: HttpResponse, send: Send) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    headers.append((b"content-length", str(len(response.content)).encode()))
    with contextlib.suppress(_Left):
        await _sent({"type": "http.response.start", "status": response.status_code, "headers": headers}, send)
        await _sent({"type": "http.response.body", "body": response.content}, send)
