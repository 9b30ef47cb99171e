"""Giving free what was set aside and not taken in time."""

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from payments.models import Hold
from payments.services.products import end_hold
from superapp.core import loops
from superapp.core.leases import Lease

#: How many in one round.
BATCH = 100


def expire_holds(lease: Lease) -> int:
    """A round of the loop. Each in a transaction of its own; what somebody is just capturing or releasing is left to
    them."""
    due = Hold.objects.filter(state=Hold.State.OPEN, expires_at__lte=Now())
    expired = 0
    for hold_id in list(due.order_by("expires_at").values_list("id", flat=True)[:BATCH]):
        with transaction.atomic():
            lease.guard()
            held = due.select_for_update(no_key=True, skip_locked=True).filter(id=hold_id).first()
            if held is not None:
                end_hold(held, Hold.State.EXPIRED)
                expired += 1
    return expired


def register_loop() -> None:
    loops.register("payments.holds", every=timedelta(seconds=1), step=expire_holds)
