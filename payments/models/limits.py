"""What somebody has paid so far, and whom: what limits and risk rules ask."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class LimitCounter(models.Model):
    """What somebody paid within a day or a year (UTC), as ``day:2026-11-25`` or ``year:2026``.

    Raised by the payment's transaction in one statement that refuses what exceeds; lowered when the money comes back.
    """

    pk = models.CompositePrimaryKey("user_id", "period", "currency")
    user_id = models.BigIntegerField()
    period = models.CharField(max_length=14)
    currency = models.CharField(max_length=3)
    spent_minor = models.BigIntegerField()

    class Meta:
        db_table = "payments_limit_counter"
        constraints = [models.CheckConstraint(condition=Q(spent_minor__gte=0), name="limit_counter_spent")]
        indexes = [models.Index(fields=["period"], name="limit_counter_period")]


class PaceCounter(models.Model):
    """How many payments somebody made within an hour (UTC), and how many of them without the PIN."""

    pk = models.CompositePrimaryKey("user_id", "hour")
    user_id = models.BigIntegerField()
    hour = models.DateTimeField(db_index=True)
    payments = models.IntegerField()
    pin_free = models.IntegerField()

    class Meta:
        db_table = "payments_pace_counter"


class KnownPayee(models.Model):
    """Somebody has paid them before: a person or a conversation, as in ``authorise``."""

    pk = models.CompositePrimaryKey("user_id", "payee")
    user_id = models.BigIntegerField()
    payee = models.CharField(max_length=120)
    first_paid_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "payments_known_payee"
