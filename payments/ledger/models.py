"""Tables of the ledger. The application reads them; only the functions in ``sql/`` write them."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from superapp.core.ids import new_id
from superapp.core.money import MAX_AMOUNT_MINOR

#: Of the house: nobody's.
HOUSE = 0


class Account(models.Model):
    """Where money of one currency is, as somebody's or for something.

    ``balance_minor`` is what its folded postings add up to, ``held_minor`` the part of it that is promised; neither may
    take the rest below ``floor_minor`` (None: no floor, the outside world may owe us anything).

    ``is_appended``: a posting into it takes no lock and has no number until a loop folds it in. Without a floor that
    holds for both directions; with one, what leaves is folded in and checked at once.
    """

    class Kind(models.TextChoices):
        WALLET = "wallet", _("wallet")
        MERCHANT = "merchant", _("merchant")
        ESCROW = "escrow", _("escrow")
        FEE = "fee", _("fee")
        RECEIVABLE = "receivable", _("receivable")
        WORLD = "world", _("outside world")

    class Status(models.TextChoices):
        OPEN = "open", _("open")
        FROZEN = "frozen", _("frozen")
        CLOSED = "closed", _("closed")

    id = models.BigIntegerField(primary_key=True)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    # A person's or an organisation's id, as whoever opened it says; the ledger knows neither.
    owner = models.BigIntegerField(_("owner"), default=HOUSE)
    name = models.CharField(_("name"), max_length=40, default="")
    currency = models.CharField(_("currency"), max_length=3)
    status = models.CharField(_("state"), max_length=10, choices=Status, db_default=Status.OPEN)
    balance_minor = models.BigIntegerField(_("balance"), db_default=0)
    held_minor = models.BigIntegerField(_("held"), db_default=0)
    floor_minor = models.BigIntegerField(null=True)
    ceiling_minor = models.BigIntegerField(null=True)
    # The number of its newest folded posting, and when that was; never earlier than the one before.
    seq = models.BigIntegerField(db_default=0)
    moved_at = models.DateTimeField(db_default=Now())
    is_appended = models.BooleanField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "ledger_account"
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["owner", "kind", "name", "currency"], name="ledger_account_of"),
            models.CheckConstraint(condition=Q(held_minor__gte=0), name="ledger_account_held"),
            models.CheckConstraint(
                condition=Q(floor_minor=None) | Q(balance_minor__gte=F("floor_minor") + F("held_minor")),
                name="ledger_account_floor",
            ),
            # The functions let nothing new in above it. What comes back they do let in, or it could go nowhere.
            models.CheckConstraint(
                condition=Q(ceiling_minor=None) | Q(is_appended=False) | Q(balance_minor__lte=F("ceiling_minor")),
                name="ledger_account_ceiling",
            ),
            # What is not there cannot be held, so an account without a floor holds nothing.
            models.CheckConstraint(
                condition=Q(floor_minor__isnull=False) | Q(held_minor=0), name="ledger_account_holds_what_is_there"
            ),
            models.CheckConstraint(
                condition=~Q(status="closed") | Q(balance_minor=0, held_minor=0), name="ledger_account_closed_empty"
            ),
        ]
        indexes = [
            # For staff: the accounts of a kind, and those that are not as they should be.
            models.Index(fields=["kind", "id"], name="ledger_account_by_kind"),
            models.Index(fields=["status", "id"], condition=~Q(status="open"), name="ledger_account_not_open"),
        ]

    def __str__(self) -> str:
        return " ".join(filter(None, (self.kind, self.name, self.currency, str(self.owner or ""))))


class Entry(models.Model):
    """One thing that happened: two postings or more that add up to zero in every currency.

    ``purpose`` (``payments.transfer``), ``reference`` (the row it is about) and ``step`` (``send``) say what it was,
    and are there once: that is what makes a movement repeatable.
    """

    id = models.BigIntegerField(primary_key=True)
    purpose = models.CharField(_("purpose"), max_length=40)
    reference = models.CharField(_("reference"), max_length=80)
    step = models.CharField(_("step"), max_length=60)
    # Of what it takes back.
    reverses = models.ForeignKey(
        "self", models.DO_NOTHING, null=True, related_name="reversed_by", db_constraint=False, db_index=False
    )
    created_at = models.DateTimeField(_("made"), db_default=Now())

    class Meta:
        db_table = "ledger_entry"
        verbose_name = _("journal entry")
        verbose_name_plural = _("journal")
        default_permissions = ("view",)
        constraints = [
            # By reference first: a thing's whole history is one look.
            models.UniqueConstraint(fields=["reference", "purpose", "step"], name="ledger_entry_once"),
            models.UniqueConstraint(
                fields=["reverses"], condition=Q(reverses__isnull=False), name="ledger_entry_reversed_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.reference} {self.step}"


class Posting(models.Model):
    """One account's part in an entry; ``amount_minor`` above zero is money that came in.

    ``seq`` numbers an account's postings without a gap, ``balance_after_minor`` is its balance then, and ``posted_at``
    the moment it came into the account, which never goes back from one number to the next. All three are None until a
    posting of an appended account is folded in; nothing else about a posting ever changes.
    """

    pk = models.CompositePrimaryKey("entry_id", "leg")
    entry = models.ForeignKey(Entry, models.DO_NOTHING, related_name="postings", db_index=False)
    leg = models.SmallIntegerField()
    # No constraint: it would lock the row of the account that everybody pays. Only functions write here, and they have
    # read that row; ``manage.py ledger check`` looks.
    account = models.ForeignKey(
        Account, models.DO_NOTHING, related_name="postings", db_constraint=False, db_index=False
    )
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    seq = models.BigIntegerField(null=True)
    balance_after_minor = models.BigIntegerField(null=True)
    posted_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "ledger_posting"
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["account", "seq"], condition=Q(seq__isnull=False), name="ledger_posting_place"
            ),
            models.CheckConstraint(
                condition=Q(amount_minor__gte=-MAX_AMOUNT_MINOR, amount_minor__lte=MAX_AMOUNT_MINOR)
                & ~Q(amount_minor=0),
                name="ledger_posting_amount",
            ),
            models.CheckConstraint(
                condition=Q(seq=None, balance_after_minor=None, posted_at=None)
                | Q(seq__gt=0, balance_after_minor__isnull=False, posted_at__isnull=False),
                name="ledger_posting_is_folded_or_not",
            ),
        ]
        indexes = [models.Index(fields=["account", "entry"], condition=Q(seq=None), name="ledger_posting_unfolded")]


class Hold(models.Model):
    """A part of a balance that is promised: captured once, all or part of it, or released, by hand or in time."""

    class Status(models.TextChoices):
        OPEN = "open", _("open")
        CAPTURED = "captured", _("captured")
        RELEASED = "released", _("released")

    id = models.BigIntegerField(primary_key=True)
    account = models.ForeignKey(Account, models.DO_NOTHING, related_name="holds", db_constraint=False, db_index=False)
    currency = models.CharField(max_length=3)
    purpose = models.CharField(_("purpose"), max_length=40)
    reference = models.CharField(_("reference"), max_length=80)
    step = models.CharField(_("step"), max_length=60)
    # As first asked for; a repeated request is compared with it.
    asked_minor = models.BigIntegerField()
    amount_minor = models.BigIntegerField(_("amount"))
    captured_minor = models.BigIntegerField(_("captured"), db_default=0)
    # What captured it.
    entry = models.ForeignKey(
        Entry, models.DO_NOTHING, null=True, related_name="+", db_constraint=False, db_index=False
    )
    status = models.CharField(_("state"), max_length=10, choices=Status, db_default=Status.OPEN)
    created_at = models.DateTimeField(_("made"), db_default=Now())
    expires_at = models.DateTimeField(_("expires"))
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "ledger_hold"
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["reference", "purpose", "step"], name="ledger_hold_once"),
            models.CheckConstraint(
                condition=Q(asked_minor__gt=0, amount_minor__gte=F("asked_minor"), amount_minor__lte=MAX_AMOUNT_MINOR),
                name="ledger_hold_amount",
            ),
            models.CheckConstraint(
                condition=Q(captured_minor=0) & ~Q(status="captured")
                | Q(captured_minor__gt=0, captured_minor__lte=F("amount_minor"), status="captured"),
                name="ledger_hold_captured",
            ),
            models.CheckConstraint(
                condition=Q(status="captured", entry__isnull=False) | ~Q(status="captured") & Q(entry=None),
                name="ledger_hold_captured_by",
            ),
            models.CheckConstraint(
                condition=Q(status="open", ended_at=None) | ~Q(status="open") & Q(ended_at__isnull=False),
                name="ledger_hold_ended",
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(status="open"), name="ledger_hold_expiring"),
            models.Index(fields=["account"], condition=Q(status="open"), name="ledger_hold_open"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.reference} {self.step}"


class HoldStep(models.Model):
    """A hold was raised to ``amount_minor``."""

    pk = models.CompositePrimaryKey("hold_id", "step")
    hold = models.ForeignKey(Hold, models.DO_NOTHING, related_name="steps", db_index=False)
    step = models.CharField(max_length=60)
    amount_minor = models.BigIntegerField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "ledger_hold_step"
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=Q(amount_minor__gt=0), name="ledger_hold_step_amount")]


class Check(models.Model):
    """A look at the books: how far it has come, and what it found. Not part of the books: the application writes it."""

    id = models.BigIntegerField(primary_key=True, default=new_id)
    began_at = models.DateTimeField(_("began"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True)
    # Of entries and holds only what came after this moment; None: everything.
    since = models.DateTimeField(_("since"), null=True)
    # Where it goes on.
    at = models.CharField(max_length=20)
    after = models.BigIntegerField()
    # By rule: how many it looked at, how many problems there are, and the first of them in words.
    findings = models.JSONField(default=dict)
    problem_count = models.IntegerField(_("problems"), default=0)

    class Meta:
        db_table = "ledger_check"
        verbose_name = _("check of the books")
        verbose_name_plural = _("checks of the books")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.began_at:%Y-%m-%d %H:%M}"
