"""How much money moved on each day, added up as the ledger grows: nobody reads a year of postings for a page."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Volume(models.Model):
    """What postings of a day (UTC) brought into accounts of one kind, and took out of them, for one kind of purpose.

    ``kind``: as in ``payments.registry.KINDS``, or ``opening``: what was there at first is no traffic. A day is that of
    the entries' ids. What came in less what went out, over all days, is what is in the accounts of a kind; over all
    kinds of accounts it is nothing.
    """

    id = models.BigIntegerField(primary_key=True)
    day = models.DateField(_("day"))
    currency = models.CharField(_("currency"), max_length=3)
    kind = models.CharField(_("kind"), max_length=20)
    account_kind = models.CharField(_("kind of account"), max_length=20)
    in_minor = models.BigIntegerField(_("came in"))
    out_minor = models.BigIntegerField(_("went out"))
    postings = models.BigIntegerField(_("postings"))

    class Meta:
        db_table = "payments_volume"
        verbose_name = _("volume of a day")
        verbose_name_plural = _("money")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["day", "currency", "kind", "account_kind"], name="volume_of"),
            models.CheckConstraint(condition=Q(in_minor__gte=0, out_minor__gte=0, postings__gt=0), name="volume_sums"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.currency} {self.kind} {self.account_kind}"


class VolumeMark(models.Model):
    """Up to when entries are in ``Volume``. One row: whoever counts holds it."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    counted_until = models.DateTimeField()

    class Meta:
        db_table = "payments_volume_mark"
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=Q(id=1), name="volume_mark_only_one")]
