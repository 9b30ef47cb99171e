"""Money from one person to another."""

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from superapp.core.idempotency import InsertOnceManager
from superapp.core.money import MAX_AMOUNT_MINOR, Money

#: How long a transfer waits for its payee, and how long before its end they are reminded.
WAITS_FOR = timedelta(hours=24)
REMINDED_BEFORE = timedelta(hours=2)


class Transfer(models.Model):
    """One in a chat waits in the house's escrow until its payee takes it; an instant one is there at once.

    It leaves ``pending`` once: whoever changes the row has ended it, and moves the money in the same transaction.
    """

    class Kind(models.TextChoices):
        CHAT = "chat", _("in a chat")
        INSTANT = "instant", _("by a code")

    class State(models.TextChoices):
        PENDING = "pending", _("waiting")
        ACCEPTED = "accepted", _("accepted")
        #: The payee gave it back.
        DECLINED = "declined", _("declined")
        #: The payer took it back.
        CANCELLED = "cancelled", _("cancelled")
        #: Nobody did anything for a day.
        RETURNED = "returned", _("returned")

    id = models.BigIntegerField(primary_key=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    payer_id = models.BigIntegerField()
    payee_id = models.BigIntegerField()
    amount_minor = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    note = models.CharField(_("note"), max_length=100, default="")
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.PENDING)
    # Of its card.
    version = models.IntegerField(default=1)
    idempotency_key = models.UUIDField()
    request_hash = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(_("made"), db_default=Now())
    expires_at = models.DateTimeField(_("expires"), db_default=Now() + WAITS_FOR)
    ended_at = models.DateTimeField(_("ended"), null=True)
    reminded_at = models.DateTimeField(null=True)
    # After it could not go back: when the loop looks at it again.
    retry_at = models.DateTimeField(null=True)

    objects: ClassVar[InsertOnceManager[Self]] = InsertOnceManager()

    class Meta:
        db_table = "payments_transfer"
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        constraints = [
            models.UniqueConstraint(fields=["payer_id", "idempotency_key"], name="transfer_once"),
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0, amount_minor__lte=MAX_AMOUNT_MINOR), name="transfer_amount"
            ),
            models.CheckConstraint(condition=~Q(payer_id=F("payee_id")), name="transfer_between_two"),
            models.CheckConstraint(
                condition=Q(state="pending", ended_at=None)
                | Q(state__in=["accepted", "declined", "cancelled", "returned"], ended_at__isnull=False),
                name="transfer_state",
            ),
            models.CheckConstraint(
                condition=Q(kind="chat") | Q(kind="instant", state="accepted"), name="transfer_instant_is_there"
            ),
        ]
        indexes = [
            models.Index(fields=["payer_id", "-id"], name="transfer_sent"),
            models.Index(fields=["payee_id", "-id"], name="transfer_received"),
            # Nearly all have ended: what waits is few.
            models.Index(fields=["payee_id", "-id"], condition=Q(state="pending"), name="transfer_to_accept"),
            models.Index(fields=["expires_at"], condition=Q(state="pending"), name="transfer_due"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def money(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def shown_expiry(self) -> datetime | None:
        """Of an instant one, which waits for nobody, none."""
        return self.expires_at if self.kind == self.Kind.CHAT else None
