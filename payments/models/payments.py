"""What products take, keep and give back: holds, payments with their legs, refunds, and what waits in escrow.

The money itself is in the ledger. These rows say whose it was, what it was for and where it went, and they hold to what
no account can know: that a payment is not given back twice, and that no more leaves for a thing than came in for it.
"""

from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from superapp.core.idempotency import InsertOnceManager

MOST_REFUNDS = 50


class Hold(models.Model):
    """A part of somebody's wallet that a product has set aside: captured once, released, or given free when it expires.

    ``raises``: to how much each step raised it.
    """

    class State(models.TextChoices):
        OPEN = "open", _("open")
        CAPTURED = "captured", _("captured")
        RELEASED = "released", _("released")
        EXPIRED = "expired", _("expired")

    id = models.BigIntegerField(primary_key=True)
    purpose = models.CharField(_("purpose"), max_length=40)
    reference = models.CharField(_("reference"), max_length=80)
    payer_id = models.BigIntegerField(_("payer"))
    currency = models.CharField(_("currency"), max_length=3)
    amount_minor = models.BigIntegerField(_("amount"))
    raises = models.JSONField(default=dict)
    state = models.CharField(_("state"), max_length=10, choices=State, db_default=State.OPEN, default=State.OPEN)
    # None until the ledger has set it aside, in the same transaction.
    ledger_hold = models.OneToOneField("ledger.Hold", models.DO_NOTHING, null=True, related_name="+")
    request_hash = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(_("made"), db_default=Now())
    expires_at = models.DateTimeField(_("expires"))
    ended_at = models.DateTimeField(null=True)

    objects: ClassVar[InsertOnceManager[Self]] = InsertOnceManager()
    is_replay = False

    class Meta:
        db_table = "payments_hold"
        verbose_name = _("held amount")
        verbose_name_plural = _("held amounts")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["reference", "purpose"], name="payments_hold_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payments_hold_amount"),
            models.CheckConstraint(
                condition=Q(state="open", ended_at=None) | ~Q(state="open") & Q(ended_at__isnull=False),
                name="payments_hold_ended",
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(state="open"), name="payments_hold_expiring"),
            models.Index(fields=["payer_id", "-id"], name="payments_hold_of_payer"),
        ]


class Payment(models.Model):
    """Money that went to its legs in one entry: out of the payer's wallet, out of a hold, or out of escrow.

    ``payer_id`` is None where it came out of escrow: then it settles what others had paid.
    """

    id = models.BigIntegerField(primary_key=True)
    purpose = models.CharField(_("purpose"), max_length=40)
    reference = models.CharField(_("reference"), max_length=80)
    step = models.CharField(_("step"), max_length=60)
    payer_id = models.BigIntegerField(_("payer"), null=True)
    currency = models.CharField(_("currency"), max_length=3)
    amount_minor = models.BigIntegerField(_("amount"))
    refunded_minor = models.BigIntegerField(_("refunded"), db_default=0, default=0)
    # Those that somebody asked for; not what went back because a payment into the same escrow was refunded.
    refund_count = models.SmallIntegerField(db_default=0, default=0)
    # None until the ledger has posted it, in the same transaction.
    entry = models.OneToOneField("ledger.Entry", models.DO_NOTHING, null=True, related_name="+")
    hold = models.OneToOneField(Hold, models.DO_NOTHING, null=True, related_name="+")
    request_hash = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(_("made"), db_default=Now())

    objects: ClassVar[InsertOnceManager[Self]] = InsertOnceManager()
    is_replay = False

    class Meta:
        db_table = "payments_payment"
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        default_permissions = ("view",)
        constraints = [
            # By reference first: all that happened to a thing is one look.
            models.UniqueConstraint(fields=["reference", "purpose", "step"], name="payments_payment_once"),
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0, refunded_minor__gte=0, refunded_minor__lte=F("amount_minor")),
                name="payments_payment_refunded",
            ),
            models.CheckConstraint(
                condition=Q(refund_count__gte=0, refund_count__lte=MOST_REFUNDS), name="payments_payment_refunds"
            ),
            models.CheckConstraint(
                condition=Q(payer_id__isnull=False) | Q(hold=None), name="payments_payment_held_by_somebody"
            ),
        ]
        indexes = [
            models.Index(fields=["payer_id", "-id"], condition=Q(payer_id__isnull=False), name="payments_payment_payer")
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.reference} {self.step}"

    @property
    def left_minor(self) -> int:
        """What can still be given back."""
        return self.amount_minor - self.refunded_minor


