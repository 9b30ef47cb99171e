"""Red packets under real concurrency: threads, and commits."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, connections, transaction

from messaging import services as messaging
from payments import selectors
from payments.ledger.errors import InsufficientFunds
from payments.ledger.models import Entry
from payments.models import RedPacket, RedPacketClaim
from payments.services.red_packets import ATTEMPTS, _open
from superapp.core.errors import NotFound
from tests.core.waiting import until_blocked
from tests.messaging.threads import at_once
from tests.payments import packets
from tests.payments.money import wallet
from tests.realtime.people import Device, group, people
from tests.sizes import sizes

pytestmark = pytest.mark.usefixtures("committed_db")
THREADS = 32


def check(packet: RedPacket) -> RedPacket:
    """What its row, its claims and the ledger say of it is the same; returns it as it is now."""
    packet.refresh_from_db()
    claims = list(RedPacketClaim.objects.filter(packet_id=packet.id).order_by("part"))
    assert [claim.part for claim in claims] == list(range(1, packet.taken + 1))
    assert [claim.amount_minor for claim in claims] == packet.amounts[: packet.taken]
    assert sum(claim.amount_minor for claim in claims) == packet.claimed_minor
    steps = set(Entry.objects.filter(purpose="payments.red_packet", reference=str(packet.id)).values_list("step"))
    ended = {("expire",)} if packet.state == RedPacket.State.EXPIRED else set()
    assert steps == {("send",), *ended, *((f"claim:{claim.user_id}",) for claim in claims)}
    assert selectors.red_packet_problems() == []
    return packet


def timed(work: Sequence[Callable[[], Any]]) -> list[tuple[Any, float]]:
    """Do it with as many threads as a busy process has; what each returned or raised, and its milliseconds."""
    start = threading.Barrier(THREADS)

    def greet() -> None:
        connections["default"].ensure_connection()
        start.wait(timeout=30)

    def run(function: Callable[[], Any]) -> tuple[Any, float]:
        began = time.monotonic()
        try:
            answer = function()
        except Exception as error:
            answer = error
        return answer, (time.monotonic() - began) * 1000

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda _: greet(), range(THREADS)))
        found = list(pool.map(run, work))
        list(pool.map(lambda _: (start.wait(timeout=30), connections.close_all()), range(THREADS)))
    return found


def test_all_parts_go_out_and_each_once(soak_figure: Callable[[str, float], None]) -> None:
    """Everybody taps, half of them twice, and nobody is told an error."""
    members = people(sizes.packet_claimers)
    sender = members[0]
    total = sizes.packet_parts * 100 + 1
    packet = packets.send(sender, group(*members), total, parts=sizes.packet_parts)
    taps = [*members, *members[::2]]
    random.shuffle(taps)
    found = timed([lambda who=who: packets.open_packet(who, packet) for who in taps])  # type: ignore[misc]
    answers: dict[int, set[Any]] = {who.user_id: set() for who in members}
    for who, (answer, _ms) in zip(taps, found, strict=True):
        answers[who.user_id].add(answer)
    # A second tap says what the first one did, whichever came first.
    assert all(len(said) == 1 for said in answers.values())
    won = {user_id: amount for user_id, (amount,) in answers.items() if amount is not None}
    assert (len(won), sum(won.values())) == (sizes.packet_parts, total)
    packet = check(packet)
    assert packet.state == RedPacket.State.FINISHED
    assert all(wallet(user_id).balance_minor == amount for user_id, amount in won.items())
    slowest = sorted(ms for _answer, ms in found)
    soak_figure("red_packet_p99_ms", slowest[int(len(slowest) * 0.99)])
    soak_figure("red_packet_p50_ms", slowest[len(slowest) // 2])


def test_the_same_request_many_times_at_once_is_one_packet() -> None:
    ada, bo = people(2)
    conversation_id = group(ada, bo)
    packets.make_rich(ada, 10_000)
    key = uuid4()
    found = at_once([lambda: packets.spend(ada, conversation_id, 1_000, idempotency_key=key)] * 12)
    assert len({packet.id for packet in found}) == 1
    assert sorted(packet.is_replay for packet in found) == [False] + [True] * 11
    assert wallet(ada.user_id).balance_minor == 9_000
    assert check(found[0]).taken == 0


def test_more_packets_at_once_than_there_is_money_for() -> None:
    ada, bo = people(2)
    conversation_id = group(ada, bo)
    packets.make_rich(ada, 1_000)
    found = at_once([lambda: packets.spend(ada, conversation_id, 300)] * 10)
    assert [type(answer) for answer in found].count(RedPacket) == 3
    assert [type(answer) for answer in found].count(InsufficientFunds) == 7
    assert wallet(ada.user_id).balance_minor == 100
    assert selectors.red_packet_problems() == []


def test_opening_and_the_end_of_the_day_have_one_order() -> None:
    """Whatever was opened in time is somebody's, and what was not is the sender's; never both."""
    for _ in range(sizes.packet_races):
        members = people(6)
        sender = members[0]
        packet = packets.send(sender, group(*members), 1_000, parts=6)
        # Those who tap are on their way while the day ends.
        tapped, may_end = threading.Event(), threading.Barrier(len(members) + 2, timeout=30)

        def tap(who: Device) -> int | None:
            may_end.wait()  # noqa: B023
            return packets.open_packet(who, packet)  # noqa: B023

        def end() -> int:
            may_end.wait()  # noqa: B023
            packets.end_day(packet)  # noqa: B023
            tapped.set()  # noqa: B023
            return packets.sweep()

        def sweep() -> int:
            may_end.wait()  # noqa: B023
            tapped.wait(timeout=30)  # noqa: B023
            return packets.sweep()

        found = at_once([*(lambda who=who: tap(who) for who in members), end, sweep])  # type: ignore[misc]
        assert not [answer for answer in found if isinstance(answer, Exception)]
        # A sweep passes over what somebody has in their hand.
        swept = found[-1] + found[-2] + packets.sweep()
        packet = check(packet)
        got = [amount for amount in found[: len(members)] if amount is not None]
        assert sum(got) == packet.claimed_minor
        assert swept == (packet.state == RedPacket.State.EXPIRED)
        assert packet.state != RedPacket.State.OPEN
        in_hand = sum(wallet(who.user_id).balance_minor for who in members)
        assert in_hand == 1_000


def test_whoever_is_sent_away_opens_before_or_not_at_all() -> None:
    for _ in range(sizes.packet_races):
        owner, *members = people(5)
        conversation_id = group(owner, *members)
        packet = packets.send(owner, conversation_id, 1_000, parts=4)

        def remove(who: Device) -> None:
            messaging.remove_member(
                actor_id=owner.user_id,  # noqa: B023
                conversation_id=conversation_id,  # noqa: B023
                user_id=who.user_id,
            )

        work = [lambda who=who: packets.open_packet(who, packet) for who in members]  # type: ignore[misc]  # noqa: B023
        found = at_once([*work, *(lambda who=who: remove(who) for who in members)])  # type: ignore[misc]
        assert {type(answer) for answer in found} <= {int, NotFound, type(None)}
        for who, answer in zip(members, found, strict=False):
            assert wallet(who.user_id).balance_minor == (answer if isinstance(answer, int) else 0)
            if not isinstance(answer, int):
                # Now they are gone, and late.
                with pytest.raises(NotFound):
                    packets.open_packet(who, packet)
        check(packet)


def in_background(pool: ThreadPoolExecutor, work: Callable[[], Any]) -> Any:
    def run() -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    return pool.submit(run)


def test_whoever_waits_while_the_last_part_goes_is_told_so() -> None:
    ada, bo, cy = people(3)
    packet = packets.send(ada, group(ada, bo, cy), 1, kind="equal", parts=1)
    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            assert packets.open_packet(bo, packet) == 1
            late = in_background(pool, lambda: packets.open_packet(cy, packet))
            second_tap = in_background(pool, lambda: packets.open_packet(bo, packet))
            until_blocked(2)
        assert (late.result(timeout=30), second_tap.result(timeout=30)) == (None, 1)
    check(packet)


def hurried(work: Callable[[], Any], after_turn: Callable[[], Any]) -> Any:
    """With a session that waits for locks only a moment; ``after_turn`` is called each time it had tried."""

    def watch(execute: Any, sql: str, *arguments: Any) -> Any:
        try:
            return execute(sql, *arguments)
        finally:
            if "payments_open_red_packet" in sql:
                after_turn()

    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '100ms'")
    with connection.execute_wrapper(watch):
        return work()


def test_whoever_waited_too_long_looks_again_and_queues_up_again() -> None:
    ada, bo, cy = people(3)
    packet = packets.send(ada, group(ada, bo, cy), 2, kind="equal", parts=2)
    tried, may_go_on = threading.Event(), threading.Event()

    def wait() -> None:
        tried.set()
        assert may_go_on.wait(timeout=30)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert packets.open_packet(bo, packet) == 1
            late = in_background(pool, lambda: hurried(lambda: packets.open_packet(cy, packet), wait))
            assert tried.wait(timeout=30)
        may_go_on.set()
        assert late.result(timeout=30) == 1
    assert check(packet).taken == 2


def test_whoever_never_gets_a_turn_is_asked_to_try_again() -> None:
    ada, bo = people(2)
    packet = packets.send(ada, group(ada, bo), 2, kind="equal", parts=2)
    turns: list[int] = []
    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        RedPacket.objects.select_for_update(no_key=True).get(id=packet.id)
        late = in_background(pool, lambda: hurried(lambda: packets.open_packet(bo, packet), lambda: turns.append(1)))
        # Which is a 503 with Retry-After to a phone.
        with pytest.raises(OperationalError):
            late.result(timeout=30)
    assert len(turns) == ATTEMPTS
    assert check(packet).taken == 0
    assert packets.open_packet(bo, packet) == 1


def test_a_sweep_passes_over_what_is_being_opened_and_opening_waits_for_a_sweep() -> None:
    ada, bo, cy = people(3)
    packet = packets.send(ada, group(ada, bo, cy), 1_000, parts=3)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert packets.open_packet(bo, packet) == packet.amounts[0]
            assert in_background(pool, packets.sweep).result(timeout=30) == 0
        packets.end_day(packet)
        # As if the end had come while somebody was on the way: they still believe that it is open.
        seen = selectors.red_packet(actor_id=cy.user_id, packet_id=packet.id)
        seen.expires_at += timedelta(days=2)
        with transaction.atomic():
            assert packets.sweep() == 1
            late = in_background(pool, lambda: _open(seen, cy.user_id))
            until_blocked(1)
        assert late.result(timeout=30) is False
    assert check(packet).taken == 1
    assert wallet(ada.user_id).balance_minor == 1_000 - packet.amounts[0]


def test_somebody_who_opens_many_at_once_gets_a_part_of_each() -> None:
    """All of it comes into one wallet, whose row they share with what is sent from it meanwhile."""
    ada, bo = people(2)
    conversation_id = group(ada, bo)
    packets.make_rich(bo, 10_000)
    sent = [packets.send(ada, conversation_id, 100) for _ in range(8)]
    work: list[Callable[[], Any]] = [lambda packet=packet: packets.open_packet(bo, packet) for packet in sent]  # type: ignore[misc]
    found = at_once([*work, *[lambda: packets.send(bo, conversation_id, 100) for _ in range(4)]])
    assert [answer for answer in found if isinstance(answer, Exception)] == []
    assert wallet(bo.user_id).balance_minor == 10_000 + sum(packet.amounts[0] for packet in sent)
    for packet in sent:
        check(packet)
