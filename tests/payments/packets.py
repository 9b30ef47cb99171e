"""Red packets for tests: sent by somebody who has the money, and whose day may be over."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.db.models import F

from payments import services
from payments.models import RedPacket
from superapp.core import leases
from tests.payments.money import fund
from tests.payments.security import approve, set_pin
from tests.realtime.people import Device

TTL = timedelta(seconds=60)


def send(sender: Device, conversation_id: int, total: int = 1_000, **given: Any) -> RedPacket:
    """A random one for two, unless ``given`` says otherwise. The sender is given the money and a PIN first."""
    currency = given.get("currency", "CNY")
    make_rich(sender, total, currency)
    return spend(sender, conversation_id, total, **given)


def spend(sender: Device, conversation_id: int, total: int, **given: Any) -> RedPacket:
    """As ``send``, of what the sender has, with the PIN."""
    asked: dict[str, Any] = {"kind": "random", "parts": 2, "currency": "CNY", "idempotency_key": uuid4()} | given
    return services.send_red_packet(
        sender_id=sender.user_id,
        conversation_id=conversation_id,
        total_minor=total,
        approval=approval(sender, conversation_id, total, asked["currency"]),
        **asked,
    )


def approval(who: Device, conversation_id: int | str, total: int, currency: str = "CNY") -> str:
    return approve(who.user_id, "payments.red_packet", f"conversation:{conversation_id}", total, currency)


def make_rich(somebody: Device, amount_minor: int, currency: str = "CNY") -> None:
    """Money, and a PIN to spend it with."""
    fund(somebody.user_id, amount_minor, currency)
    set_pin(somebody.user_id)


def open_packet(who: Device, packet: RedPacket) -> int | None:
    """How much they have of it."""
    found = services.open_red_packet(actor_id=who.user_id, packet_id=packet.id)
    return None if found.my_part is None else found.amount_of(found.my_part).amount_minor


def end_day(packet: RedPacket) -> None:
    """Its day was over a minute ago."""
    day = timedelta(days=1, minutes=1)
    RedPacket.objects.filter(id=packet.id, state=RedPacket.State.OPEN).update(
        expires_at=F("expires_at") - day, return_at=F("return_at") - day
    )


def sweep() -> int:
    """A round of the loop; returns how many packets it closed."""
    return services.return_unopened(_lease("payments.red_packets"))


def tell() -> int:
    """A round of the loop that announces what somebody closed and could not say."""
    return services.tell_ends(_lease("payments.red_packet_ends"))


def _lease(name: str) -> leases.Lease:
    lease = leases.claim(name=name, shard="0", ttl=TTL)
    assert lease is not None
    return lease
