"""A bill that a group splits."""

from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from superapp.core.idempotency import InsertOnceManager
from superapp.core.money import MAX_AMOUNT_MINOR, Money

MOST_SHARES = 100
MOST_REMINDERS = 3


class Split(models.Model):
    """Somebody has paid for others, who give them their shares. Whoever pays or closes holds the row meanwhile.

    That the shares add up to the total is checked by a trigger when the transaction ends.
    """

    class State(models.TextChoices):
        OPEN = "open", _("open")
        #: Everybody has paid.
        COMPLETED = "completed", _("completed")
        #: The initiator asks for no more.
        CLOSED = "closed", _("closed")

    id = models.BigIntegerField(primary_key=True)
    conversation_id = models.BigIntegerField()
    initiator_id = models.BigIntegerField()
    total_minor = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    note = models.CharField(_("note"), max_length=100, default="")
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.OPEN)
    share_count = models.SmallIntegerField(_("shares"))
    paid_count = models.SmallIntegerField(_("paid shares"))
    # Of its card.
    version = models.IntegerField(default=1)
    idempotency_key = models.UUIDField()
    request_hash = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(_("made"), db_default=Now())
    ended_at = models.DateTimeField(_("ended"), null=True)
    reminders = models.SmallIntegerField(default=0)
    reminded_at = models.DateTimeField(null=True)

    objects: ClassVar[InsertOnceManager[Self]] = InsertOnceManager()

    class Meta:
        db_table = "payments_split"
        verbose_name = _("split bill")
        verbose_name_plural = _("split bills")
        constraints = [
            models.UniqueConstraint(fields=["initiator_id", "idempotency_key"], name="split_once"),
            models.CheckConstraint(
                condition=Q(total_minor__gt=0, total_minor__lte=MAX_AMOUNT_MINOR), name="split_amount"
            ),
            models.CheckConstraint(
                condition=Q(share_count__gt=0, share_count__lte=MOST_SHARES, paid_count__gte=0)
                & Q(paid_count__lte=F("share_count")),
                name="split_counts",
            ),
            models.CheckConstraint(
                condition=Q(state="open", ended_at=None, paid_count__lt=F("share_count"))
                | Q(state="completed", ended_at__isnull=False, paid_count=F("share_count"))
                | Q(state="closed", ended_at__isnull=False, paid_count__lt=F("share_count")),
                name="split_state",
            ),
            models.CheckConstraint(
                condition=Q(reminders__gte=0, reminders__lte=MOST_REMINDERS), name="split_reminders"
            ),
        ]
        indexes = [models.Index(fields=["initiator_id", "-id"], name="split_made")]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def money(self) -> Money:
        return Money(self.total_minor, self.currency)


class SplitShare(models.Model):
    """What one of them owes. The initiator's own is paid from the beginning, and moves no money."""

    id = models.BigIntegerField(primary_key=True)
    split = models.ForeignKey(Split, models.DO_NOTHING, related_name="shares", db_index=False)
    user_id = models.BigIntegerField()
    amount_minor = models.BigIntegerField(_("amount"))
    pay_key = models.UUIDField(null=True)
    paid_at = models.DateTimeField(_("paid"), null=True)

    class Meta:
        db_table = "payments_split_share"
        verbose_name = _("share")
        verbose_name_plural = _("shares")
        constraints = [
            models.UniqueConstraint(fields=["split", "user_id"], name="split_share_once"),
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0, amount_minor__lte=MAX_AMOUNT_MINOR), name="split_share_amount"
            ),
            models.CheckConstraint(
                condition=Q(pay_key=None) | Q(paid_at__isnull=False), name="split_share_paid_by_a_key"
            ),
        ]
        indexes = [models.Index(fields=["user_id", "-id"], name="split_share_of")]
