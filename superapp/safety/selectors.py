"""Reads: what was reported."""

from django.db.models import QuerySet

from superapp.safety.models import Report


def reports_by(user_id: int) -> QuerySet[Report]:
    """What somebody reported, the oldest first."""
    return Report.objects.filter(reporter_id=user_id).order_by("id")


def open_reports_of(kind: str, identifier: str) -> QuerySet[Report]:
    """The oldest first, which is also the order in which they are locked."""
    return Report.objects.filter(subject_kind=kind, subject_id=identifier, state=Report.State.OPEN).order_by("id")
