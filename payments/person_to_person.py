"""What money from one person to another plugs into the rooms below, and its reactions to what happened."""

from django.utils.translation import gettext_lazy as _

from messaging import services as messaging
from payments import cards, notices, receive_codes, selectors, services
from payments.api.request_serializers import MoneyRequestOutput, SplitOutput
from payments.api.transfer_serializers import TransferOutput
from payments.events import (
    MoneyRequestChanged,
    MoneyRequestEnded,
    SplitChanged,
    SplitMoved,
    SplitReminded,
    TransferChanged,
    TransferEnded,
    TransferReceived,
)
from payments.ledger import registry as ledger
from payments.models import MoneyRequest, Split, Transfer
from payments.registry import purposes
from superapp.core import links, metrics
from superapp.core.events import after_commit, at_least_once
from superapp.core.money import Money
from superapp.realtime import push
from superapp.realtime import registry as realtime
from superapp.realtime.registry import Push


def register() -> None:
    purposes.register("payments.transfer", describe=selectors.transfer_lines, label=_("Transfer"), kind="transfer")
    realtime.pushes.register(
        {"transfer.updated": Push("A transfer of yours or to you was made, or has ended.", TransferOutput)}
    )
    links.register(receive_codes.KIND, receive_codes.resolve, label=_("A code to pay somebody"))
    purposes.register(
        "payments.request", describe=selectors.request_lines, label=_("Payment on request"), kind="transfer"
    )
    purposes.register("payments.split", describe=selectors.split_lines, label=_("Share of a bill"), kind="transfer")
    realtime.pushes.register(
        {
            "money_request.updated": Push("Somebody asks for money, or a request has ended.", MoneyRequestOutput),
            "split.updated": Push("A bill that you share: somebody has paid, or it was closed.", SplitOutput),
        }
    )
    services.register_request_loop()
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


# --- asking for money -------------------------------------------------------------------------------------------------


@after_commit(MoneyRequestChanged)
def show_request(event: MoneyRequestChanged) -> None:
    push.to_users([event.requester_id, event.payer_id], type="money_request.updated", payload=event.frame)


@at_least_once(MoneyRequestEnded)
def show_end_of_request(event: MoneyRequestEnded) -> None:
    request = MoneyRequest.objects.get(id=event.request_id)
    card = cards.request_card(request)
    messaging.update_card(kind=card.kind, reference=card.reference, data=card.data, version=card.version)
    told = {
        MoneyRequest.State.PAID: notices.REQUEST_PAID,
        MoneyRequest.State.DECLINED: notices.REQUEST_DECLINED,
    }
    if kind := told.get(MoneyRequest.State(request.state)):
        messaging.notify(
            user_id=request.requester_id,
            kind=kind,
            params={"amount": request.money.as_json()},
            dedupe_key=f"payments.request:{request.id}:ended",
            card=card,
        )


@after_commit(SplitChanged)
def show_split(event: SplitChanged) -> None:
    push.to_users(event.user_ids, type="split.updated", payload=event.frame)


@at_least_once(SplitMoved)
def show_who_has_paid(event: SplitMoved) -> None:
    split = Split.objects.get(id=event.split_id)
    selectors.show_shares(split)
    card = cards.split_card(split)
    messaging.update_card(kind=card.kind, reference=card.reference, data=card.data, version=card.version)
    if split.state == Split.State.COMPLETED:
        messaging.notify(
            user_id=split.initiator_id,
            kind=notices.SPLIT_COMPLETED,
            params={"amount": split.money.as_json()},
            dedupe_key=f"payments.split:{split.id}:completed",
            card=card,
        )


@at_least_once(SplitReminded)
def remind_who_has_not_paid(event: SplitReminded) -> None:
    split = Split.objects.get(id=event.split_id)
    selectors.show_shares(split)
    card = cards.split_card(split)
    for share in split.shares.filter(paid_at=None):
        messaging.notify(
            user_id=share.user_id,
            kind=notices.SPLIT_REMINDER,
            params={"amount": Money(share.amount_minor, split.currency).as_json()},
            dedupe_key=f"payments.split:{split.id}:reminder:{event.number}",
            card=card,
        )
