"""The memory of a socket that only listens."""

import statistics

import psutil

from superapp.bench.chat.crowd import crowd
from superapp.bench.chat.people import crowd_of, tickets_for
from superapp.bench.chat.sides import gateway
from superapp.bench.frame import Report, Scale
from superapp.bench.stand import Stand
from superapp.localdev.progress import Problem, step

#: These load what every process loads once.
FIRST = 20
SIZES = (1000, 5000)


def run(stand: Stand, report: Report, scale: Scale) -> None:
    with step("idle", f"{' and '.join(map(str, SIZES))} sockets that only listen, on one process"):
        people = crowd_of(FIRST + scale.of(SIZES[-1], least=50))
        rounds = [one_process(stand, people, scale) for _ in range(scale.rounds)]
    for number, size in enumerate(SIZES):
        value = round(statistics.median(found[number][0] for found in rounds), 1)
        report.figure("idle_kib" if size == SIZES[-1] else f"idle_{size}_kib", value)
    report.figure("idle_connects_per_s", round(statistics.median(found[-1][1] for found in rounds), 1))


def one_process(stand: Stand, people: list[int], scale: Scale) -> list[tuple[float, float]]:
    """For each size: KiB of resident memory per socket beyond the first few, and sockets let in per second."""
    tickets, found = tickets_for(people), []
    with gateway(stand) as (child, port), crowd() as sockets:
        memory = psutil.Process(child.pid).memory_info
        sockets.start()
        sockets.connect(port, tickets=tickets[:FIRST])
        before = memory().rss
        for size in SIZES:
            fresh = tickets[sockets.size : FIRST + scale.of(size, least=25)]
            rate = len(fresh) / sockets.connect(port, tickets=fresh)
            found.append(((memory().rss - before) / 1024 / (sockets.size - FIRST), rate))
        if errors := sockets.report().errors:
            raise Problem(f"Not all idle sockets stayed: {errors}", cure="gateway.log in .local/bench may say why.")
    return found
