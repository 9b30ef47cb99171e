"""Giving free what was set aside and not taken in time."""

from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from payments.models import Hold
from payments.services.products import end_hold
from superapp.core import loops
from superapp.core.leases import Lease, LeaseLost

log = structlog.get_logger(__name__)

#: How many in one round.
BATCH = 100


def expire_holds(lease: Lease) -> int:
    """A round of the loop."""
    due = _due().order_by("expires_at")
    return sum(_expire_one(hold_id, lease) for hold_id in list(due.values_list("id", flat=True)[:BATCH]))


def _due() -> QuerySet[Hold]:
    return Hold.objects.filter(state=Hold.State.OPEN, expires_at__lte=Now())


def _expire_one(hold_id: int, lease: Lease) -> int:
    """Each in a transaction of its own: one that cannot be given free keeps no other waiting. What somebody is just
    capturing or releasing is left to them."""
    try:
        with transaction.atomic():
            lease.guard()
            held = _due().select_for_update(no_key=True, skip_locked=True).filter(id=hold_id).first()
            if held is None:
                return 0
            end_hold(held, Hold.State.EXPIRED)
    except LeaseLost:
        raise
    except Exception:
        log.exception("hold.not_expired", hold_id=hold_id)
        return 0
    return 1


def register_loop() -> None:
    loops.register("payments.holds", every=timedelta(seconds=1), step=expire_holds)
