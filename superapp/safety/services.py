"""Reporting what should not be, and deciding about it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from superapp.core import audit, limits
from superapp.core.api.fields import rfc3339
from superapp.core.errors import Conflict, Forbidden, NotFound
from superapp.core.ids import new_id
from superapp.core.retention import delete_in_batches
from superapp.safety import registry, selectors
from superapp.safety.models import Report

Json = dict[str, Any]
Reason = Report.Reason
#: A closed report goes with everything in it.
KEPT_FOR = timedelta(days=365)


def report(*, reporter_id: int, subject: tuple[str, str], reason: str, snapshot: Json) -> int:
    """Put it before our staff; returns the report's id. While it is open, reporting the same again is that report, with
    what was said first.

    ``subject``: a registered kind and an id. ``reason``: one of ``Reason``. ``snapshot``: what staff will see of
    it, taken by the caller, and nothing that the reporter could not see. Raises ``TooManyRequests``.
    """
    kind, identifier = subject
    assert registry.subjects.get(kind) is not None, f"nobody registered {kind} as something that can be reported"
    assert reason in Reason.values, reason
    known = Report.objects.filter(
        reporter_id=reporter_id, subject_kind=kind, subject_id=identifier, state=Report.State.OPEN
    )
    if (first := known.values_list("id", flat=True).first()) is not None:
        return first
    limits.take(action="safety.report.user", subject=str(reporter_id))
    ours = Report(
        id=new_id(),
        reporter_id=reporter_id,
        subject_kind=kind,
        subject_id=identifier,
        reason=reason,
        snapshot=snapshot,
    )
    Report.objects.bulk_create([ours], ignore_conflicts=True)
    # Of two at once the second waited for the first one's key, and finds it here.
    return known.values_list("id", flat=True).first() or ours.id


@transaction.atomic
def resolve(*, report_id: int, actor_id: int, action: str, reason: str) -> int:
    """It was right. ``action``: what is done about it, registered for this kind of thing; empty: nothing. Every open
    report of the same thing ends with it; returns how many did.

    Raises ``NotFound``, ``Conflict`` (closed already, or no such action here), ``Forbidden`` for whoever is part of it,
    and what the action raises: then nothing has happened.
    """
    one = _open(report_id, actor_id)
    subject = registry.subjects.get(one.subject_kind)
    if action:
        if subject is None or action not in subject.actions:
            raise Conflict
        subject.actions[action].run(one.subject_id)
    together = selectors.open_reports_of(one.subject_kind, one.subject_id).select_for_update(no_key=True)
    for each in together:
        _close(each, actor_id, Report.State.RESOLVED, action=action, reason=reason)
    return len(together)


@transaction.atomic
def dismiss(*, report_id: int, actor_id: int, reason: str) -> None:
    """There is nothing to be done about it. Others' reports of the same thing stay open.

    Raises ``NotFound``, ``Conflict`` (closed already), ``Forbidden`` for whoever is part of it.
    """
    _close(_open(report_id, actor_id), actor_id, Report.State.DISMISSED, action="", reason=reason)


def _open(report_id: int, actor_id: int) -> Report:
    """Locked, with all others of the same thing in their order: two who decide at once come one after the other."""
    one = Report.objects.filter(id=report_id).first()
    if one is None:
        raise NotFound
    open_ones = list(selectors.open_reports_of(one.subject_kind, one.subject_id).select_for_update(no_key=True))
    found = next((each for each in open_ones if each.id == report_id), None)
    if found is None:
        raise Conflict
    if actor_id in {found.reporter_id, _whose(found)}:
        raise Forbidden
    return found


def _whose(one: Report) -> int | None:
    if one.subject_kind == "user":
        return int(one.subject_id)
    subject = registry.subjects.get(one.subject_kind)
    return subject.belongs_to(one.subject_id) if subject and subject.belongs_to else None


def _close(one: Report, actor_id: int, state: Report.State, *, action: str, reason: str) -> None:
    Report.objects.filter(id=one.id).update(state=state, action=action, closed_at=timezone.now(), closed_by_id=actor_id)
    audit.record(
        actor_id=actor_id,
        action=f"safety.report_{state}",
        subject=("report", str(one.id)),
        before={"state": one.state},
        after={"state": state, "action": action, "subject": f"{one.subject_kind}:{one.subject_id}"},
        reason=reason,
    )


def forget_old() -> int:
    """Delete what was closed ``KEPT_FOR`` ago; returns how many."""
    return delete_in_batches(Report, Q(closed_at__lt=timezone.now() - KEPT_FOR))


# --- Somebody leaves --------------------------------------------------------------------------------------------------


def copy_of_person(user_id: int) -> Iterator[tuple[str, Json]]:
    """What they reported; what was decided about others is not told."""
    yield (
        "reports",
        {
            "results": [
                {
                    "subject": one.subject_kind,
                    "reason": one.reason,
                    "comment": one.snapshot.get("comment", ""),
                    "created_at": rfc3339(one.created_at),
                }
                for one in selectors.reports_by(user_id)
            ]
        },
    )


def erase_person(user_id: int) -> None:
    """What they reported stands without their name, and what was reported of them without what they called themselves.

    The unique constraint knows nobody as nobody, so reports of those who left stand beside one another."""
    Report.objects.filter(reporter_id=user_id).update(reporter_id=None)
    for one in Report.objects.filter(subject_kind="user", subject_id=str(user_id)).iterator(chunk_size=500):
        if one.snapshot.pop("profile", None) is not None:
            one.save(update_fields=["snapshot"])
