"""A large group taps the same red packet at the same moment: how long each of them waits for what they get."""

import statistics
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from django.db import connection, connections

from payments import services
from superapp.bench.caller import CURRENCY
from superapp.bench.chat import people
from superapp.bench.frame import Report, Scale
from superapp.bench.wallet.accounts import let_pay, wallets_of
from superapp.localdev.progress import step

CLAIMERS, PARTS, THREADS = 300, 50, 32
TOTAL_MINOR = 10_000


def run(report: Report, scale: Scale) -> None:
    claimers, parts = scale.of(CLAIMERS, least=24), scale.of(PARTS, least=6)
    with step("group", f"one who gives, {claimers} who take"):
        (group,) = people.groups(count=1, size=claimers + 1)
        sender_id, *others = group.member_ids
        wallets_of(group.member_ids)
        let_pay([(sender_id, f"conversation:{group.conversation_id}")])
    with step("red packet", f"{claimers} on {THREADS} threads for {parts} parts"):
        rounds = [_claimed(report, sender_id, group.conversation_id, others, parts) for _ in range(scale.rounds)]
    cuts = [statistics.quantiles(waits, n=100) for waits in rounds]
    report.figure("red_packet_p99_ms", round(1e3 * statistics.median(cut[98] for cut in cuts), 1))
    report.figure("red_packet_p50_ms", round(1e3 * statistics.median(cut[49] for cut in cuts), 1))


def _claimed(report: Report, sender_id: int, conversation_id: int, others: Sequence[int], parts: int) -> list[float]:
    """How long each one waited, in seconds; what went wrong voids the run."""
    packet = services.send_red_packet(
        sender_id=sender_id,
        conversation_id=conversation_id,
        kind="random",
        total_minor=TOTAL_MINOR,
        currency=CURRENCY,
        parts=parts,
        idempotency_key=uuid4(),
    )
    taken: list[int] = []
    waits: list[float] = []
    all_there = threading.Barrier(THREADS)

    def claim(mine: Sequence[int]) -> None:
        # As on a server that has been up for a while: connected.
        connection.ensure_connection()
        all_there.wait(60)
        try:
            for user_id in mine:
                began = time.perf_counter()
                found = services.open_red_packet(actor_id=user_id, packet_id=packet.id)
                waits.append(time.perf_counter() - began)
                if found.my_part is not None:
                    taken.append(found.amounts[found.my_part - 1])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as threads:
        for claims in [threads.submit(claim, others[number::THREADS]) for number in range(THREADS)]:
            claims.result()
    if (len(taken), sum(taken), len(waits)) != (parts, TOTAL_MINOR, len(others)):
        report.void.append(f"red packet: {len(taken)} parts with {sum(taken)} in all went to {len(waits)} people")
    return waits
