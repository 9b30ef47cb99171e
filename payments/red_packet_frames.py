"""What people see of red packets: the card in the conversation, the same for everybody, and the packet behind it."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from messaging.services import Card
from payments.models import RedPacket
from superapp.accounts import selectors as accounts
from superapp.core.api.fields import rfc3339
from superapp.core.money import Money

Json = dict[str, Any]
KIND = "payments.red_packet"


def card(packet: RedPacket) -> Card:
    """What is in it is not on the card: that is for whoever opens it. How many parts are left is in ``live``: a card
    changes once, when it is over."""
    is_over = packet.state != RedPacket.State.OPEN
    return Card(
        kind=KIND,
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


def card_in_words(data: Json) -> str:
    greeting = {"greeting": data["greeting"] or _("Best wishes!")}
    match data["state"]:
        case "finished":
            return _("Red packet: %(greeting)s (all opened)") % greeting
        case "expired":
            return _("Red packet: %(greeting)s (its time is over)") % greeting
    return _("Red packet: %(greeting)s") % greeting


def packet_frame(packet: RedPacket, *, is_open_book: bool) -> Json:
    """As REST shows it and as it is pushed, of one with its ``sender`` beside it.

    ``is_open_book``: what is in it may be seen. Before that a packet for one, or in equal parts, would say what is in
    the reader's part.
    """
    return {
        "id": str(packet.id),
        "conversation_id": str(packet.conversation_id),
        "sender": accounts.profile_frame(packet.sender),  # type: ignore[attr-defined]
        "kind": packet.kind,
        "greeting": packet.greeting,
        "parts": packet.parts,
        "taken": packet.taken,
        "total": _money(packet, packet.total_minor) if is_open_book else None,
        "claimed": _money(packet, packet.claimed_minor) if is_open_book else None,
        "state": packet.shown_state,
        "created_at": rfc3339(packet.created_at),
        "expires_at": rfc3339(packet.expires_at),
        "closed_at": rfc3339(packet.closed_at) if packet.closed_at else None,
    }


def packet_frame_for(packet: RedPacket, *, viewer_id: int) -> Json:
    """With what is only true of whoever looks, under ``mine``."""
    is_open_book = packet.sender_id == viewer_id or packet.my_part is not None or not packet.is_open
    opened = None
    if packet.my_part is not None and packet.my_opened_at is not None:
        opened = part_frame(packet, part=packet.my_part, opened_at=packet.my_opened_at)
    frame = packet_frame(packet, is_open_book=is_open_book)
    return {**frame, "mine": {"may_open": packet.may_open_by(viewer_id), "opened": opened}}


def part_frame(packet: RedPacket, *, part: int, opened_at: datetime) -> Json:
    return {
        "amount": packet.amount_of(part).as_json(),
        "is_luckiest": packet.is_luckiest(part),
        "opened_at": rfc3339(opened_at),
    }


def claim_frame(packet: RedPacket, user: Any, *, part: int, opened_at: datetime) -> Json:
    """One line of who took what."""
    return {"user": accounts.profile_frame(user), **part_frame(packet, part=part, opened_at=opened_at)}


def live_frame(packet: RedPacket, *, viewer_id: int) -> Json:
    """What the card shows beside what it says: how many are gone, and what it is to whoever looks."""
    return {
        "state": packet.shown_state,
        "taken": packet.taken,
        "may_open": packet.may_open_by(viewer_id),
        "opened": None if packet.my_part is None else packet.amount_of(packet.my_part).as_json(),
    }


def _money(packet: RedPacket, amount_minor: int) -> Json:
    return Money(amount_minor, packet.currency).as_json()
