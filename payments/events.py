"""Facts that this app announces."""

from dataclasses import dataclass
from typing import Any

from superapp.core.events import Event


@dataclass(frozen=True)
class MoneyMoved(Event):
    """Balances of these people in ``currency`` have changed, or what is held of them. Whatever moves people's money
    publishes it in the same transaction: their phones are shown what they have now."""

    user_ids: tuple[int, ...]
    currency: str


@dataclass(frozen=True)
class TransferChanged(Event):
    """A transfer was made, or has ended. ``frame`` is what both see of it."""

    transfer_id: int
    payer_id: int
    payee_id: int
    frame: dict[str, Any]


@dataclass(frozen=True)
class TransferEnded(Event):
    """A transfer in a chat left ``pending``."""

    transfer_id: int


@dataclass(frozen=True)
class TransferReceived(Event):
    """An instant transfer is there."""

    transfer_id: int


@dataclass(frozen=True)
class RedPacketOpened(Event):
    """``user_id`` opened a part of what ``sender_id`` sent."""

    packet_id: int
    sender_id: int
    user_id: int


@dataclass(frozen=True)
class RedPacketClosed(Event):
    """All parts are gone, or its day is over."""

    packet_id: int
