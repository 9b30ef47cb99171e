"""Figures for Prometheus, at ``/metrics``. Every process answers for itself; figures of the database come from any.

Rooms add theirs with ``register``. Nothing is counted on the way of a request but its status; the rest is asked when
somebody asks, with queries that read a bounded number of rows and give up after a second.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, Counter, ProcessCollector, exposition
from prometheus_client.core import GaugeMetricFamily, Metric

from superapp.core import loops
from superapp.core.errors import NotFound
from superapp.core.redis import RedisFailure, client

log = structlog.get_logger(__name__)

Figures = Callable[[], Iterable[Metric]]
#: Open rows of the outbox that are looked at, per shard. A longer queue shows as this many.
OUTBOX_ROWS = 10_000
#: Work that should have begun so long ago, and has not, counts as left lying.
OVERDUE = timedelta(minutes=1)

registry = CollectorRegistry()
ProcessCollector(registry=registry)
_requests = Counter("superapp_requests", "Answers of this process by status.", ["status"], registry=registry)
_parts: dict[str, Figures] = {}


def register(name: str, figures: Figures) -> None:
    """Ask ``figures`` at every scrape. Where it fails, the others are shown, and ``metrics_failed`` names it."""
    _parts[name] = figures


def count_request(status: int) -> None:
    _requests.labels(str(status)).inc()


def gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(f"superapp_{name}", about, value=value)


def gauges(name: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    """One for each value of ``label``."""
    family = GaugeMetricFamily(f"superapp_{name}", about, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def values(part: str) -> dict[str | tuple[str, str], float]:
    """What a part says now, by name or by name and label; empty where it cannot be asked."""
    try:
        samples = [sample for metric in _parts[part]() for sample in metric.samples]
    except Exception as error:
        log.warning("metrics.part_failed", part=part, error=f"{type(error).__name__}: {error}"[:500])
        return {}
    return {
        (sample.name, next(iter(sample.labels.values()))) if sample.labels else sample.name: sample.value
        for sample in samples
    }


def view(request: HttpRequest) -> HttpResponse:
    """For whoever has METRICS_TOKEN; without one set, for this machine alone."""
    if not _may_ask(request):
        raise NotFound
    response = HttpResponse(exposition.generate_latest(registry), content_type=exposition.CONTENT_TYPE_LATEST)
    response["Cache-Control"] = "no-store"
    return response


def _may_ask(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "").encode()
        return secrets.compare_digest(given, f"Bearer {settings.METRICS_TOKEN}".encode())
    # A proxy on this machine has a local address, too, but it says for whom it asks.
    names = ("X-Forwarded-For", "Forwarded", settings.CLIENT_ADDRESS_HEADER)
    forwarded = any(name in request.headers for name in names if name)
    address = request.META.get("REMOTE_ADDR", "")
    return not forwarded and (address in {"", "::1"} or address.startswith("127."))


class _Collector:
    """Asked by the registry for every scrape."""

    def describe(self) -> Iterable[Metric]:
        """Nothing: without this, registering would already ask the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        failed = {}
        connection.close_if_unusable_or_obsolete()
        for name, figures in _parts.items():
            try:
                # All or nothing of each part: half a family would look like a drop.
                yield from list(figures())
                failed[name] = 0.0
            except Exception as error:
                log.warning("metrics.part_failed", part=name, error=f"{type(error).__name__}: {error}"[:500])
                failed[name] = 1.0
        yield gauges("metrics_failed", "1 for parts that could not be asked.", "part", failed)


registry.register(_Collector())


# --- Postgres and Redis -----------------------------------------------------------------------------------------------


