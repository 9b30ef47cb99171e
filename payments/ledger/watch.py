"""The books are checked every day, by a loop that takes a stretch at a time and may be killed at any moment."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from prometheus_client.core import Metric

from payments.ledger import check
from payments.ledger.models import Check
from superapp.core import loops, metrics
from superapp.core.leases import Lease

log = structlog.get_logger(__name__)

#: What was under way when the check before began is looked at again.
OVERLAP = timedelta(hours=1)


def register() -> None:
    loops.register("ledger.check", every=timedelta(minutes=1), step=go_on)
    metrics.register("ledger", _figures)


def go_on(lease: Lease) -> int:
    """The next stretch of the check that is going on, or of a new one when it is time. 0: nothing to do."""
    row = Check.objects.filter(ended_at=None).order_by("id").first() or _begin()
    if row is None:
        return 0
    progress = _progress(row)
    check.step(progress)
    _write(row, progress)
    with transaction.atomic():
        lease.guard()
        row.save()
    if row.ended_at and row.problem_count:
        log.error("ledger.unsound", check=row.id, count=row.problem_count, problems=list(progress.problems()))
    return 1


def record(progress: check.Progress) -> Check:
    """Keep what somebody's own check found beside those of the loop."""
    row = Check(began_at=progress.began_at, since=progress.since)
    _write(row, progress)
    row.save()
    return row


def newest() -> Check | None:
    """The last one that came to its end."""
    return Check.objects.exclude(ended_at=None).order_by("-id").first()


def _begin() -> Check | None:
    last, now = newest(), timezone.now()
    if last is not None and last.began_at > now - settings.LEDGER_CHECKED_EVERY:
        return None
    recently = {"since": None, "began_at__gt": now - settings.LEDGER_CHECKED_WHOLE_EVERY}
    is_partial = last is not None and not last.problem_count and Check.objects.filter(**recently).exists()
    row = Check(since=last.began_at - OVERLAP if last is not None and is_partial else None)
    _write(row, check.Progress(since=row.since))
    return row


def _progress(row: Check) -> check.Progress:
    findings = {rule: check.Finding(**found) for rule, found in row.findings.items()}
    return check.Progress(since=row.since, began_at=row.began_at, at=row.at, after=row.after, findings=findings)


def _write(row: Check, progress: check.Progress) -> None:
    row.at, row.after = progress.at, progress.after
    row.findings = {rule: asdict(finding) for rule, finding in progress.findings.items()}
    row.problem_count = progress.problem_count
    row.ended_at = timezone.now() if progress.is_done else None


# --- Figures ----------------------------------------------------------------------------------------------------------


def _figures() -> Iterable[Metric]:
    rows = metrics.bounded(
        "SELECT problem_count, extract(epoch FROM clock_timestamp() - began_at)::float FROM ledger_check"
        " WHERE ended_at IS NOT NULL ORDER BY id DESC LIMIT 1"
    )
    if rows:
        ((problems, age),) = rows
        yield metrics.gauge("ledger_problems", "What the last check of the books found wrong.", float(problems))
        yield metrics.gauge("ledger_check_age_seconds", "How long ago that check began.", age)
    ((unfolded,),) = metrics.bounded(
        "SELECT count(*) FROM (SELECT FROM ledger_posting WHERE seq IS NULL LIMIT 100000) AS waiting"
    )
    yield metrics.gauge("ledger_unfolded", "Postings that wait to be folded in, at most 100,000.", float(unfolded))
