"""What moves money is killed while it does: web, worker, loops and PostgreSQL, again and again.

Clients do what a phone does: they insist, under the key of the payment, until they have an answer. Then every payment
that was answered is there, once; and nothing else is.
"""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.db import connections

from messaging.models import Message
from payments import selectors
from payments.ledger.models import Entry
from payments.models import Transfer
from superapp.core.models import OutboxEvent
from superapp.localdev.processes import wait_until
from tests.payments.money import house, wallet
from tests.payments.paying import EASY, cny, make_known, rich
from tests.processes import Gateway, Loops, Web, Worker
from tests.realtime.people import Device, befriend
from tests.realtime.sockets import NO_LIMITS
from tests.sizes import sizes

FUNDED_MINOR = 500_000
PAIRS = 8
TRANSFERS_PER_S = 100.0
# Requests on their way at the same time, all together.
AT_ONCE = 16
PATIENCE_SECONDS = 120.0


@dataclass
class Payment:
    """What one phone wants, and what it was told."""

    payer: Device
    payee: Device
    amount_minor: int
    is_accepted: bool
    key: str = field(default_factory=lambda: str(uuid4()))
    #: Of the transfer, from the first answer that arrived.
    id: str = ""

    @property
    def body(self) -> dict[str, Any]:
        return {"payee_id": self.payee.id, "amount": cny(self.amount_minor)}


class Traffic:
    """Payments at a steady pace, or as fast as they are answered where that is slower."""

    def __init__(self, urls: Sequence[str], pairs: Sequence[tuple[Device, Device]]) -> None:
        self.urls, self.pairs = urls, itertools.cycle(pairs)
        self.payments: list[Payment] = []
        self.answered = self.repeated = 0
        self._numbers, self._due, self._goes_on = itertools.count(), 0.0, True
        limits = httpx.Limits(max_connections=2 * AT_ONCE)
        self._http = httpx.AsyncClient(timeout=20.0, trust_env=False, limits=limits)

    async def more(self, count: int) -> None:
        """Until so many more payments have been answered."""
        reached = self.answered + count
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.answered < reached:  # noqa: ASYNC110 (many clients' state)
                await asyncio.sleep(0.01)

    async def go(self) -> None:
        """One of those that pay, until they are told to stop; none leaves a payment without an answer."""
        while self._goes_on:
            now = time.monotonic()
            self._due = max(now, self._due) + 1 / TRANSFERS_PER_S
            await asyncio.sleep(self._due - now)
            number = next(self._numbers)
            payer, payee = next(self.pairs)
            payment = Payment(payer, payee, amount_minor=1 + number % 97, is_accepted=number % 3 == 0)
            self.payments.append(payment)
            await self.pay(payment)
            if payment.is_accepted:
                taken = await self._insist(payee, f"transfers/{payment.id}/accept/")
                assert (taken.status_code, taken.json()["state"]) == (200, "accepted"), taken.text
            self.answered += 1

    async def pay(self, payment: Payment) -> bool:
        """Returns whether it was done by an earlier attempt."""
        answer = await self._insist(payment.payer, "transfers/", payment.body, key=payment.key)
        assert answer.status_code == 201, answer.text
        assert payment.id in {"", answer.json()["id"]}
        payment.id = answer.json()["id"]
        return answer.headers.get("Idempotent-Replayed") == "true"

    def stop(self) -> None:
        self._goes_on = False

    async def close(self) -> None:
        await self._http.aclose()

    async def _insist(self, who: Device, path: str, body: Any = None, *, key: str = "") -> httpx.Response:
        """Each attempt at the next server: where the one before is dying, this one may come while it is at work."""
        headers = who.header | ({"Idempotency-Key": key} if key else {})
        async with asyncio.timeout(PATIENCE_SECONDS):
            for url in itertools.cycle(self.urls):
                try:
                    answer = await self._http.post(f"{url}/api/v1/{path}", json=body, headers=headers)
                except httpx.TransportError:
                    pass
                else:
                    # A refusal that says when to come back is one; any other answer is the answer.
                    if answer.status_code != 503:
                        return answer
                    assert int(answer.headers["Retry-After"]) >= 1
                self.repeated += 1
                await asyncio.sleep(0.1)
        raise AssertionError("nobody answers")


@asynccontextmanager
async def traffic(urls: Sequence[str], pairs: Sequence[tuple[Device, Device]]) -> AsyncIterator[Traffic]:
    """Payments until the block ends, and then those that are on their way."""
    moving = Traffic(urls, pairs)
    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(AT_ONCE):
                tasks.create_task(moving.go())
            yield moving
            moving.stop()
    finally:
        await moving.close()


@dataclass(frozen=True)
class Running:
    servers: Sequence[Web | Gateway]
    worker: Worker
    loops: Loops

    @property
    def urls(self) -> list[str]:
        return [f"http://127.0.0.1:{server.port}" for server in self.servers]