class PaymentLeg(models.Model):
    """Where a part of a payment went. ``party_id``: a person or an organisation, 0 for escrow and fee."""

    class Party(models.TextChoices):
        USER = "user", _("person")
        MERCHANT = "merchant", _("merchant")
        ESCROW = "escrow", _("escrow")
        FEE = "fee", _("fee")

    pk = models.CompositePrimaryKey("payment_id", "number")
    payment = models.ForeignKey(Payment, models.DO_NOTHING, related_name="legs", db_index=False)
    number = models.SmallIntegerField()
    party_kind = models.CharField(max_length=10, choices=Party)
    party_id = models.BigIntegerField(default=0)
    # No constraint: it would lock the row of the account that everybody pays. The ledger has looked.
    account = models.ForeignKey(
        "ledger.Account", models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    amount_minor = models.BigIntegerField()
    refunded_minor = models.BigIntegerField(db_default=0, default=0)

    class Meta:
        db_table = "payments_payment_leg"
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0, refunded_minor__gte=0, refunded_minor__lte=F("amount_minor")),
                name="payments_leg_refunded",
            ),
            models.CheckConstraint(
                condition=Q(party_kind__in=["user", "merchant"], party_id__gt=0)
                | Q(party_kind__in=["escrow", "fee"], party_id=0),
                name="payments_leg_party",
            ),
        ]
        indexes = [
            models.Index(fields=["party_id", "-payment"], condition=Q(party_kind="user"), name="payments_leg_of_person")
        ]


class Refund(models.Model):
    """Money of a payment that went back to where it came from: its payer, or escrow.

    ``parts_minor``: what each leg of the payment gave of it, by their numbers. ``through``: the refund of a payment
    into escrow because of which what had been settled out of there went back; both are one entry.
    """

    id = models.BigIntegerField(primary_key=True)
    payment = models.ForeignKey(Payment, models.DO_NOTHING, related_name="refunds", db_index=False)
    step = models.CharField(_("step"), max_length=60)
    amount_minor = models.BigIntegerField(_("amount"))
    parts_minor = models.JSONField()
    reason = models.CharField(_("reason"), max_length=200, default="")
    through = models.ForeignKey("self", models.DO_NOTHING, null=True, related_name="+", db_index=False)
    entry = models.ForeignKey("ledger.Entry", models.DO_NOTHING, related_name="+", db_index=False)
    request_hash = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(_("made"), db_default=Now())

    is_replay = False

    class Meta:
        db_table = "payments_refund"
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["payment", "step"], name="payments_refund_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payments_refund_amount"),
        ]

    def __str__(self) -> str:
        return f"{self.payment_id} {self.step}"


class Escrow(models.Model):
    """What was paid in for one thing and is kept until it is settled or given back. One currency for each thing.

    All of it is in one account of the ledger that nobody locks; that no more leaves than came in is said here.
    """

    id = models.BigIntegerField(primary_key=True)
    purpose = models.CharField(_("purpose"), max_length=40)
    reference = models.CharField(_("reference"), max_length=80)
    currency = models.CharField(_("currency"), max_length=3)
    paid_in_minor = models.BigIntegerField(_("paid in"))
    paid_out_minor = models.BigIntegerField(_("paid out"), db_default=0, default=0)
    created_at = models.DateTimeField(_("made"), db_default=Now())

    class Meta:
        db_table = "payments_escrow"
        verbose_name = _("escrow")
        verbose_name_plural = _("escrow")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["reference", "purpose"], name="payments_escrow_once"),
            models.CheckConstraint(
                condition=Q(paid_in_minor__gt=0, paid_out_minor__gte=0, paid_out_minor__lte=F("paid_in_minor")),
                name="payments_escrow_no_more_than_came_in",
            ),
        ]
        # What is still there, for whoever adds it up; most rows are empty before long.
        indexes = [
            models.Index(
                fields=["currency"], condition=Q(paid_out_minor__lt=F("paid_in_minor")), name="payments_escrow_left"
            )
        ]

    @property
    def left_minor(self) -> int:
        return self.paid_in_minor - self.paid_out_minor
