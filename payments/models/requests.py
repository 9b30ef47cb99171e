"""Asking a friend for money."""

from datetime import timedelta
from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from superapp.core.idempotency import InsertOnceManager
from superapp.core.money import MAX_AMOUNT_MINOR, Money

STANDS_FOR = timedelta(days=7)


class MoneyRequest(models.Model):
    """It leaves ``pending`` once, under the row's lock; who pays moves the money in the same transaction."""

    class State(models.TextChoices):
        PENDING = "pending", _("waiting")
        PAID = "paid", _("paid")
        #: The payer said no.
        DECLINED = "declined", _("declined")
        #: The requester took it back.
        CANCELLED = "cancelled", _("cancelled")
        EXPIRED = "expired", _("expired")

    id = models.BigIntegerField(primary_key=True)
    requester_id = models.BigIntegerField()
    payer_id = models.BigIntegerField()
    amount_minor = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    note = models.CharField(_("note"), max_length=100, default="")
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.PENDING)
    # Of its card.
    version = models.IntegerField(default=1)
    idempotency_key = models.UUIDField()
    request_hash = models.BinaryField(max_length=32)
    #: The key under which it was paid, so that a retry is told apart from somebody who pays again.
    pay_key = models.UUIDField(null=True)
    created_at = models.DateTimeField(_("made"), db_default=Now())
    expires_at = models.DateTimeField(_("expires"), db_default=Now() + STANDS_FOR)
    ended_at = models.DateTimeField(_("ended"), null=True)

    objects: ClassVar[InsertOnceManager[Self]] = InsertOnceManager()

    class Meta:
        db_table = "payments_money_request"
        verbose_name = _("money request")
        verbose_name_plural = _("money requests")
        constraints = [
            models.UniqueConstraint(fields=["requester_id", "idempotency_key"], name="money_request_once"),
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0, amount_minor__lte=MAX_AMOUNT_MINOR), name="money_request_amount"
            ),
            models.CheckConstraint(condition=~Q(payer_id=F("requester_id")), name="money_request_between_two"),
            models.CheckConstraint(
                condition=Q(state="pending", ended_at=None, pay_key=None)
                | Q(state="paid", ended_at__isnull=False, pay_key__isnull=False)
                | Q(state__in=["declined", "cancelled", "expired"], ended_at__isnull=False, pay_key=None),
                name="money_request_state",
            ),
        ]
        indexes = [
            models.Index(fields=["requester_id", "-id"], name="money_request_made"),
            models.Index(fields=["payer_id", "-id"], name="money_request_received"),
            models.Index(fields=["expires_at"], condition=Q(state="pending"), name="money_request_due"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def money(self) -> Money:
        return Money(self.amount_minor, self.currency)
