"""What red packets plug in below, and how people learn of them."""

from django.utils.translation import gettext_lazy as _

from messaging import services as messaging
from payments import cards, selectors
from payments.api import red_packet_serializers as shapes
from payments.events import RedPacketClosed, RedPacketOpened
from payments.ledger.registry import checks
from payments.models import RedPacket
from payments.registry import purposes
from payments.services.red_packets import PURPOSE, register_red_packet_loop
from superapp.core import metrics
from superapp.core.events import after_commit, at_least_once
from superapp.realtime import push
from superapp.realtime import registry as realtime
from superapp.realtime.registry import Push


def register() -> None:
    purposes.register(PURPOSE, label=_("Red packet"), kind="red_packet", describe=selectors.red_packet_lines)
    realtime.pushes.register(
        {
            "red_packet.opened": Push(
                "Somebody opened a part: to whoever sent it, and to their own devices.", shapes.RedPacketOpenedOutput
            )
        }
    )
    checks.register(
        "red_packets",
        selectors.red_packet_problems,
        says="what nobody has opened is what stands in its escrow, and parts are as they were drawn",
    )
    register_red_packet_loop()
    metrics.register_overdue("payments.red_packets", lambda: selectors.overdue_red_packets(metrics.OVERDUE))


@after_commit(RedPacketOpened)
def show_opened(event: RedPacketOpened) -> None:
    """Not to the conversation: who got what is for those who have opened theirs. The others' cards ask when shown."""
    payload = selectors.red_packet_opened_frame(packet_id=event.packet_id, user_id=event.user_id)
    push.to_users({event.sender_id, event.user_id}, type="red_packet.opened", payload=payload)


@at_least_once(RedPacketClosed)
def show_on_card(event: RedPacketClosed) -> None:
    """Once in a packet's life: a row of the log for each of fifty claims would drown the chat."""
    card = cards.red_packet_card(RedPacket.objects.get(id=event.packet_id))
    messaging.update_card(kind=card.kind, reference=card.reference, data=card.data, version=card.version)
