"""What payments to products plug in below, and how payers learn of them."""

from django.utils import translation

from payments import selectors, soundness
from payments.api import payment_serializers as shapes
from payments.events import PaymentMade, PaymentRefunded
from payments.ledger import registry as ledger
from payments.services import expiry
from superapp.accounts import selectors as accounts
from superapp.core import metrics
from superapp.core.events import after_commit
from superapp.realtime import push
from superapp.realtime import registry as realtime
from superapp.realtime.registry import Push


def register() -> None:
    ledger.checks.register(
        "products", soundness.problems, says="what products paid, hold and gave back is what their rows say"
    )
    expiry.register_loop()
    metrics.register_overdue("payments.holds", lambda: selectors.overdue_holds(metrics.OVERDUE))
    realtime.pushes.register(
        {"payment.updated": Push("You have paid a product, or something of it came back.", shapes.PaymentOutput)}
    )


@after_commit(PaymentMade)
def show_payment(event: PaymentMade) -> None:
    if event.payer_id is not None:
        _show_to_payer(event.payer_id, event.payment_id)


@after_commit(PaymentRefunded)
def show_refund(event: PaymentRefunded) -> None:
    if event.payer_id is not None:
        _show_to_payer(event.payer_id, event.payment_id)


def _show_to_payer(payer_id: int, payment_id: int) -> None:
    with translation.override(accounts.language_of(payer_id)):
        frame = selectors.payment_frame(viewer_id=payer_id, payment_id=payment_id)
    push.to_users([payer_id], type="payment.updated", payload=frame)
