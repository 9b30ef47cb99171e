"""Cards that are money between people: what they say to everybody in the conversation, and in one sentence."""

from typing import Any

from django.utils.translation import gettext as _

from messaging import registry
from messaging.services import Card
from payments.models import Transfer
from superapp.core.api.fields import rfc3339
from superapp.core.money import Money

Json = dict[str, Any]
TRANSFER = "payments.transfer"


def register() -> None:
    registry.cards.register(TRANSFER, fallback=transfer_in_words)


def transfer_card(transfer: Transfer) -> Card:
    return Card(
        kind=TRANSFER,
        reference=str(transfer.id),
        version=transfer.version,
        data={
            "payer_id": str(transfer.payer_id),
            "payee_id": str(transfer.payee_id),
            "amount": transfer.money.as_json(),
            "note": transfer.note,
            "state": transfer.state,
            "expires_at": rfc3339(transfer.expires_at),
        },
    )


def transfer_in_words(data: Json) -> str:
    amount = {"amount": shown(data["amount"])}
    match data["state"]:
        case "accepted":
            return _("Transfer of %(amount)s: accepted") % amount
        case "declined" | "cancelled" | "returned":
            return _("Transfer of %(amount)s: returned") % amount
    return _("Transfer of %(amount)s: waiting to be accepted") % amount


def shown(amount: Json) -> str:
    """An amount as it stands in JSON, for people, in the language of the moment."""
    return Money(amount["amount"], amount["currency"]).shown()
