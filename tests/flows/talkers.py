"""Many devices that talk with ``superapp.client``, and what must be true when they have stopped."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from superapp.accounts import services as accounts
from superapp.client import Api, Client, Outgoing, State, Timing
from superapp.client.shapes import Json
from tests.realtime.people import Device

PATIENCE_SECONDS = 60.0
QUICK = Timing(gap=0.1, reconnect_first=0.1, reconnect_most=1.0, reading=0.2)


class Talker:
    """One device and what the server has acknowledged to it."""

    def __init__(self, client: Client, conversation_ids: Sequence[str]) -> None:
        self.client, self.conversation_ids = client, conversation_ids
        self.sent: list[Outgoing] = []
        self._numbers = itertools.count(1)

    def say(self, count: int) -> None:
        for _ in range(count):
            number = next(self._numbers)
            conversation_id = self.conversation_ids[number % len(self.conversation_ids)]
            self.sent.append(self.client.send_text(conversation_id, f"{self.client.store.me}:{number}"))

    def is_level(self) -> bool:
        """Connected, nothing left to send, and nothing known to be missing."""
        client = self.client
        return (
            client.state is State.ONLINE
            and not len(client.outbox)
            and not client.store.sync_wanted
            and not client.store.behind()
            and not client.store.stale()
            and not client.store.unknown()
        )

    async def differences(self) -> list[str]:
        """In what this device's picture differs from a fresh fetch. Empty: in nothing."""
        found = []
        for conversation_id in self.conversation_ids:
            log = self.client.store.logs[conversation_id]
            history = await self.history(conversation_id)
            if as_seen(log.messages) != as_seen(history):
                have, real = ([row["seq"] for row in rows] for rows in (log.messages, history))
                found.append(f"{self.client.store.me} in {conversation_id} has {have}, not {real}")
            mine = (await self.client.api.conversation(conversation_id))["mine"]
            if (log.read_seq, log.unread) != (mine["read_seq"], mine["unread"]):
                found.append(
                    f"{self.client.store.me} in {conversation_id} read {log.read_seq}/{log.unread}, not {mine}"
                )
        return found

    async def history(self, conversation_id: str) -> list[Any]:
        rows: list[Any] = []
        while True:
            # Whoever joined later does not begin at 1.
            page = await self.client.api.messages(conversation_id, after=rows[-1]["seq"] if rows else 0, limit=100)
            rows += page["results"]
            if page["next"] is None:
                return rows


def as_seen(rows: Sequence[Any]) -> list[Json]:
    """Rows without what a push does not tell, and without what earlier ones were when something was done to them."""
    return [{name: value for name, value in row.items() if name not in {"mine", "target"}} for row in rows]


def session_of(device: Device) -> Json:
    """A new device of the same person, as the API would show it at its sign-in. In a thread."""
    session = accounts.start_session(user_id=device.user_id, device_name="Talker", platform="terminal")
    return {
        "access_token": session.access.text,
        "access_expires_at": "",
        "refresh_token": session.refresh.text,
        "refresh_expires_at": "",
        "device_id": str(session.device.id),
        "is_new_user": False,
        "user": {"id": device.id},
    }


@asynccontextmanager
async def talking(people: Sequence[tuple[Device, str, Sequence[str]]]) -> AsyncIterator[list[Talker]]:
    """People, the origin that each of them uses, and the conversations in which they talk. All are online at first."""
    # One pool of connections: a client of its own for each would cost a second to make.
    limits = httpx.Limits(max_connections=40)
    async with httpx.AsyncClient(timeout=15, trust_env=False, limits=limits) as http:
        talkers = []
        for device, origin, conversation_ids in people:
            api = Api(origin, http=http)
            api.session = await asyncio.to_thread(session_of, device)  # type: ignore[assignment]
            talkers.append(Talker(Client(api, recent=None, timing=QUICK), conversation_ids))
        for talker in talkers:
            talker.client.start()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await asyncio.gather(*(talker.client.online() for talker in talkers))
            yield talkers
        finally:
            await asyncio.gather(*(talker.client.close() for talker in talkers))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 (state of many clients)
            await asyncio.sleep(0.02)


async def all_level(talkers: Sequence[Talker]) -> None:
    try:
        await until(lambda: all(talker.is_level() for talker in talkers))
    except TimeoutError:
        behind = [
            (t.client.store.me, t.client.state, t.client.trouble, len(t.client.outbox), t.client.store.behind())
            for t in talkers
            if not t.is_level()
        ]
        raise AssertionError(f"not level after {PATIENCE_SECONDS:g} s: {behind}") from None


async def check_nothing_lost_or_doubled(talkers: Sequence[Talker]) -> None:
    """Every acknowledged message is in every history exactly once, and every picture equals a fresh one."""
    witness = {conversation_id: talker for talker in talkers for conversation_id in talker.conversation_ids}
    stored: Counter[tuple[str, str]] = Counter()
    places: dict[tuple[str, str], int] = {}
    for conversation_id, talker in witness.items():
        history = await talker.history(conversation_id)
        assert [row["seq"] for row in history] == list(range(1, len(history) + 1))
        for row in history:
            key = (conversation_id, row["client_id"])
            stored[key] += 1
            places[key] = row["seq"]
    for talker in talkers:
        for outgoing in talker.sent:
            message = await outgoing.acknowledged()
            key = (outgoing.conversation_id, outgoing.client_id)
            assert stored[key] == 1, f"{message} is there {stored[key]} times"
            assert places[key] == message["seq"]
        texts = [(await outgoing.acknowledged()) for outgoing in talker.sent]
        for conversation_id in talker.conversation_ids:
            seqs = [text["seq"] for text in texts if text["conversation_id"] == conversation_id]
            assert seqs == sorted(seqs), "what was said first is not stored first"
    assert [line for talker in talkers for line in await talker.differences()] == []
