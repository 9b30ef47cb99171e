"""A product as far as payments can tell: a shop whose orders are paid, kept, settled and given back."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from payments import services
from payments.errors import HoldEnded
from payments.events import HoldExpired, HoldReleased, PaymentMade, PaymentRefunded
from payments.ledger import selectors as ledgers
from payments.legs import accounts
from payments.models import Escrow, Hold, Payment, Refund
from payments.registry import ReceiptLine, purposes
from payments.services import ESCROW, FEE, Leg, Party
from payments.services.expiry import expire_holds
from superapp.core import leases
from superapp.core.events import Event, SomeEvent, after_commit
from superapp.core.ids import new_id
from superapp.core.money import allocate as allocate
from tests.payments.security import approve

ORDER = "test.order"


#: Whether ``describe`` fails.
is_broken = False


def describe(references: Sequence[str], viewer_id: int) -> Mapping[str, ReceiptLine]:
    if is_broken:
        raise RuntimeError("this product is broken")
    return {
        reference: ReceiptLine(f"Order {reference[:4]}", counterparty="Test shop", data={"viewer": str(viewer_id)})
        for reference in references
    }


#: What was announced, once it was committed.
announced: list[Event] = []

if purposes.get(ORDER) is None:
    purposes.register(ORDER, describe=describe, label="Order")
    for event_type in (PaymentMade, PaymentRefunded, HoldReleased, HoldExpired):
        after_commit(event_type)(announced.append)


def told(event_type: type[SomeEvent]) -> list[SomeEvent]:
    """What was announced of this kind since the last time somebody asked."""
    found = [event for event in announced if type(event) is event_type]
    announced.clear()
    return found  # type: ignore[return-value]


def new_reference() -> str:
    return uuid4().hex


def soon(**ahead: float) -> datetime:
    return timezone.now() + timedelta(**(ahead or {"hours": 1}))


def expire() -> int:
    """A round of the loop that gives free what nobody took in time."""
    lease = leases.claim(name="payments.holds", shard="0", ttl=timedelta(seconds=30))
    assert lease is not None
    try:
        return expire_holds(lease)
    finally:
        lease.release()


def approved(payer_id: int, reference: str, amount_minor: int, currency: str = "CNY") -> str:
    """As if they had entered their PIN for it."""
    return approve(payer_id, ORDER, f"{ORDER}/{reference}", amount_minor, currency)


def hold(payer_id: int, amount_minor: int = 60, *, reference: str = "", **changes: Any) -> Hold:
    """With the PIN, unless an ``approval`` is given."""
    reference = reference or new_reference()
    asked = {"currency": "CNY", "purpose": ORDER, "expires_at": soon()} | changes
    if "approval" not in asked:
        asked["approval"] = approved(payer_id, reference, amount_minor, asked["currency"])
    return services.hold(payer_id=payer_id, amount_minor=amount_minor, reference=reference, **asked)


def short_hold(payer_id: int, amount_minor: int = 60) -> Hold:
    """One that ends in a moment; on a machine that is too slow for it, in a longer one."""
    for milliseconds in (60, 300, 1_500):
        try:
            with transaction.atomic():
                return hold(payer_id, amount_minor, expires_at=soon(milliseconds=milliseconds))
        except HoldEnded:
            pass
    return hold(payer_id, amount_minor, expires_at=soon(seconds=10))


def raise_hold(held: Hold, amount_minor: int, step: str) -> Hold:
    """With the PIN for what is added."""
    held.refresh_from_db()
    more_minor = max(amount_minor - held.amount_minor, 1)
    approval = approved(held.payer_id, held.reference, more_minor, held.currency)
    return services.raise_hold(hold_id=held.id, amount_minor=amount_minor, step=step, approval=approval)


def pay(payer_id: int, *legs: Leg, reference: str = "", **changes: Any) -> Payment:
    """With the PIN, unless an ``approval`` is given."""
    reference = reference or new_reference()
    asked = {"currency": "CNY", "purpose": ORDER} | changes
    if "approval" not in asked:
        asked["approval"] = approved(payer_id, reference, sum(leg.amount_minor for leg in legs), asked["currency"])
    return services.pay(payer_id=payer_id, legs=legs, reference=reference, **asked)


def settle(reference: str, *legs: Leg, step: str = "settle") -> Payment:
    return services.settle(purpose=ORDER, reference=reference, legs=legs, step=step)


def refund(payment: Payment, amount_minor: int, step: str = "1", reason: str = "") -> Refund:
    return services.refund(payment_id=payment.id, amount_minor=amount_minor, step=step, reason=reason)


def kept(amount_minor: int) -> Leg:
    return Leg(ESCROW, amount_minor)


def fee(amount_minor: int) -> Leg:
    return Leg(FEE, amount_minor)


def to_user(user_id: int, amount_minor: int) -> Leg:
    return Leg(Party.user(user_id), amount_minor)


def to_merchant(organisation_id: int, amount_minor: int) -> Leg:
    return Leg(Party.merchant(organisation_id), amount_minor)


def new_merchant() -> int:
    return new_id()


def has(party: Party, currency: str = "CNY") -> int:
    """What stands in their account, with what is not folded in yet."""
    (account_id,) = accounts([party], currency).values()
    return ledgers.balance(account_id).balance_minor


def merchant_has(organisation_id: int) -> int:
    return has(Party.merchant(organisation_id))


def escrow_of(reference: str) -> tuple[int, int]:
    """Paid in and paid out."""
    found = Escrow.objects.get(purpose=ORDER, reference=reference)
    return found.paid_in_minor, found.paid_out_minor
