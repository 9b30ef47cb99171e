"""What staff put right in people's wallets by hand."""

from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from superapp.core.idempotency import InsertOnceManager
from superapp.core.money import MAX_AMOUNT_MINOR, Money


class Adjustment(models.Model):
    """Money that staff give (above zero) or take back (below), with what they said to it.

    Up to a limit whoever proposes it does it; beyond that it waits until somebody else approves. It is done once: with
    the step of the ledger entry that it names.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waits for approval")
        DONE = "done", _("done")
        REFUSED = "refused", _("refused")
        #: Nobody decided in time.
        EXPIRED = "expired", _("expired")

    id = models.BigIntegerField(primary_key=True)
    user_id = models.BigIntegerField(_("person"))
    amount_minor = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    # For staff, and for the books.
    reason = models.CharField(_("reason"), max_length=500)
    reference = models.CharField(_("reference"), max_length=80, default="")
    # What the person reads.
    public_text = models.CharField(_("text for the person"), max_length=200, default="")
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    needs_second = models.BooleanField(_("needs a second person"), default=True)
    proposed_by_id = models.BigIntegerField(_("proposed by"))
    proposed_at = models.DateTimeField(_("proposed"), db_default=Now())
    expires_at = models.DateTimeField(_("expires"))
    decided_by_id = models.BigIntegerField(_("decided by"), null=True)
    decided_at = models.DateTimeField(_("decided"), null=True)
    decision_reason = models.CharField(_("reason of the decision"), max_length=500, default="")
    entry_id = models.BigIntegerField(_("entry"), null=True)
    idempotency_key = models.UUIDField()
    request_hash = models.BinaryField(max_length=32)

    objects: ClassVar[InsertOnceManager[Self]] = InsertOnceManager()

    class Meta:
        db_table = "payments_adjustment"
        verbose_name = _("correction")
        verbose_name_plural = _("corrections")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["proposed_by_id", "idempotency_key"], name="adjustment_once"),
            models.CheckConstraint(
                condition=Q(amount_minor__gte=-MAX_AMOUNT_MINOR, amount_minor__lte=MAX_AMOUNT_MINOR)
                & ~Q(amount_minor=0),
                name="adjustment_amount",
            ),
            models.CheckConstraint(condition=~Q(user_id=F("proposed_by_id")), name="adjustment_of_somebody_else"),
            # Done is what is in the ledger: by one person where that is enough, else by a second one as well.
            models.CheckConstraint(
                condition=~Q(state="done")
                | Q(needs_second=False, decided_by_id=None)
                | (Q(decided_by_id__isnull=False) & ~Q(decided_by_id=F("proposed_by_id"))
                   & ~Q(decided_by_id=F("user_id"))),
                name="adjustment_by_two",
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", decided_at=None, decided_by_id=None, entry_id=None)
                | Q(state="done", decided_at__isnull=False, entry_id__isnull=False)
                | Q(state="refused", decided_at__isnull=False, decided_by_id__isnull=False, entry_id=None)
                | Q(state="expired", decided_at__isnull=False, decided_by_id=None, entry_id=None),
                name="adjustment_state",
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["user_id", "-id"], name="adjustment_of"),
            models.Index(fields=["expires_at"], condition=Q(state="waiting"), name="adjustment_waiting"),
            models.Index(fields=["state", "id"], name="adjustment_state_queue"),
        ]

    def __str__(self) -> str:
        return f"{Money(self.amount_minor, self.currency).shown()} · {self.user_id}"


class AdjustmentDay(models.Model):
    """What somebody of the staff moved alone on a day (UTC), whichever way it went: so nobody splits what is large."""

    pk = models.CompositePrimaryKey("staff_id", "day", "currency")
    staff_id = models.BigIntegerField()
    day = models.DateField()
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()

    class Meta:
        db_table = "payments_adjustment_day"
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=Q(amount_minor__gt=0), name="adjustment_day_amount")]
