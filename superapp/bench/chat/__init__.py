"""`make bench APP=chat`: fan-out, idle sockets and the send path of real gateway processes, beside what bounds them."""

from superapp.bench.chat import catching_up, fanout, idle, large_group, sending, sides
from superapp.bench.frame import Limit, Report, Scale
from superapp.bench.stand import Stand

LIMITS = {
    "fanout_2_vs_picows": Limit.at_most(2),
    "fanout_50_vs_picows": Limit.at_most(2.4),
    "fanout_500_vs_picows": Limit.at_most(3),
    "fanout_50_vs_stock": Limit.at_most(0.125),
    "send_cpu_vs_sql": Limit.at_most(3),
    "idle_kib": Limit.at_most(45),
    "group500_p99_ms": Limit.at_most(500),
    "sync_ms": Limit.at_most(300),
}


def run(stand: Stand, report: Report, scale: Scale) -> None:
    with sides.ours(stand) as mine:
        fanout.run(stand, report, scale, mine)
        sending.run(stand, report, scale, mine)
    large_group.run(stand, report, scale)
    catching_up.run(stand, report, scale)
    # Memory is that of a process in which nothing has happened yet.
    idle.run(stand, report, scale)
