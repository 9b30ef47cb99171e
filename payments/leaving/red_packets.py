"""What a copy of somebody's data holds of red packets, and what of them keeps somebody here for a day."""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from payments.models import RedPacket, RedPacketClaim
from superapp.accounts.registry import Blocker, Json, Part, Rows
from superapp.core.api.fields import rfc3339

COVERS = {"payments.RedPacket": {"sender_id"}, "payments.RedPacketClaim": {"user_id"}}
BATCH = 500


def copy_of_red_packets(user_id: int) -> Iterator[Part]:
    yield "red_packets/sent", Rows(_sent(user_id))
    yield "red_packets/opened", Rows(_opened(user_id))


def _sent(user_id: int) -> Iterator[Json]:
    last, rows = 0, RedPacket.objects.filter(sender_id=user_id).order_by("id")
    while batch := list(rows.filter(id__gt=last)[:BATCH]):
        for packet in batch:
            yield {
                "id": str(packet.id),
                "conversation_id": str(packet.conversation_id),
                "kind": packet.kind,
                "greeting": packet.greeting,
                "total": {"amount": packet.total_minor, "currency": packet.currency},
                "parts": packet.parts,
                "taken": packet.taken,
                "state": packet.state,
                "created_at": rfc3339(packet.created_at),
            }
        last = batch[-1].id


def _opened(user_id: int) -> Iterator[Json]:
    last, rows = 0, RedPacketClaim.objects.filter(user_id=user_id).select_related("packet").order_by("packet_id")
    while batch := list(rows.filter(packet_id__gt=last)[:BATCH]):
        for claim in batch:
            yield {
                "id": str(claim.packet_id),
                "sender_id": str(claim.packet.sender_id),
                "amount": {"amount": claim.amount_minor, "currency": claim.packet.currency},
                "opened_at": rfc3339(claim.created_at),
            }
        last = batch[-1].packet_id


def blockers_of_red_packets(user_id: int) -> list[Blocker]:
    """What nobody opens comes back, and must find its way."""
    count = RedPacket.objects.filter(sender_id=user_id, state=RedPacket.State.OPEN).count()
    message = _("Wait until your red packets have been opened or came back.")
    return [Blocker("red_packets_open", message, {"count": count})] if count else []
