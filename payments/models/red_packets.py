"""Red packets, and who opened which part."""

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from payments.red_packets import MOST_PARTS, luckiest
from superapp.core.idempotency import InsertOnceManager
from superapp.core.money import Money

#: How long it can be opened. What is left then goes back.
WAITS_FOR = timedelta(hours=24)


def _sql(condition: str) -> RawSQL:
    return RawSQL(condition, [], output_field=models.BooleanField())  # noqa: S611  (ours, for constraints)


class RedPacket(models.Model):
    """Money in the house's escrow, in parts that were drawn when it was made; they go out in that order, one to each.

    Whoever changes the row holds it, so claims come one after the other and meet the end at the same lock. What it says
    (everything but ``taken`` and what follows from it) never changes.
    """

    class Kind(models.TextChoices):
        ONE_TO_ONE = "one_to_one", _("to one person")
        EQUAL = "equal", _("equal parts")
        RANDOM = "random", _("parts by luck")

    class State(models.TextChoices):
        OPEN = "open", _("open")
        #: All parts are gone.
        FINISHED = "finished", _("all opened")
        #: Its day is over; what nobody opened went back.
        EXPIRED = "expired", _("expired")

    #: Of its card: it is open once and closed once.
    OPEN_VERSION, CLOSED_VERSION = 1, 2

    id = models.BigIntegerField(primary_key=True)
    sender_id = models.BigIntegerField()
    conversation_id = models.BigIntegerField()
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    currency = models.CharField(_("currency"), max_length=3)
    total_minor = models.BigIntegerField(_("amount"))
    parts = models.SmallIntegerField(_("parts"))
    amounts = ArrayField(models.BigIntegerField())
    # How the amounts were drawn: see ``red_packets.random_parts``.
    seed = models.BinaryField(max_length=32)
    greeting = models.CharField(_("greeting"), max_length=40, default="")
    state = models.CharField(_("state"), max_length=10, choices=State, db_default=State.OPEN)
    taken = models.SmallIntegerField(_("opened parts"), db_default=0)
    claimed_minor = models.BigIntegerField(_("opened amount"), db_default=0)
    idempotency_key = models.UUIDField()
    request_hash = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(_("made"), db_default=Now())
    expires_at = models.DateTimeField(_("expires"), db_default=Now() + WAITS_FOR)
    closed_at = models.DateTimeField(_("ended"), null=True)
    # Its end was announced: see ``services.tell_ends``.
    is_told = models.BooleanField(db_default=False)
    # When the loop looks at it: at its end, and later again where what is left cannot go back right now.
    return_at = models.DateTimeField(db_default=Now() + WAITS_FOR)

    objects: ClassVar[InsertOnceManager[Self]] = InsertOnceManager()

    # Of whoever looks: the part that they opened, and when; whether they are where it was sent, and welcome there.
    my_part: int | None = None
    my_opened_at: datetime | None = None
    is_reachable: bool = False

    class Meta:
        db_table = "payments_red_packet"
        verbose_name = _("red packet")
        verbose_name_plural = _("red packets")
        constraints = [
            models.UniqueConstraint(fields=["sender_id", "idempotency_key"], name="red_packet_once"),
            models.CheckConstraint(
                condition=Q(kind="one_to_one", parts=1)
                | Q(kind__in=["equal", "random"], parts__gte=1, parts__lte=MOST_PARTS),
                name="red_packet_parts",
            ),
            models.CheckConstraint(
                condition=_sql("cardinality(amounts) = parts AND 0 < ALL (amounts)"), name="red_packet_amounts"
            ),
            models.CheckConstraint(condition=_sql("payments_sum(amounts) = total_minor"), name="red_packet_total"),
            models.CheckConstraint(condition=Q(taken__gte=0, taken__lte=F("parts")), name="red_packet_taken"),
            # Parts go out in their order, so what is out follows from how many are.
            models.CheckConstraint(
                condition=_sql("payments_sum(amounts[:taken]) = claimed_minor"), name="red_packet_claimed"
            ),
            models.CheckConstraint(
                condition=Q(state="open", taken__lt=F("parts"), closed_at=None)
                | Q(state="finished", taken=F("parts"), closed_at__isnull=False)
                | Q(state="expired", taken__lt=F("parts"), closed_at__isnull=False),
                name="red_packet_state",
            ),
        ]
        indexes = [
            models.Index(fields=["sender_id", "-id"], name="red_packet_sent"),
            # Nearly all are closed: what waits is few.
            models.Index(fields=["return_at"], condition=Q(state="open"), name="red_packet_due"),
            models.Index(
                fields=["closed_at"], condition=Q(is_told=False, closed_at__isnull=False), name="red_packet_untold"
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def shown_state(self) -> str:
        """Its day may be over before the loop has noticed."""
        is_late = self.state == self.State.OPEN and self.expires_at <= timezone.now()
        return self.State.EXPIRED.value if is_late else str(self.state)

    @property
    def is_open(self) -> bool:
        return self.shown_state == self.State.OPEN

    def is_for(self, user_id: int) -> bool:
        """In a group whoever sends one may try their luck as well; one for somebody else is not for themselves."""
        return not (self.kind == self.Kind.ONE_TO_ONE and user_id == self.sender_id)

    def may_open_by(self, user_id: int) -> bool:
        """Of whoever looks."""
        return self.is_reachable and self.is_open and self.my_part is None and self.is_for(user_id)

    @property
    def left_minor(self) -> int:
        return self.total_minor - self.claimed_minor

    def amount_of(self, part: int) -> Money:
        return Money(self.amounts[part - 1], self.currency)

    def is_luckiest(self, part: int) -> bool:
        """Nobody knows before the last part is gone, and where all are equal luck has no part in it."""
        is_known = self.state == self.State.FINISHED and self.kind == self.Kind.RANDOM and self.parts > 1
        return is_known and part == luckiest(self.amounts)


class RedPacketClaim(models.Model):
    """Somebody opened a part. Never changes; ``amount_minor`` is what that part holds, and the database looks."""

    pk = models.CompositePrimaryKey("packet_id", "user_id")
    packet = models.ForeignKey(RedPacket, models.DO_NOTHING, related_name="claims", db_index=False)
    user_id = models.BigIntegerField()
    part = models.SmallIntegerField()
    amount_minor = models.BigIntegerField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "payments_red_packet_claim"
        constraints = [
            models.UniqueConstraint(fields=["packet", "part"], name="red_packet_claim_part"),
            models.CheckConstraint(condition=Q(part__gte=1, amount_minor__gt=0), name="red_packet_claim_numbers"),
        ]
        indexes = [models.Index(fields=["user_id", "-created_at", "-packet"], name="red_packet_received")]
