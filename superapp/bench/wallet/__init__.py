"""`make bench APP=wallet`: the ledger's transfers beside the least that they could cost, and what is built on them."""

from payments.ledger import check
from superapp.bench.frame import Limit, Report, Scale
from superapp.bench.stand import Stand
from superapp.bench.wallet import beside_pgbench, callers, hot, people, red_packets, transferring
from superapp.localdev.progress import step

LIMITS = {
    "transfer_rate_vs_bare": Limit.at_least(0.7),
    "transfer_cpu_vs_bare": Limit.at_most(1.6),
    "transfer_rate_vs_tpcb": Limit.at_least(0.5),
    "hot_vs_distinct": Limit.at_least(0.5),
    "red_packet_p99_ms": Limit.at_most(1000),
}


def run(stand: Stand, report: Report, scale: Scale) -> None:
    count = scale.of(callers.CALLERS, least=2)
    with callers.of_the_product(count) as ours, callers.bare(stand, count) as bare:
        transferring.run(stand, report, scale, ours, bare)
        beside_pgbench.run(stand, report, scale, ours, bare)
        hot.run(stand, report, scale, ours)
        people.run(stand, report, scale, ours)
    red_packets.run(report, scale)
    _check_the_books(report)


def _check_the_books(report: Report) -> None:
    """However fast it went: numbers of transfers that are not right are worth nothing."""
    with step("books", "checked"):
        report.void += check.check().problems()
