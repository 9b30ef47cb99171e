"""What a gateway process says about itself."""

from collections.abc import Iterable

from prometheus_client.core import Metric

from superapp.core import metrics
from superapp.realtime import hub, threads


def register() -> None:
    metrics.register("sockets", _sockets)


def _sockets() -> Iterable[Metric]:
    sockets = hub.open_sockets()
    if sockets is not None:
        yield metrics.gauge("sockets", "Sockets that this process holds.", float(sockets))
        yield metrics.gauge("gateway_calls", "Calls that run or wait for a thread.", float(threads.waiting()))
