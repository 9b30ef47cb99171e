"""Facts that this app announces."""

from dataclasses import dataclass
from typing import Any

from superapp.core.events import Event


@dataclass(frozen=True)
class MoneyMoved(Event):
    """What these people have in ``currency`` has changed, or what of it is held or frozen. Whatever moves it publishes
    this in the same transaction: their phones are shown what they have now."""

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
    """``user_id`` opened a part of what ``sender_id`` sent. Announced right after the commit, as a hint for screens:
    what has to happen belongs to ``RedPacketClosed``, or into the ledger's own tables."""

    packet_id: int
    sender_id: int
    user_id: int


@dataclass(frozen=True)
class RedPacketClosed(Event):
    """All parts are gone, or its day is over."""

    packet_id: int


# --- Payments to products ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PaymentMade(Event):
    """Somebody's money was paid to a product's legs (``payer_id``), or escrow was settled (None). ``hold_id``: it was
    held before."""

    payment_id: int
    purpose: str
    reference: str
    step: str
    payer_id: int | None
    currency: str
    amount_minor: int
    hold_id: int | None = None


@dataclass(frozen=True)
class PaymentRefunded(Event):
    """A part of a payment went back to its payer, or into escrow (``payer_id`` None)."""

    payment_id: int
    refund_id: int
    purpose: str
    reference: str
    step: str
    payer_id: int | None
    currency: str
    amount_minor: int


@dataclass(frozen=True)
class HoldReleased(Event):
    """A product gave free what it had set aside."""

    hold_id: int
    purpose: str
    reference: str
    payer_id: int
    currency: str
    amount_minor: int


@dataclass(frozen=True)
class HoldExpired(HoldReleased):
    """Nobody captured it in time, so it was given free: the product that held it can no longer take it."""


@dataclass(frozen=True)
class MoneyRequestChanged(Event):
    """Somebody asked for money, or a request has ended. ``frame`` is what both see of it."""

    request_id: int
    requester_id: int
    payer_id: int
    frame: dict[str, Any]


@dataclass(frozen=True)
class MoneyRequestEnded(Event):
    request_id: int


@dataclass(frozen=True)
class SplitChanged(Event):
    """Somebody paid their share, or the bill was closed. ``user_ids``: whoever has to do with it."""

    split_id: int
    user_ids: tuple[int, ...]
    frame: dict[str, Any]


@dataclass(frozen=True)
class SplitMoved(Event):
    """As ``SplitChanged``, for what must not be lost."""

    split_id: int


@dataclass(frozen=True)
class SplitReminded(Event):
    """The initiator asks once more, for the ``number``th time."""

    split_id: int
    number: int
