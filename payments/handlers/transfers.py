"""What transfers plug in below, codes to be paid by among it, and how both sides learn of them."""

from django.utils.translation import gettext_lazy as _

from messaging import services as messaging
from payments import cards, notices, receive_codes, selectors, services
from payments.api.transfer_serializers import TransferOutput
from payments.events import TransferChanged, TransferEnded, TransferReceived
from payments.ledger import registry as ledger
from payments.models import Transfer
from payments.registry import purposes
from superapp.core import links, metrics
from superapp.core.events import after_commit, at_least_once
from superapp.realtime import push
from superapp.realtime import registry as realtime
from superapp.realtime.registry import Push


def register() -> None:
    purposes.register("payments.transfer", describe=selectors.transfer_lines, label=_("Transfer"), kind="transfer")
    realtime.pushes.register(
        {"transfer.updated": Push("A transfer of yours or to you was made, or has ended.", TransferOutput)}
    )
    links.register(receive_codes.KIND, receive_codes.resolve, label=_("A code to pay somebody"))
    ledger.checks.register(
        "transfers", selectors.escrow_problems, says="what waits to be accepted is what stands in its escrow"
    )
    services.register_transfer_loop()
    metrics.register_overdue("payments.transfers", lambda: selectors.overdue_transfers(metrics.OVERDUE))


@after_commit(TransferChanged)
def show_transfer(event: TransferChanged) -> None:
    push.to_users([event.payer_id, event.payee_id], type="transfer.updated", payload=event.frame)


@at_least_once(TransferEnded)
def show_end_of_transfer(event: TransferEnded) -> None:
    """In the chat, and to the payer, who may not be looking."""
    transfer = Transfer.objects.get(id=event.transfer_id)
    card = cards.transfer_card(transfer)
    messaging.update_card(kind=card.kind, reference=card.reference, data=card.data, version=card.version)
    is_accepted = transfer.state == Transfer.State.ACCEPTED
    if is_accepted or transfer.state in {Transfer.State.DECLINED, Transfer.State.RETURNED}:
        messaging.notify(
            user_id=transfer.payer_id,
            kind=notices.TRANSFER_ACCEPTED if is_accepted else notices.TRANSFER_RETURNED,
            params={"amount": transfer.money.as_json()},
            dedupe_key=f"payments.transfer:{transfer.id}:ended",
            card=card,
        )


@at_least_once(TransferReceived)
def tell_who_was_paid(event: TransferReceived) -> None:
    transfer = Transfer.objects.get(id=event.transfer_id)
    messaging.notify(
        user_id=transfer.payee_id,
        kind=notices.TRANSFER_RECEIVED,
        params={"amount": transfer.money.as_json(), "transfer_id": str(transfer.id)},
        dedupe_key=f"payments.transfer:{transfer.id}:received",
    )
