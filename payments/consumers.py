"""What the device's socket takes for this room, by plain functions that run in a thread."""

from typing import Any

from payments import selectors, services
from payments.api import red_packet_serializers as shapes
from payments.api.red_packet_views import OpenRedPacket
from payments.frames import packet_frame_for
from superapp.realtime import registry
from superapp.realtime.registry import Actor, shaped

Json = dict[str, Any]


def register() -> None:
    registry.commands.register(
        {
            "red_packet.open": shaped(
                shapes.OpenRedPacketCommand,
                open_red_packet,
                output=shapes.RedPacketOutput,
                errors=OpenRedPacket.Post.errors,
            )
        }
    )


def open_red_packet(actor: Actor, *, packet_id: int) -> Json:
    packet = services.open_red_packet(actor_id=actor.user_id, packet_id=packet_id)
    selectors.show_senders([packet])
    return packet_frame_for(packet, viewer_id=actor.user_id)
