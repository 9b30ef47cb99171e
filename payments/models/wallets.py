"""What keeps somebody's money theirs: the PIN, how much they may pay, and whether they may pay at all."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Wallet(models.Model):
    """One row for each person who has a PIN or was frozen, whatever the currencies. The money is in the ledger.

    Wrong PINs are counted here under the row's lock, by the database's clock.
    """

    class Tier(models.TextChoices):
        BASIC = "basic", _("basic")
        VERIFIED = "verified", _("verified")
        FULL = "full", _("full")

    class FrozenBy(models.TextChoices):
        OWNER = "owner", _("its owner")
        STAFF = "staff", _("staff")

    user_id = models.BigIntegerField(_("person"), primary_key=True)
    tier = models.CharField(_("tier"), max_length=10, choices=Tier.choices, db_default=Tier.BASIC)
    #: Argon2 over the PIN and the server's pepper; "" where none was set.
    pin_hash = models.CharField(max_length=200, db_default="")
    pin_set_at = models.DateTimeField(_("PIN set"), null=True)
    #: Wrong ones since the last right one, or since the last lock ended.
    pin_failures = models.SmallIntegerField(_("wrong PINs"), db_default=0)
    #: How many locks in a row: the next one takes longer.
    pin_locks = models.SmallIntegerField(_("locks in a row"), db_default=0)
    pin_locked_until = models.DateTimeField(_("PIN locked until"), null=True)
    #: A reset under way: from when on, and until when, it may be completed. Until then the old PIN counts.
    reset_begun_at = models.DateTimeField(_("reset begun"), null=True)
    reset_ready_at = models.DateTimeField(null=True)
    reset_ends_at = models.DateTimeField(null=True)
    #: The number changed a short while ago: until then less may be paid, and always with the PIN.
    lowered_until = models.DateTimeField(_("limits lowered until"), null=True)
    frozen_at = models.DateTimeField(_("frozen"), null=True)
    frozen_by = models.CharField(_("frozen by"), max_length=10, choices=FrozenBy.choices, db_default="")
    frozen_reason = models.CharField(_("reason"), max_length=500, db_default="")
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        db_table = "payments_wallet"
        verbose_name = _("wallet")
        verbose_name_plural = _("wallets")
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=Q(tier__in=["basic", "verified", "full"]), name="wallet_tier"),
            models.CheckConstraint(
                condition=Q(pin_hash="", pin_set_at=None) | (~Q(pin_hash="") & Q(pin_set_at__isnull=False)),
                name="wallet_pin",
            ),
            models.CheckConstraint(condition=Q(pin_failures__gte=0, pin_locks__gte=0), name="wallet_pin_counts"),
            models.CheckConstraint(
                condition=Q(reset_begun_at=None, reset_ready_at=None, reset_ends_at=None)
                | Q(reset_begun_at__isnull=False, reset_ready_at__isnull=False, reset_ends_at__isnull=False),
                name="wallet_reset",
            ),
            models.CheckConstraint(
                condition=Q(frozen_at=None, frozen_by="", frozen_reason="")
                | Q(frozen_at__isnull=False, frozen_by__in=["owner", "staff"]),
                name="wallet_frozen",
            ),
        ]
        indexes = [
            models.Index(fields=["-frozen_at", "user_id"], condition=~Q(frozen_at=None), name="wallets_frozen"),
        ]

    def __str__(self) -> str:
        return str(self.user_id)
