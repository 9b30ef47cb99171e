"""Codes that people show to be paid."""

from datetime import timedelta
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from superapp.core.idempotency import InsertOnceManager
from superapp.core.money import MAX_AMOUNT_MINOR, Money

LASTS_FOR = timedelta(days=7)


class ReceiveCode(models.Model):
    """Asks whoever scans it for this amount, each of them. The standing code of a person asks for none and has no row.

    What the code says is a link of ``core.links``, which ends with the row.
    """

    id = models.BigIntegerField(primary_key=True)
    owner_id = models.BigIntegerField()
    amount_minor = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    note = models.CharField(_("note"), max_length=100, default="")
    idempotency_key = models.UUIDField()
    request_hash = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(_("made"), db_default=Now())
    expires_at = models.DateTimeField(_("expires"), db_default=Now() + LASTS_FOR)
    #: Its owner has reset their codes.
    ended_at = models.DateTimeField(_("ended"), null=True)

    objects: ClassVar[InsertOnceManager[Self]] = InsertOnceManager()

    class Meta:
        db_table = "payments_receive_code"
        verbose_name = _("receive code")
        verbose_name_plural = _("receive codes")
        constraints = [
            models.UniqueConstraint(fields=["owner_id", "idempotency_key"], name="receive_code_once"),
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0, amount_minor__lte=MAX_AMOUNT_MINOR), name="receive_code_amount"
            ),
        ]

    @property
    def money(self) -> Money:
        return Money(self.amount_minor, self.currency)
