"""What a copy of somebody's data holds of payments to products, and what of them keeps somebody from leaving."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Exists, F, OuterRef
from django.utils.translation import gettext as _

from payments.models import Escrow, Hold, Payment, PaymentLeg, Refund
from superapp.accounts.registry import Blocker, Json, Part, Rows
from superapp.core.api.fields import rfc3339
from superapp.core.money import Money

COVERS = {
    "payments.Hold": {"payer_id"},
    "payments.Payment": {"payer_id"},
    "payments.PaymentLeg": {"party_id"},
}


def copy_of_payments(user_id: int) -> Iterator[Part]:
    yield "held_amounts", Rows(_holds(user_id))
    yield "payments", Rows(_paid(user_id))
    yield "earned", Rows(_earned(user_id))


def under_way(user_id: int) -> list[Blocker]:
    """What of theirs is held, or was paid into escrow and has gone nowhere yet: it may have to find its way back."""
    waiting = Escrow.objects.filter(
        reference=OuterRef("reference"), purpose=OuterRef("purpose"), paid_out_minor__lt=F("paid_in_minor")
    )
    paid = Payment.objects.filter(payer_id=user_id, refunded_minor__lt=F("amount_minor"))
    is_held = Hold.objects.filter(payer_id=user_id, state=Hold.State.OPEN).exists()
    if not is_held and not paid.filter(Exists(waiting)).exists():
        return []
    return [Blocker(code="money_held", message=_("Something that you have ordered is still under way."))]


def _holds(user_id: int) -> Iterator[Json]:
    for hold in Hold.objects.filter(payer_id=user_id).order_by("-id").iterator():
        yield _about(hold) | {
            "amount": Money(hold.amount_minor, hold.currency).as_json(),
            "state": hold.state,
            "expires_at": rfc3339(hold.expires_at),
        }


def _paid(user_id: int) -> Iterator[Json]:
    for payment in Payment.objects.filter(payer_id=user_id).order_by("-id").iterator():
        refunds = Refund.objects.filter(payment=payment).order_by("id") if payment.refunded_minor else []
        yield _about(payment) | {
            "amount": Money(payment.amount_minor, payment.currency).as_json(),
            "refunds": [
                {
                    "amount": Money(refund.amount_minor, payment.currency).as_json(),
                    "reason": refund.reason,
                    "created_at": rfc3339(refund.created_at),
                }
                for refund in refunds
            ],
        }


def _earned(user_id: int) -> Iterator[Json]:
    legs = PaymentLeg.objects.filter(party_kind=PaymentLeg.Party.USER, party_id=user_id)
    for leg in legs.select_related("payment").order_by("-payment_id").iterator():
        yield _about(leg.payment) | {
            "amount": Money(leg.amount_minor, leg.payment.currency).as_json(),
            "refunded": Money(leg.refunded_minor, leg.payment.currency).as_json(),
        }


def _about(row: Any) -> Json:
    return {
        "id": str(row.id),
        "purpose": row.purpose,
        "reference": row.reference,
        "created_at": rfc3339(row.created_at),
    }
