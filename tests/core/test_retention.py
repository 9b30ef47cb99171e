"""What has served goes, in batches, and nothing else."""

import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db.models import Q
from django.utils import timezone

from superapp.core import outbox, retention, tasks
from superapp.core.models import OutboxEvent
from superapp.realtime import services as realtime
from superapp.realtime.models import KeptEvent, Ticket

pytestmark = pytest.mark.django_db
_ids = itertools.count(1)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)


def row(*, written: timedelta, done: timedelta | None = None, attempts: int = 0) -> OutboxEvent:
    now = timezone.now()
    event = OutboxEvent.objects.create(handler="h", key="k", shard=0, event={}, attempts=attempts, due_at=now)
    OutboxEvent.objects.filter(id=event.id).update(
        created_at=now - written, done_at=None if done is None else now - done
    )
    return event


def left() -> set[int]:
    return set(OutboxEvent.objects.values_list("id", flat=True))


def test_delivered_rows_go_after_a_week_in_batches() -> None:
    old = [row(written=timedelta(days=9), done=timedelta(days=8)) for _ in range(7)]
    kept = {row(written=timedelta(days=6), done=timedelta(days=6)).id}
    assert retention.forget_delivered() == len(old)
    assert left() == kept
    assert retention.forget_delivered() == 0


def test_what_was_not_delivered_or_only_lately_stays_however_old_it_is() -> None:
    kept = {
        row(written=timedelta(days=90), attempts=outbox.settings.OUTBOX_MAX_ATTEMPTS).id,
        row(written=timedelta(days=90)).id,
        # Parked for months, and retried by a person this morning.
        row(written=timedelta(days=90), done=timedelta(hours=1)).id,
    }
    # A full batch of what stays does not hide what comes after it.
    gone = row(written=timedelta(days=80), done=timedelta(days=80)).id
    assert retention.forget_delivered() == 1
    assert left() == kept
    assert gone not in kept


def test_rows_that_became_of_use_meanwhile_stay() -> None:
    """The condition is asked again when a batch is deleted."""
    now = timezone.now()
    for days in range(-4, 4):
        Session.objects.create(session_key=f"s{days}", session_data="", expire_date=now + timedelta(days=days, hours=1))
    assert retention.delete_in_batches(Session, Q(expire_date__lt=now)) == 4
    assert Session.objects.filter(expire_date__lt=now).count() == 0
    assert Session.objects.count() == 4


def test_time_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "SECONDS", 0)
    for number in range(5):
        Session.objects.create(session_key=f"s{number}", session_data="", expire_date=timezone.now())
    assert retention.delete_in_batches(Session, Q(expire_date__lte=timezone.now())) == 0


def test_hourly_task_does_both() -> None:
    row(written=timedelta(days=9), done=timedelta(days=8))
    Session.objects.create(session_key="old", session_data="", expire_date=timezone.now() - timedelta(days=1))
    tasks.forget_old()
    assert left() == set()
    assert not Session.objects.exists()


def ticket(expires_at: datetime) -> None:
    Ticket.objects.create(user_id=1, digest=f"d{next(_ids)}", device_id=1, expires_at=expires_at)


def kept_event(created_at: datetime) -> None:
    KeptEvent.objects.create(user_id=1, id=next(_ids), type="t", payload={}, created_at=created_at)


def test_tickets_and_kept_events_go_in_batches_and_no_sooner_than_promised() -> None:
    now = timezone.now()
    for _ in range(5):
        ticket(now - timedelta(seconds=1))
        kept_event(now - realtime.KEPT_FOR - timedelta(minutes=1))
    ticket(now + timedelta(seconds=30))
    kept_event(now - realtime.KEPT_FOR + timedelta(minutes=1))
    realtime.forget_old()
    assert (Ticket.objects.count(), KeptEvent.objects.count()) == (1, 1)


@pytest.mark.parametrize("task", ["superapp.core.tasks.forget_old", "superapp.accounts.tasks.forget_expired",
                                  "superapp.realtime.tasks.forget_old"])  # fmt: skip
def test_beat_starts_it_every_hour(task: str, settings: Any) -> None:
    schedules = [entry["schedule"] for entry in settings.CELERY_BEAT_SCHEDULE.values() if entry["task"] == task]
    assert schedules == [3600.0]
