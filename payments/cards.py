"""Cards that are money between people: what they say to everybody in the conversation, and in one sentence."""

from typing import Any

from django.utils.translation import gettext as _

from messaging import registry
from messaging.services import Card
from payments.models import MoneyRequest, RedPacket, Split, Transfer
from payments.selectors.red_packets import red_packet_card_live
from payments.selectors.splits import live_splits
from superapp.core.api.fields import rfc3339
from superapp.core.money import Money

Json = dict[str, Any]
TRANSFER, REQUEST, SPLIT = "payments.transfer", "payments.request", "payments.split"
RED_PACKET = "payments.red_packet"


def register() -> None:
    registry.cards.register(TRANSFER, fallback=transfer_in_words)
    registry.cards.register(REQUEST, fallback=request_in_words)
    registry.cards.register(SPLIT, fallback=split_in_words, live=live_splits)
    registry.cards.register(RED_PACKET, fallback=red_packet_in_words, live=red_packet_card_live, forwardable=False)


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


def request_card(request: MoneyRequest) -> Card:
    return Card(
        kind=REQUEST,
        reference=str(request.id),
        version=request.version,
        data={
            "requester_id": str(request.requester_id),
            "payer_id": str(request.payer_id),
            "amount": request.money.as_json(),
            "note": request.note,
            "state": request.state,
            "expires_at": rfc3339(request.expires_at),
        },
    )


def request_in_words(data: Json) -> str:
    amount = {"amount": shown(data["amount"])}
    match data["state"]:
        case "pending":
            return _("Request for %(amount)s") % amount
        case "paid":
            return _("Request for %(amount)s: paid") % amount
    return _("Request for %(amount)s: ended") % amount


def split_card(split: Split) -> Card:
    """Of one with its shares beside it. Who owes how much is not said to the whole group: see ``live``."""
    shares = split.shown_shares  # type: ignore[attr-defined]
    return Card(
        kind=SPLIT,
        reference=str(split.id),
        version=split.version,
        data={
            "initiator_id": str(split.initiator_id),
            "total": split.money.as_json(),
            "note": split.note,
            "state": split.state,
            "share_count": split.share_count,
            "paid_count": split.paid_count,
            "paid_ids": [str(share.user_id) for share in shares if share.paid_at is not None],
        },
    )


def split_in_words(data: Json) -> str:
    total = shown(data["total"])
    match data["state"]:
        case "completed":
            return _("Bill of %(amount)s: all have paid") % {"amount": total}
        case "closed":
            return _("Bill of %(amount)s: closed") % {"amount": total}
    return _("Bill of %(amount)s: %(paid)s of %(all)s have paid") % {
        "amount": total,
        "paid": data["paid_count"],
        "all": data["share_count"],
    }


def red_packet_card(packet: RedPacket) -> Card:
    """What is in it is not on the card: that is for whoever opens it. How many parts are left is in ``live``: a card
    changes once, when it is over."""
    is_over = packet.state != RedPacket.State.OPEN
    return Card(
        kind=RED_PACKET,
        reference=str(packet.id),
        version=RedPacket.CLOSED_VERSION if is_over else RedPacket.OPEN_VERSION,
        data={
            "sender_id": str(packet.sender_id),
            "kind": packet.kind,
            "parts": packet.parts,
            "greeting": packet.greeting,
            "state": packet.state,
            "expires_at": rfc3339(packet.expires_at),
        },
    )


def red_packet_in_words(data: Json) -> str:
    greeting = {"greeting": data["greeting"] or _("Best wishes!")}
    match data["state"]:
        case "finished":
            return _("Red packet: %(greeting)s (all opened)") % greeting
        case "expired":
            return _("Red packet: %(greeting)s (its time is over)") % greeting
    return _("Red packet: %(greeting)s") % greeting


def shown(amount: Json) -> str:
    """An amount as it stands in JSON, for people, in the language of the moment."""
    return Money(amount["amount"], amount["currency"]).shown()
