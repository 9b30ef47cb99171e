from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Report(models.Model):
    """What somebody did not want to let pass, as it was when they said so, and what staff decided about it.

    Whoever reports one thing twice has one open report of it.
    """

    class Reason(models.TextChoices):
        SPAM = "spam", _("spam")
        FRAUD = "fraud", _("fraud")
        HARASSMENT = "harassment", _("harassment")
        HATE = "hate", _("hate")
        SEXUAL = "sexual", _("sexual content")
        VIOLENCE = "violence", _("violence")
        IMPERSONATION = "impersonation", _("poses as somebody else")
        OTHER = "other", _("something else")

    class State(models.TextChoices):
        OPEN = "open", _("open")
        RESOLVED = "resolved", _("resolved")
        DISMISSED = "dismissed", _("dismissed")

    id = models.BigIntegerField(primary_key=True, editable=False)
    #: None: they have left the product; what they reported still stands.
    reporter_id = models.BigIntegerField(null=True)
    subject_kind = models.CharField(max_length=20)
    subject_id = models.CharField(max_length=60)
    reason = models.CharField(max_length=20, choices=Reason.choices)
    #: What the reporting room took of it, nothing that the reporter could not see.
    snapshot = models.JSONField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    #: The registered action that was taken; empty: none.
    action = models.CharField(max_length=20, default="")
    created_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True)
    closed_by_id = models.BigIntegerField(null=True)

    class Meta:
        db_table = "safety_report"
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["reporter_id", "subject_kind", "subject_id"],
                condition=Q(state="open"),
                name="report_open_once",
            ),
            models.CheckConstraint(
                condition=Q(state="open", closed_at=None, closed_by_id=None, action="")
                | Q(state__in=["resolved", "dismissed"], closed_at__isnull=False, closed_by_id__isnull=False),
                name="report_is_open_or_closed",
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(state="open"), name="report_queue"),
            models.Index(fields=["subject_kind", "subject_id", "id"], name="report_subject"),
            models.Index(fields=["reporter_id", "id"], name="report_reporter"),
            models.Index(fields=["closed_at"], condition=Q(closed_at__isnull=False), name="report_closed"),
        ]

    def __str__(self) -> str:
        return f"{self.subject_kind} {self.subject_id}"
