"""Counting what somebody pays against what they may (``payments.tiers``)."""

from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from payments.errors import LimitExceeded
from payments.models import Approval, LimitCounter, PaceCounter
from payments.tiers import Caps
from superapp.core import retention
from superapp.core.money import Money

#: For how long counters that no rule asks any more still tell what happened.
COUNTERS_KEPT_FOR = timedelta(days=40)
APPROVALS_KEPT_FOR = timedelta(days=1)


def give_back_limit(*, payer_id: int, amount_minor: int, currency: str, paid_at: datetime) -> None:
    """Money of a payment came back: its day and its year have as much room again. One statement.

    Call it in the transaction that moves the payment to its end, which happens once; between the payment's own row and
    the ledger in the order of locks. ``paid_at``: when ``authorise`` let it pass, give or take the payment's row.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE payments_limit_counter AS c SET spent_minor = GREATEST(c.spent_minor - %(amount)s, 0)
            FROM (
                SELECT user_id, period, currency FROM payments_limit_counter
                WHERE user_id = %(user)s AND currency = %(currency)s
                AND period IN ('day:' || to_char(%(at)s::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD'),
                               'year:' || to_char(%(at)s::timestamptz AT TIME ZONE 'UTC', 'YYYY'))
                -- In the order in which payments take them.
                ORDER BY period FOR NO KEY UPDATE
            ) AS mine
            WHERE c.user_id = mine.user_id AND c.period = mine.period AND c.currency = mine.currency
            """,
            {"user": payer_id, "amount": amount_minor, "currency": currency, "at": paid_at},
        )


def check_amount(amount_minor: int, currency: str, caps: Caps) -> None:
    """Raises ``LimitExceeded`` for what may not be paid at once."""
    if amount_minor > caps.per_payment:
        raise LimitExceeded(which="payment", left=Money(caps.per_payment, currency).as_json())


def refuse_period(user_id: int, currency: str, caps: Caps, taken: set[str]) -> None:
    """Raises ``LimitExceeded``: ``taken`` says which of ``day`` and ``year`` had room."""
    which = "day" if "day" not in taken else "year"
    counters = LimitCounter.objects.filter(user_id=user_id, currency=currency, period__startswith=which)
    spent = counters.order_by("-period").values_list("spent_minor", flat=True).first() or 0
    left = max((caps.day if which == "day" else caps.year) - spent, 0)
    raise LimitExceeded(which=which, left=Money(left, currency).as_json())


def forget_old_security() -> None:
    """Delete approvals that nobody can use, and counters of days and hours that no rule asks any more."""
    now = timezone.now()
    retention.delete_in_batches(Approval, Q(expires_at__lt=now - APPROVALS_KEPT_FOR))
    retention.delete_in_batches(PaceCounter, Q(hour__lt=now - COUNTERS_KEPT_FOR))
    oldest = now - COUNTERS_KEPT_FOR
    retention.delete_in_batches(LimitCounter, Q(period__gte="day:", period__lt=f"day:{oldest:%Y-%m-%d}"))
    # Money of last year may still come back in this one.
    retention.delete_in_batches(LimitCounter, Q(period__gte="year:", period__lt=f"year:{now.year - 1}"))
