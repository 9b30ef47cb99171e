"""The REST side: who we are, and every call that a chat client makes.

>>> api = Api("http://localhost:8000")
>>> await api.sign_in_with_password("ada", "superapp-demo")
>>> async for friend in api.friends():
...     print(friend["user"]["display_name"], friend["conversation_id"])
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import httpx

from superapp.client import backoff
from superapp.client.errors import ApiError, SignedOut, Unreachable
from superapp.client.shapes import (
    Asset,
    AssetKind,
    Conversation,
    Device,
    Friend,
    FriendRequest,
    Json,
    Me,
    Member,
    Message,
    Page,
    Platform,
    Profile,
    ReadMark,
    Session,
    SyncPage,
    Ticket,
)

ROOT = "/api/v1/"
DEVICE_NAME = "Superapp client"
TIMEOUT = httpx.Timeout(15.0, connect=5.0, pool=30.0)
# A token this close to its end is renewed before it is used: it might not survive the way.
RENEW_SECONDS_BEFORE_END = 45.0
RETRIES = 4
# Nobody waits longer than this inside one call; the caller is told when to come back instead.
LONGEST_WAIT_SECONDS = 30.0


def new_key() -> str:
    """A fresh ``client_id`` or ``Idempotency-Key``: made once per thing wanted, kept for every attempt to get it."""
    return str(uuid4())


@dataclass(frozen=True)
class _Call:
    """One request, in a form that can be sent again."""

    method: str
    path: str
    body: Json | None = None
    params: Mapping[str, Any] | None = None
    key: str | None = None
    file: tuple[str, bytes] | None = None
    public: bool = False
    retries: int = RETRIES
    repeatable: bool = False

    @property
    def may_be_repeated(self) -> bool:
        """Whether doing it twice is the same as doing it once."""
        return self.repeatable or self.key is not None or self.method in {"GET", "PUT", "PATCH", "DELETE"}

    def headers(self, token: str | None) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return headers | ({"Idempotency-Key": self.key} if self.key else {})


class Api:
    """One signed-in device. Every method raises ``ApiError``, ``Unreachable`` or ``SignedOut``.

    ``http`` may be shared by many devices, as load tests do; then whoever made it closes it.
    """

    def __init__(self, origin: str, *, http: httpx.AsyncClient | None = None) -> None:
        self.origin = origin.rstrip("/")
        self._owns_http = http is None
        # No proxy from the environment: what we talk to is mostly on this machine.
        self._http = http or httpx.AsyncClient(timeout=TIMEOUT, trust_env=False)
        self.session: Session | None = None
        self._access_ends = 0.0
        self._refreshing: asyncio.Task[None] | None = None
        self._sign_in_again: Callable[[], Awaitable[Session]] | None = None
        # By whose account this device is known: strangers' wrong passwords do not lock it out there.
        self._known_by: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        if self._owns_http:
            await self._http.aclose()

    # --- signing in ---------------------------------------------------------------------------------------------------

    @property
    def user_id(self) -> str:
        return self.signed_in["user"]["id"]

    @property
    def signed_in(self) -> Session:
        if self.session is None:
            raise SignedOut("Sign in first.")
        return self.session

    async def sign_in_with_password(
        self,
        identifier: str,
        password: str,
        *,
        device: str = DEVICE_NAME,
        platform: Platform = "terminal",
        insist: bool = False,
    ) -> Me:
        """``identifier``: a handle, or a phone number with its +.

        ``insist``: keep the password and sign in again, as a new device, whenever this one has been signed out. Right
        for simulators; a person's client should ask the person, who may have signed it out on purpose.
        """

        async def sign_in() -> Session:
            body = {"identifier": identifier, "password": password, "device": {"name": device, "platform": platform}}
            body |= self._known_by
            # A person who waits wants to know soon that nothing answers.
            call = _Call("POST", "auth/sign-in/password/", body, public=True, retries=RETRIES if insist else 1)
            return await self._start_session(call)

        session = await sign_in()
        self._sign_in_again = sign_in if insist else None
        return session["user"]

    async def request_code(self, phone: str, *, language: str = "en") -> str:
        """Have a one-time code sent to ``phone``; returns the challenge to hand back with it."""
        sent = await self._call(_Call("POST", "auth/codes/", {"phone": phone, "language": language}, public=True))
        return str(sent["challenge"])

    async def sign_in_with_code(
        self, challenge: str, code: str, *, device: str = DEVICE_NAME, platform: Platform = "terminal"
    ) -> Me:
        """Sign in, or up: the first time a phone proves itself it becomes a person."""
        body = {"challenge": challenge, "code": code, "device": {"name": device, "platform": platform}} | self._known_by
        return (await self._start_session(_Call("POST", "auth/sign-in/code/", body, public=True)))["user"]

    async def sign_out(self) -> None:
        """End this device's sign-in, on the server too."""
        await self._call(_Call("POST", "auth/sign-out/"))
        self.session = self._sign_in_again = None

    async def refresh(self, *, stale: str) -> None:
        """Replace the access token ``stale``. Whoever comes while another does it waits for that one: a refresh token
        that is used twice signs the device out. Raises ``SignedOut`` when nothing helps any more."""
        if self.signed_in["access_token"] != stale:
            return
        if self._refreshing is None:
            self._refreshing = asyncio.create_task(self._renew())
            self._refreshing.add_done_callback(self._refreshed)
        # A caller that gives up must not take the others' answer, and the only copy of the new tokens, with it.
        await asyncio.shield(self._refreshing)

    def _refreshed(self, task: asyncio.Task[None]) -> None:
        self._refreshing = None
        if not task.cancelled():
            # Looked at, even if every caller has given up meanwhile: asyncio would complain of an unseen failure.
            task.exception()

    async def _renew(self) -> None:
        # If an answer got lost the token is used up and the second attempt is refused. Then we have to sign in
        # again; without a second attempt it would come to that as well.
        body = {"refresh_token": self.signed_in["refresh_token"]}
        try:
            await self._start_session(_Call("POST", "auth/refresh/", body, public=True, repeatable=True))
        except ApiError as error:
            if error.status != 401:
                raise
            await self._begin_again(error)

    async def _begin_again(self, refusal: ApiError) -> None:
        try:
            if self._sign_in_again is not None:
                await self._sign_in_again()
                return
        except ApiError as error:
            if error.is_passing:
                raise
            refusal = error
        self.session = None
        raise SignedOut(refusal.message) from refusal

    async def _start_session(self, call: _Call) -> Session:
        response = await self._respond(call)
        self.session = session = _session(response)
        self._access_ends = time.monotonic() + _lifetime_seconds(session, response)
        if known_by := session.get("recognition_token"):
            self._known_by = {"recognition_token": known_by}
        return session

    async def _token(self) -> str:
        session = self.signed_in
        if time.monotonic() > self._access_ends - RENEW_SECONDS_BEFORE_END:
            await self.refresh(stale=session["access_token"])
        return self.signed_in["access_token"]

    # --- oneself ------------------------------------------------------------------------------------------------------

    async def me(self) -> Me:
        me: Me = await self._call(_Call("GET", "me/"))
        return me

    async def change_me(self, **fields: Any) -> Me:
        me: Me = await self._call(_Call("PATCH", "me/", fields))
        return me

    def devices(self) -> AsyncIterator[Device]:
        return self._pages("devices/")

    async def revoke_device(self, device_id: str) -> None:
        await self._call(_Call("DELETE", f"devices/{device_id}/"))

    async def ticket(self) -> Ticket:
        """For one socket. Not repeated when the answer is lost: the next attempt to connect takes another."""
        ticket: Ticket = await self._call(_Call("POST", "realtime/tickets/", retries=0))
        return ticket

    async def sync(self, cursor: str | None) -> SyncPage:
        """What has changed since ``cursor``; everything without one."""
        page: SyncPage = await self._call(_Call("GET", "sync/", params={"cursor": cursor} if cursor else None))
        return page

    # --- people -------------------------------------------------------------------------------------------------------

    async def person(self, handle: str) -> Profile:
        profile: Profile = await self._call(_Call("GET", "people/", params={"handle": handle}))
        return profile

    async def person_by_id(self, user_id: str) -> Profile:
        profile: Profile = await self._call(_Call("GET", f"people/{user_id}/"))
        return profile

    async def search_people(self, prefix: str) -> list[Profile]:
        """Whose handle begins so: at least three characters, at most ten people."""
        found = await self._call(_Call("GET", "people/search/", params={"prefix": prefix}))
        people: list[Profile] = found["results"]
        return people

    async def online_friends(self) -> set[str]:
        """The ids of those who are there and show it."""
        found = await self._call(_Call("GET", "friends/online/"))
        return {friend["user_id"] for friend in found["results"]}

    def friends(self) -> AsyncIterator[Friend]:
        return self._pages("friends/")

    def friend_requests(self, direction: str = "incoming") -> AsyncIterator[FriendRequest]:
        """``direction``: incoming or outgoing."""
        return self._pages("friend-requests/", {"direction": direction})

    async def request_friend(self, handle: str, *, greeting: str = "") -> FriendRequest:
        """Asking again what still waits is the same request, so this may be repeated."""
        body = {"handle": handle} | ({"greeting": greeting} if greeting else {})
        request: FriendRequest = await self._call(_Call("POST", "friend-requests/", body, repeatable=True))
        return request

    async def accept_friend(self, request_id: str) -> Friend:
        friend: Friend = await self._call(_Call("POST", f"friend-requests/{request_id}/accept/", repeatable=True))
        return friend

    async def decline_friend(self, request_id: str) -> None:
        await self._call(_Call("POST", f"friend-requests/{request_id}/decline/", repeatable=True))

    async def end_friendship(self, user_id: str) -> None:
        await self._call(_Call("DELETE", f"friends/{user_id}/"))

    async def block(self, user_id: str) -> None:
        await self._call(_Call("PUT", f"blocks/{user_id}/"))

    async def unblock(self, user_id: str) -> None:
        await self._call(_Call("DELETE", f"blocks/{user_id}/"))

    # --- conversations ------------------------------------------------------------------------------------------------

    def conversations(self) -> AsyncIterator[Conversation]:
        """Those with something in them, the one last spoken in first."""
        return self._pages("conversations/")

    async def conversation(self, conversation_id: str) -> Conversation:
        conversation: Conversation = await self._call(_Call("GET", f"conversations/{conversation_id}/"))
        return conversation

    async def direct_conversation(self, user_id: str) -> Conversation:
        """The one conversation of the two, made if there is none yet."""
        call = _Call("POST", "conversations/direct/", {"user_id": user_id}, repeatable=True)
        conversation: Conversation = await self._call(call)
        return conversation

    async def create_group(self, title: str, member_ids: Iterable[str], *, key: str | None = None) -> Conversation:
        body = {"title": title, "member_ids": list(member_ids)}
        conversation: Conversation = await self._call(
            _Call("POST", "conversations/groups/", body, key=key or new_key())
        )
        return conversation

    def members(self, conversation_id: str) -> AsyncIterator[Member]:
        return self._pages(f"conversations/{conversation_id}/members/")

    async def messages(
        self, conversation_id: str, *, after: int | None = None, before: int | None = None, limit: int = 100
    ) -> Page[Message]:
        """Ascending by ``seq``: those that follow ``after``, or those just before ``before``, or the newest."""
        params = {name: value for name, value in (("after", after), ("before", before)) if value is not None}
        call = _Call("GET", f"conversations/{conversation_id}/messages/", params={**params, "limit": limit})
        page: Page[Message] = await self._call(call)
        return page

    async def message(self, conversation_id: str, seq: int) -> Message:
        """One message as it is now."""
        message: Message = await self._call(_Call("GET", f"conversations/{conversation_id}/messages/{seq}/"))
        return message

    async def delete_message(self, conversation_id: str, seq: int) -> None:
        """For ourselves alone."""
        await self._call(_Call("DELETE", f"conversations/{conversation_id}/messages/{seq}/"))

    async def clear_history(self, conversation_id: str, seq: int) -> None:
        """Everything up to ``seq``, for ourselves alone."""
        await self._call(_Call("POST", f"conversations/{conversation_id}/clear/", {"seq": seq}, repeatable=True))

    async def send_message(
        self, conversation_id: str, content: Json, *, client_id: str, retries: int = RETRIES
    ) -> Message:
        """``content``: ``{"kind": "text", "text"}`` or ``{"kind": "photo", "asset_id"}``. However often a ``client_id``
        is sent, the message is stored once and every attempt gets the same answer."""
        path = f"conversations/{conversation_id}/messages/"
        message: Message = await self._call(_Call("POST", path, content, key=client_id, retries=retries))
        return message

    async def mark_read(self, conversation_id: str, seq: int) -> ReadMark:
        """A mark never moves back, so this may be repeated and may arrive late."""
        call = _Call("POST", f"conversations/{conversation_id}/read/", {"seq": seq}, repeatable=True)
        mark: ReadMark = await self._call(call)
        return mark

    async def edit(self, conversation_id: str, seq: int, text: str) -> Message:
        """Say an own text otherwise. What it answers stays; it calls nobody by name any more."""
        path = f"conversations/{conversation_id}/messages/{seq}/"
        edited: Message = await self._call(_Call("PATCH", path, {"text": text}, repeatable=True))
        return edited

    async def recall(self, conversation_id: str, seq: int) -> Message:
        path = f"conversations/{conversation_id}/messages/{seq}/recall/"
        recalled: Message = await self._call(_Call("POST", path, repeatable=True))
        return recalled

    async def react(self, conversation_id: str, seq: int, emoji: str, *, is_added: bool = True) -> Message:
        body = {"emoji": emoji, "is_added": is_added}
        path = f"conversations/{conversation_id}/messages/{seq}/reactions/"
        shown: Message = await self._call(_Call("PUT", path, body, repeatable=True))
        return shown

    async def typing(self, conversation_id: str) -> None:
        await self._call(_Call("POST", f"conversations/{conversation_id}/typing/", retries=0))

    async def choose(self, conversation_id: str, **choice: bool) -> None:
        """How we want it shown: any of ``is_muted``, ``is_pinned``, ``is_hidden`` and ``is_marked_unread``."""
        await self._call(_Call("PATCH", f"conversations/{conversation_id}/mine/", choice, repeatable=True))

    async def share_read_marks(self, shares: bool) -> None:
        await self._call(_Call("PATCH", "messaging-settings/", {"shares_read_marks": shares}))

    # --- media --------------------------------------------------------------------------------------------------------

    async def upload_photo(self, path: Path, *, key: str | None = None) -> Asset:
        """Upload a picture to be sent in a message; ~ is one's home. Raises ``OSError`` too, if it cannot be read."""
        return await self.upload(path, kind="photo", key=key)

    async def upload(self, path: Path, *, kind: AssetKind, key: str | None = None) -> Asset:
        """Upload something for a message. Voice and video can be used once they are ``processed``."""
        content = await asyncio.to_thread(lambda: path.expanduser().read_bytes())
        # In the query they count before the file is sent.
        params, file = {"purpose": "message", "kind": kind}, (path.name, content)
        call = _Call("POST", "media/", params=params, file=file, key=key or new_key())
        asset: Asset = await self._call(call)
        return asset

    async def processed(self, asset_id: str, *, patience: float = 60.0) -> Asset:
        """The asset once a worker is done with it: ready, or failed with a ``refusal``. Raises ``TimeoutError``."""
        async with asyncio.timeout(patience):
            for delay in backoff.delays(most=4.0):
                asset = await self.asset(asset_id)
                if asset["state"] != "processing":
                    return asset
                await asyncio.sleep(delay)
        raise TimeoutError

    async def asset(self, asset_id: str) -> Asset:
        """With addresses that are good for some minutes."""
        asset: Asset = await self._call(_Call("GET", f"media/{asset_id}/"))
        return asset

    # --- anything else ------------------------------------------------------------------------------------------------

    async def get(self, path: str, **params: Any) -> Any:
        """What stands at a path below ``/api/v1/``."""
        return await self._call(_Call("GET", path, params=params))

    async def post(self, path: str, body: Json, *, key: str | None = None, repeatable: bool = False) -> Any:
        """``key``: its ``Idempotency-Key``; with one, or where doing it twice is the same (``repeatable``), it is tried
        again when no answer came."""
        return await self._call(_Call("POST", path, body, key=key, repeatable=repeatable))

    def pages(self, path: str, params: Mapping[str, Any] | None = None) -> AsyncIterator[Any]:
        """Everything in a list below ``/api/v1/``, page after page."""
        return self._pages(path, params)

    # --- how a call is made -------------------------------------------------------------------------------------------

    async def _pages(self, path: str, params: Mapping[str, Any] | None = None) -> AsyncIterator[Any]:
        """Everything in a list, page after page."""
        page = await self._call(_Call("GET", path, params={"limit": 100, **(params or {})}))
        while True:
            for item in page["results"]:
                yield item
            if page["next"] is None:
                return
            page = await self._call(_Call("GET", page["next"]))

    async def _call(self, call: _Call) -> Any:
        response = await self._respond(call)
        return response.json() if response.content else None

    async def _respond(self, call: _Call) -> httpx.Response:
        """Make the call, and make it again where that can help and does no harm."""
        for delay in islice(backoff.delays(most=8.0), call.retries):
            try:
                return await self._authorised(call)
            except (ApiError, Unreachable) as failure:
                pause = _pause_before_retry(failure, call, delay)
                if pause is None:
                    raise
            await asyncio.sleep(pause)
        return await self._authorised(call)

    async def _authorised(self, call: _Call) -> httpx.Response:
        if call.public:
            return await self._attempt(call, token=None)
        token = await self._token()
        try:
            return await self._attempt(call, token=token)
        except ApiError as error:
            if error.status != 401:
                raise
        await self.refresh(stale=token)
        return await self._attempt(call, token=self.signed_in["access_token"])

    async def _attempt(self, call: _Call, *, token: str | None) -> httpx.Response:
        url = self.origin + (call.path if call.path.startswith("/") else ROOT + call.path)
        try:
            response = await self._http.request(
                call.method,
                url,
                # httpx would replace a query that is part of the path by an empty one.
                params=call.params or None,
                json=call.body,
                files={"file": call.file} if call.file else None,
                headers=call.headers(token),
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Unreachable(f"{self.origin} cannot be reached: {error}", maybe_done=False) from error
        except httpx.TransportError as error:
            raise Unreachable(f"{self.origin} did not answer: {error!r}", maybe_done=True) from error
        if response.is_success and (not response.content or _is_json(response)):
            return response
        if response.is_success or response.is_redirect:
            # A network that wants somebody to sign in, or a proxy's own page. The server may still have been asked.
            raise Unreachable(f"{self.origin} was answered for by somebody else.", maybe_done=True)
        raise _refusal(response)


def _is_json(response: httpx.Response) -> bool:
    return response.headers.get("Content-Type", "").partition(";")[0].strip() == "application/json"


def _refusal(response: httpx.Response) -> ApiError:
    try:
        body = response.json()
    except ValueError:
        body = None
    error = body.get("error") if isinstance(body, dict) else None
    wait = response.headers.get("Retry-After", "")
    return ApiError.read(error, status=response.status_code, retry_after=float(wait) if wait.isdigit() else None)


def _pause_before_retry(failure: ApiError | Unreachable, call: _Call, delay: float) -> float | None:
    """Seconds to wait before the call is made again; None: it must not be, or it would be of no use."""
    if isinstance(failure, Unreachable):
        return delay if call.may_be_repeated or not failure.maybe_done else None
    # 429 and our own 503 say that nothing was done; other servers on the way promise nothing.
    harmless = call.may_be_repeated or failure.code in {"too_many_requests", "unavailable"}
    if not failure.is_passing or not harmless or (failure.retry_after or 0) > LONGEST_WAIT_SECONDS:
        return None
    return (failure.retry_after or 0) + delay


def _session(response: httpx.Response) -> Session:
    session: Session = response.json()
    return session


def _lifetime_seconds(session: Session, response: httpx.Response) -> float:
    """How long the access token lives, told by the server's clock alone: ours may be wrong by hours."""
    ends = datetime.fromisoformat(session["access_expires_at"]).timestamp()
    date = response.headers.get("Date")
    return ends - (parsedate_to_datetime(date).timestamp() if date else time.time())
