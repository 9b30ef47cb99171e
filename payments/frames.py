"""What people see of money between them, built by plain functions on the busy paths; tests hold them equal to the
serializers that document them."""

from datetime import datetime
from typing import Any

from payments.models import MoneyRequest, RedPacket, Transfer
from superapp.accounts import selectors as accounts
from superapp.core.api.fields import rfc3339
from superapp.core.money import Money

Json = dict[str, Any]


def transfer_frame(transfer: Transfer) -> Json:
    """Of one with its people beside it, ``payer`` and ``payee``."""
    return {
        "id": str(transfer.id),
        "kind": transfer.kind,
        "payer": accounts.profile_frame(transfer.payer),  # type: ignore[attr-defined]
        "payee": accounts.profile_frame(transfer.payee),  # type: ignore[attr-defined]
        "amount": transfer.money.as_json(),
        "note": transfer.note,
        "state": transfer.state,
        "created_at": rfc3339(transfer.created_at),
        "expires_at": time(transfer.shown_expiry),
        "ended_at": time(transfer.ended_at),
    }


def money_request_frame(request: MoneyRequest) -> Json:
    """Of one with its people beside it, ``requester`` and ``payer``."""
    return {
        "id": str(request.id),
        "requester": accounts.profile_frame(request.requester),  # type: ignore[attr-defined]
        "payer": accounts.profile_frame(request.payer),  # type: ignore[attr-defined]
        "amount": request.money.as_json(),
        "note": request.note,
        "state": request.state,
        "created_at": rfc3339(request.created_at),
        "expires_at": rfc3339(request.expires_at),
        "ended_at": time(request.ended_at),
    }


# --- red packets ------------------------------------------------------------------------------------------------------


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
        "closed_at": time(packet.closed_at),
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


# --- for all of them --------------------------------------------------------------------------------------------------


def time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None