@pytest.fixture(scope="module")
def running(own_services: Any) -> Iterator[Running]:
    settings = {**EASY, "LIMITS_OVERRIDES": NO_LIMITS}
    web, gateway, worker, loops = (
        kind(own_services.addresses, settings=settings) for kind in (Web, Gateway, Worker, Loops)
    )
    with ExitStack() as cleanup, ThreadPoolExecutor() as at_once:
        list(at_once.map(cleanup.enter_context, (web, gateway, worker, loops)))
        yield Running([web, gateway], worker, loops)


@pytest.fixture(autouse=True)
def _connections_are_new(running: Running) -> Iterator[None]:
    """For whoever looks at the books afterwards: ours ended with the server."""
    yield
    connections.close_all()


def pairs() -> list[tuple[Device, Device]]:
    found = []
    for _ in range(PAIRS):
        one, other = rich("Ada", FUNDED_MINOR), rich("Bo", FUNDED_MINOR)
        befriend(one, other)
        for payer, payee in ((one, other), (other, one)):
            make_known(payer, payee)
            found.append((payer, payee))
    return found


async def kill_in_turn(moving: Traffic, running: Running, servers: Any, *, number: int) -> None:
    """Each blow falls while money moves, and money moves on while what was killed comes back."""
    async with asyncio.TaskGroup() as coming_back:
        for victim in (running.servers[number % 2], running.worker, running.loops):
            await moving.more(sizes.transfers_between_kills)
            await asyncio.to_thread(victim.kill)
            coming_back.create_task(asyncio.to_thread(victim.start))
    await moving.more(sizes.transfers_between_kills)
    if number % 2:
        await asyncio.to_thread(servers.postgres.kill)
        await asyncio.to_thread(servers.postgres.start)
    else:
        await asyncio.to_thread(servers.restart_postgres, immediate=True)
    await moving.more(sizes.transfers_between_kills)


def check_each_is_there_once(payments: Sequence[Payment], people: Sequence[Device]) -> None:
    rows = Transfer.objects.filter(payer_id__in=[who.user_id for who in people])
    assert {
        (str(key), str(transfer_id), amount_minor, state == "accepted")
        for key, transfer_id, amount_minor, state in rows.values_list("idempotency_key", "id", "amount_minor", "state")
    } == {(payment.key, payment.id, payment.amount_minor, payment.is_accepted) for payment in payments}
    assert rows.count() == len(payments)

    entries = Counter(Entry.objects.filter(purpose="payments.transfer").values_list("reference", "step"))
    sent = [(payment.id, "send") for payment in payments]
    taken = [(payment.id, "accept") for payment in payments if payment.is_accepted]
    assert entries == Counter(sent + taken)

    cards = Counter(
        Message.objects.filter(client_id__in=[payment.key for payment in payments]).values_list("client_id")
    )
    assert (len(cards), set(cards.values())) == (len(payments), {1})


def check_balances(payments: Sequence[Payment], people: Sequence[Device]) -> None:
    expected = Counter({who.user_id: FUNDED_MINOR for who in people})
    for payment in payments:
        expected[payment.payer.user_id] -= payment.amount_minor
        expected[payment.payee.user_id] += payment.amount_minor if payment.is_accepted else 0
    assert {who.user_id: wallet(who.user_id).balance_minor for who in people} == expected
    assert house("escrow", "transfers") == sum(payment.amount_minor for payment in payments if not payment.is_accepted)
    assert selectors.escrow_problems() == []


@pytest.mark.long
def test_no_acknowledged_transfer_is_lost_or_doubled_whatever_is_killed(
    own_services: Any, running: Running, soak_figure: Callable[[str, float], None]
) -> None:
    between = pairs()
    people = list({who.user_id: who for pair in between for who in pair}.values())
    connections.close_all()

    async def kill_and_repeat() -> tuple[Traffic, list[bool]]:
        began = time.monotonic()
        async with traffic(running.urls, between) as moving:
            for number in range(sizes.kill_rounds):
                await kill_in_turn(moving, running, own_services.servers, number=number)
            soak_figure("kills.transfers_per_s", round(moving.answered / (time.monotonic() - began), 1))
        soak_figure("kills.transfers", moving.answered)
        soak_figure("kills.repeated_requests", moving.repeated)
        # Their phones have forgotten that they were answered.
        again = Traffic(running.urls, between)
        replayed = []
        for start in range(0, len(moving.payments), AT_ONCE):
            replayed += await asyncio.gather(*map(again.pay, moving.payments[start : start + AT_ONCE]))
        await again.close()
        return moving, replayed

    moving, replayed = asyncio.run(kill_and_repeat())
    # The blows were felt.
    assert moving.repeated > 0
    assert replayed == [True] * len(moving.payments)
    assert wait_until(lambda: not OutboxEvent.objects.filter(done_at=None).exists(), seconds=PATIENCE_SECONDS)
    check_each_is_there_once(moving.payments, people)
    check_balances(moving.payments, people)
    for process in (*running.servers, running.worker, running.loops):
        assert process.alive()