def bounded(query: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """The rows of a query that gives up after a second. Raises ``DatabaseError``."""
    with transaction.atomic(), connection.cursor() as cursor:
        # Of this transaction only: behind a pooler the session is somebody else's afterwards.
        cursor.execute("SET LOCAL statement_timeout = '1s'")
        cursor.execute(query, parameters)
        return list(cursor.fetchall())


def _servers() -> Iterable[Metric]:
    began = time.monotonic()
    try:
        bounded("SELECT 1")
        database = 1.0
    except DatabaseError:
        database = 0.0
    asked = time.monotonic() - began
    yield gauge("database_up", "1 when the database answers.", database)
    yield gauge("database_answer_seconds", "How long it took to ask it for nothing.", asked)
    yield gauge("redis_up", "1 when Redis answers.", float(_redis_answers()))


def _redis_answers() -> bool:
    """Past the circuit breaker: its memory is not the truth."""
    try:
        client(patient=True).ping()
    except RedisFailure:
        return False
    return True


def _connections() -> Iterable[Metric]:
    rows = bounded(
        "SELECT coalesce(state, 'unknown'), count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() GROUP BY 1"
    )
    ((most,),) = bounded("SELECT current_setting('max_connections')::int")
    by_state = {state: float(count) for state, count in rows}
    yield gauges("database_connections", "Connections to this database, by state.", "state", by_state)
    yield gauge("database_connections_max", "Connections that the server allows.", float(most))


# --- Outbox, loops, queues --------------------------------------------------------------------------------------------

OUTBOX_STATES = ("pending", "parked", "blocked")
# A row behind a parked one of its key is not late: it waits for a person. Both are in the same shard, the parked one
# before it, so it is among the rows that are looked at.
_OUTBOX = """
    SELECT state, count(*), max(age), max(late) FROM (
        SELECT
            CASE WHEN attempts >= %(most)s THEN 'parked'
                WHEN bool_or(attempts >= %(most)s) OVER (PARTITION BY key ORDER BY id) THEN 'blocked'
                ELSE 'pending' END AS state,
            extract(epoch FROM clock_timestamp() - created_at)::float AS age,
            extract(epoch FROM clock_timestamp() - due_at)::float AS late
        FROM unnest(%(shards)s) AS wanted(shard) CROSS JOIN LATERAL (
            SELECT id, key, attempts, created_at, due_at FROM core_outbox
            WHERE core_outbox.shard = wanted.shard AND done_at IS NULL ORDER BY id LIMIT %(rows)s) AS open
    ) AS rows GROUP BY state
"""


def _outbox() -> Iterable[Metric]:
    parameters = {
        "most": settings.OUTBOX_MAX_ATTEMPTS,
        "shards": list(range(settings.OUTBOX_SHARDS)),
        "rows": OUTBOX_ROWS,
    }
    found = {state: figures for state, *figures in bounded(_OUTBOX, parameters)}
    counted = {state: float(found.get(state, (0,))[0]) for state in OUTBOX_STATES}
    ages = {state: float(found.get(state, (0, 0))[1]) for state in OUTBOX_STATES}
    late = max(0.0, float(found.get("pending", (0, 0, 0))[2]))
    yield gauges("outbox_rows", "Open rows of the outbox.", "state", counted)
    yield gauges("outbox_oldest_seconds", "Age of the oldest open row.", "state", ages)
    yield gauge("outbox_lag_seconds", "For how long a row has been due that the relay has not taken.", late)


def _loops() -> Iterable[Metric]:
    held = set(bounded("SELECT name, shard FROM core_lease WHERE lease_until > clock_timestamp() LIMIT 10000"))
    without = {
        loop.name: float(sum((loop.name, shard) not in held for shard in loop.shards()))
        for loop in loops.registered().values()
    }
    yield gauges("loop_shards_unheld", "Shards of a loop whose lease nobody holds.", "loop", without)


_overdue: dict[str, Callable[[], int]] = {}


def register_overdue(work: str, count: Callable[[], int]) -> None:
    """Work with its state in the database that should have begun ``OVERDUE`` ago; ``count`` may stop early."""
    _overdue[work] = count


def _unclaimed() -> Iterable[Metric]:
    counted = {work: float(count()) for work, count in _overdue.items()}
    yield gauges("work_overdue", "Work that is due and that nobody has begun.", "work", counted)


def _queues() -> Iterable[Metric]:
    """What waits for the workers, where Redis is the broker."""
    if not settings.CELERY_BROKER_URL.startswith("redis"):
        return
    names = {settings.CELERY_TASK_DEFAULT_QUEUE, *(route["queue"] for route in settings.CELERY_TASK_ROUTES.values())}
    url = settings.CELERY_BROKER_URL.replace("redis+socket://", "unix://", 1)
    with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as broker:
        waiting = {name: float(broker.llen(name)) for name in sorted(names)}
    yield gauges("queue_tasks", "Tasks that wait for a worker.", "queue", waiting)


register("servers", _servers)
register("connections", _connections)
register("outbox", _outbox)
register("loops", _loops)
register("overdue", _unclaimed)
register("queues", _queues)
