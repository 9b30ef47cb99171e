"""Red packets over REST."""

from typing import Any

from messaging.errors import Blocked, ConversationClosed, NotFriends, Silenced
from payments import selectors, services
from payments.api import red_packet_serializers as shapes
from payments.api.refusals import PAYING
from payments.errors import OwnRedPacket, PartTooLarge, PartTooSmall, TooManyParts, WrongConversation
from payments.frames import claim_frame, packet_frame_for
from payments.ledger.errors import AccountClosed, AccountFrozen, BalanceTooHigh, LedgerOutOfStep
from payments.models import RedPacket
from superapp.core.api import Endpoint, Operation, Page, Shown, paginate
from superapp.core.api.endpoint import ApiRequest
from superapp.core.errors import NotFound, TooManyRequests

Data = dict[str, Any]
PLACE = (NotFound, WrongConversation, Blocked, NotFriends, Silenced, ConversationClosed)


class RedPackets(Endpoint):
    class Get(Operation):
        """Red packets that I sent, or of which I opened a part, the newest first."""

        query, output, page = shapes.RedPacketsQuery, shapes.RedPacketOutput, True

    class Post(Operation):
        """Put money into a conversation, for whoever opens it within a day."""

        input, output, status, idempotent = shapes.RedPacketInput, shapes.RedPacketOutput, 201, True
        errors = (*PAYING, *PLACE, PartTooSmall, PartTooLarge, TooManyParts, TooManyRequests)

    def get(self, request: ApiRequest, data: Data) -> Page[Any]:
        viewer_id = request.user_id
        page: Page[Any]
        if data.pop("direction") == "sent":
            page = paginate(selectors.red_packets_sent(viewer_id), request, order=("-id",), **data)
            ids = [packet.id for packet in page.results]
        else:
            rows = selectors.red_packets_received(viewer_id)
            page = paginate(rows, request, order=("-created_at", "-packet_id"), **data)
            ids = [claim.packet_id for claim in page.results]
        packets = selectors.look_again(ids, viewer_id=viewer_id)
        shown = [Shown(packet_frame_for(packet, viewer_id=viewer_id)) for packet in packets]
        return Page(results=shown, next=page.next, previous=page.previous)

    def post(self, request: ApiRequest, data: Data) -> Shown:
        sent = services.send_red_packet(
            sender_id=request.user_id,
            idempotency_key=request.idempotency_key,
            device_id=request.device_id,
            **data,
        )
        packet = selectors.red_packet(actor_id=request.user_id, packet_id=sent.id)
        return _shown(packet, request.user_id, is_replay=sent.is_replay)  # type: ignore[attr-defined]


class RedPacketYear(Endpoint):
    class Get(Operation):
        """How many I sent and received in a year, and how much."""

        query, output = shapes.RedPacketYearQuery, shapes.RedPacketYearOutput

    def get(self, request: ApiRequest, data: Data) -> Shown:
        return Shown(selectors.red_packet_year(request.user_id, **data))


class RedPacketDetail(Endpoint):
    class Get(Operation):
        """One that was sent where I belong, that I sent, or of which I have a part."""

        output, errors = shapes.RedPacketOutput, (NotFound,)

    def get(self, request: ApiRequest, packet_id: int) -> Shown:
        return _shown(selectors.red_packet(actor_id=request.user_id, packet_id=packet_id), request.user_id)


class OpenRedPacket(Endpoint):
    class Post(Operation):
        """Take a part, if there is one left: `mine.opened` is what I have of it. Repeatable."""

        output = shapes.RedPacketOutput
        errors = (
            NotFound,
            OwnRedPacket,
            AccountFrozen,
            AccountClosed,
            BalanceTooHigh,
            LedgerOutOfStep,
            TooManyRequests,
        )

    def post(self, request: ApiRequest, packet_id: int) -> Shown:
        return _shown(services.open_red_packet(actor_id=request.user_id, packet_id=packet_id), request.user_id)


class RedPacketClaims(Endpoint):
    class Get(Operation):
        """Who opened which part, in that order. While it is open, for whoever sent it or has opened theirs."""

        output, page = shapes.RedPacketClaimOutput, True
        errors = (NotFound,)

    def get(self, request: ApiRequest, data: Data, packet_id: int) -> Page[Any]:
        packet = selectors.red_packet(actor_id=request.user_id, packet_id=packet_id)
        claims = selectors.claims_of(packet, viewer_id=request.user_id)
        page = paginate(claims, request, order=("part",), **data)
        selectors.show_openers(page.results)
        shown = [
            Shown(claim_frame(packet, claim.user, part=claim.part, opened_at=claim.created_at))  # type: ignore[attr-defined]
            for claim in page.results
        ]
        return Page(results=shown, next=page.next, previous=page.previous)


def _shown(packet: RedPacket, viewer_id: int, *, is_replay: bool = False) -> Shown:
    selectors.show_senders([packet])
    return Shown(packet_frame_for(packet, viewer_id=viewer_id), is_replay=is_replay)
