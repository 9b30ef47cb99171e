"""Payments to products, as those see them whose money it was and is."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from payments.ledger.models import Entry
from payments.models import Hold, Payment, PaymentLeg, Refund
from payments.registry import ReceiptLine, purposes
from payments.selectors.lines import said_of
from superapp.core.api.fields import rfc3339
from superapp.core.errors import NotFound
from superapp.core.money import Money

Json = dict[str, Any]


def payment_frame(*, viewer_id: int, payment_id: int) -> Json:
    """To its payer all of it, to a person who was paid the part that is theirs. Raises ``NotFound`` for everybody else.

    At most three statements, and what the product takes to describe it.
    """
    payment = Payment.objects.filter(id=payment_id).first()
    if payment is None:
        raise NotFound
    is_payer = payment.payer_id == viewer_id
    theirs = [] if is_payer else _legs_to(viewer_id, payment)
    if not is_payer and not theirs:
        raise NotFound
    refunds = list(Refund.objects.filter(payment=payment).order_by("id")) if payment.refunded_minor else []
    line = _line(payment, viewer_id)
    return {
        "id": str(payment.id),
        "purpose": payment.purpose,
        "reference": payment.reference,
        "role": "payer" if is_payer else "payee",
        "amount": _money(payment, payment.amount_minor if is_payer else sum(leg.amount_minor for leg in theirs)),
        "refunded": _money(payment, payment.refunded_minor if is_payer else sum(leg.refunded_minor for leg in theirs)),
        "title": str(line.title),
        "counterparty": line.counterparty,
        "note": line.note,
        "data": line.data,
        "refunds": _refunds_of_payer(payment, refunds) if is_payer else _refunds_of_payee(payment, refunds, theirs),
        "created_at": rfc3339(payment.created_at),
    }


def payment_of_entry(entry: Entry, *, viewer_id: int) -> int | None:
    """The payment that an entry made, or of which it gave something back, if there is one that the viewer may see. One
    statement."""
    refunded_there = Refund.objects.filter(payment_id=OuterRef("id"), entry_id=entry.id)
    to_viewer = PaymentLeg.objects.filter(
        payment_id=OuterRef("id"), party_kind=PaymentLeg.Party.USER, party_id=viewer_id
    )
    of_the_same = Payment.objects.filter(reference=entry.reference, purpose=entry.purpose)
    found = of_the_same.filter(Q(entry_id=entry.id) | Exists(refunded_there))
    return found.filter(Q(payer_id=viewer_id) | Exists(to_viewer)).values_list("id", flat=True).first()


def _legs_to(user_id: int, payment: Payment) -> list[PaymentLeg]:
    legs = PaymentLeg.objects.filter(payment=payment, party_kind=PaymentLeg.Party.USER, party_id=user_id)
    return list(legs.order_by("number"))


def _line(payment: Payment, viewer_id: int) -> ReceiptLine:
    said = said_of([Entry(purpose=payment.purpose, reference=payment.reference)], viewer_id=viewer_id)
    known = purposes.get(payment.purpose)
    plain = ReceiptLine(title=str(known.label) if known else payment.purpose)
    return said.get((payment.purpose, payment.reference), plain)


def _refunds_of_payer(payment: Payment, refunds: Iterable[Refund]) -> list[Json]:
    return [_refund(payment, refund, refund.amount_minor, refund.reason) for refund in refunds]


def _refunds_of_payee(payment: Payment, refunds: Iterable[Refund], legs: Iterable[PaymentLeg]) -> list[Json]:
    """What each took from them. The reason was said to the payer."""
    numbers = [leg.number for leg in legs]
    parts = ((refund, sum(refund.parts_minor[number] for number in numbers)) for refund in refunds)
    return [_refund(payment, refund, part, "") for refund, part in parts if part]


def _refund(payment: Payment, refund: Refund, amount_minor: int, reason: str) -> Json:
    return {
        "id": str(refund.id),
        "amount": _money(payment, amount_minor),
        "reason": reason,
        "created_at": rfc3339(refund.created_at),
    }


def _money(payment: Payment, amount_minor: int) -> Json:
    return Money(amount_minor, payment.currency).as_json()


def overdue_holds(since: timedelta) -> int:
    """How many the loop should have given free ``since``, counted up to a thousand."""
    return Hold.objects.filter(state=Hold.State.OPEN, expires_at__lte=Now() - since)[:1000].count()
