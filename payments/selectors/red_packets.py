"""Red packets: who sees which, who opened what, and what a statement says of them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, F, QuerySet, Sum
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from messaging import selectors as messaging
from payments.frames import claim_frame, live_frame, packet_frame
from payments.ledger import selectors as ledger
from payments.ledger.registry import house_account
from payments.models import RedPacket, RedPacketClaim
from payments.registry import ReceiptLine
from superapp.accounts import selectors as accounts
from superapp.core.errors import NotFound
from superapp.core.ids import MAX_ID
from superapp.core.money import Money

Json = dict[str, Any]


def red_packet(*, actor_id: int, packet_id: int) -> RedPacket:
    """For whoever belongs to its conversation and is not blocked by its sender, and afterwards for whoever sent it or
    opened a part of it. With what it is to them. Two statements. Raises ``NotFound``."""
    found = _looked_at([packet_id], actor_id)
    if not found or not (found[0].is_reachable or found[0].sender_id == actor_id or found[0].my_part is not None):
        raise NotFound
    return found[0]


def _with_part_of(user_id: int, ids: Sequence[int]) -> list[RedPacket]:
    """One statement, no lock."""
    rows = RedPacket.objects.raw(
        """
        SELECT p.*, c.part AS my_part, c.created_at AS my_opened_at FROM payments_red_packet AS p
        LEFT JOIN payments_red_packet_claim AS c ON c.packet_id = p.id AND c.user_id = %s
        WHERE p.id = ANY(%s)
        """,
        [user_id, list(ids)],
    )
    return list(rows)


def red_packet_opened_frame(*, packet_id: int, user_id: int) -> Json:
    """A part that somebody opened, as it is pushed to them and to whoever sent it. Two statements."""
    (packet,) = _with_part_of(user_id, [packet_id])
    assert packet.my_part is not None
    assert packet.my_opened_at is not None
    people = accounts.users([packet.sender_id, user_id])
    packet.sender = people[packet.sender_id]  # type: ignore[attr-defined]
    return {
        "red_packet": packet_frame(packet, is_open_book=True),
        "claim": claim_frame(packet, people[user_id], part=packet.my_part, opened_at=packet.my_opened_at),
    }


def _looked_at(ids: Sequence[int], viewer_id: int) -> list[RedPacket]:
    """With the viewer's part beside each, and whether they are where it was sent. Two statements, no lock."""
    rows = _with_part_of(viewer_id, ids)
    if rows:
        near = messaging.within_reach(viewer_id, {(row.conversation_id, row.sender_id) for row in rows})
        for row in rows:
            row.is_reachable = (row.conversation_id, row.sender_id) in near
    return rows


def show_senders(packets: Iterable[RedPacket]) -> None:
    """Put who sent it beside each. One statement."""
    messaging.show_people(packets, sender="sender_id")


def red_packet_card_live(references: Sequence[str], viewer_id: int) -> Mapping[str, Json]:
    """For the cards on a page. Two statements: one for the packets, one for whether the viewer still belongs there."""
    rows = _looked_at(_ids(references), viewer_id)
    return {
        str(row.id): live_frame(row, viewer_id=viewer_id)
        for row in rows
        if row.is_reachable or row.sender_id == viewer_id
    }


def _ids(references: Sequence[str]) -> list[int]:
    return [int(reference) for reference in references if reference.isdecimal() and int(reference) <= MAX_ID]


# --- who opened what --------------------------------------------------------------------------------------------------


def claims_of(packet: RedPacket, *, viewer_id: int) -> QuerySet[RedPacketClaim]:
    """Who opened which part, for somebody who may see the packet; page by ``part``, and show through ``show_openers``.

    While it is open, it is for whoever sent it or has opened theirs. Whoever belongs there no more sees their own part.
    """
    claims = RedPacketClaim.objects.filter(packet_id=packet.id)
    if packet.sender_id == viewer_id:
        return claims
    if not packet.is_reachable:
        return claims.filter(user_id=viewer_id)
    return claims if packet.my_part is not None or not packet.is_open else claims.none()


def show_openers(claims: Sequence[RedPacketClaim]) -> None:
    """Put the person beside each. One statement."""
    messaging.show_people(claims, user="user_id")


# --- what somebody sent and received ----------------------------------------------------------------------------------


def red_packets_sent(user_id: int) -> QuerySet[RedPacket]:
    """Page by ``-id``, and show through ``look_again``."""
    return RedPacket.objects.filter(sender_id=user_id)


def red_packets_received(user_id: int) -> QuerySet[RedPacketClaim]:
    """Parts that they opened; page by ``-created_at, -packet_id``, and show through ``look_again``."""
    return RedPacketClaim.objects.filter(user_id=user_id)


def look_again(packet_ids: Sequence[int], *, viewer_id: int) -> list[RedPacket]:
    """In the order asked for, with what they are to whoever looks and who sent them. Three statements."""
    rows = {row.id: row for row in _looked_at(packet_ids, viewer_id)}
    show_senders(rows.values())
    return [rows[packet_id] for packet_id in packet_ids]


def red_packet_year(user_id: int, *, year: int) -> Json:
    """What somebody sent and received in a year (UTC): how many, and how much in each currency. Two statements."""
    begin, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    sent = RedPacket.objects.filter(sender_id=user_id, created_at__gte=begin, created_at__lt=end)
    received = RedPacketClaim.objects.filter(user_id=user_id, created_at__gte=begin, created_at__lt=end)
    of_received = received.values(of=F("packet__currency"))
    return {
        "year": year,
        "sent": _totals(sent.values(of=F("currency")).annotate(count=Count("id"), total=Sum("total_minor"))),
        "received": _totals(of_received.annotate(count=Count("part"), total=Sum("amount_minor"))),
    }


def _totals(rows: Iterable[Mapping[str, Any]]) -> Json:
    found = sorted(rows, key=lambda row: str(row["of"]))
    return {
        "count": sum(row["count"] for row in found),
        "amounts": [Money(int(row["total"]), row["of"]).as_json() for row in found],
    }


# --- statements and checks --------------------------------------------------------------------------------------------


def red_packet_lines(references: Sequence[str], viewer_id: int) -> Mapping[str, ReceiptLine]:
    """What a statement says of them. Two statements."""
    rows = list(RedPacket.objects.filter(id__in=_ids(references)))
    show_senders(rows)
    return {str(row.id): _line(row, viewer_id) for row in rows}


def _line(packet: RedPacket, viewer_id: int) -> ReceiptLine:
    is_mine = packet.sender_id == viewer_id
    sender = packet.sender  # type: ignore[attr-defined]
    return ReceiptLine(
        title=_("Red packet sent") if is_mine else _("Red packet received"),
        counterparty=None if is_mine else sender.shown_name,
        counterparty_id=None if is_mine else sender.id,
        note=packet.greeting,
        data={"red_packet_id": str(packet.id), "kind": packet.kind},
        # Whoever sends one to a group may open a part of it themselves.
        step_titles={"expire": _("Red packet: not opened"), f"claim:{viewer_id}": _("Red packet received")},
    )


def overdue_red_packets(since: timedelta) -> int:
    """How many the loop should have given back ``since``, counted up to a thousand."""
    return RedPacket.objects.filter(state=RedPacket.State.OPEN, expires_at__lte=Now() - since)[:1000].count()


def red_packet_problems() -> list[str]:
    """For the check of the books: what waits in escrow is what nobody has opened yet, and of the newest ten thousand
    packets the claims are what their rows say."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT currency, sum(total_minor - claimed_minor) FROM payments_red_packet
            WHERE state = 'open' GROUP BY currency
            """
        )
        waiting = dict(cursor.fetchall())
        cursor.execute(
            """
            SELECT p.id FROM (SELECT * FROM payments_red_packet ORDER BY id DESC LIMIT 10000) AS p
            LEFT JOIN payments_red_packet_claim AS c ON c.packet_id = p.id
            GROUP BY p.id, p.taken, p.claimed_minor
            HAVING (count(c.part), coalesce(max(c.part), 0), coalesce(sum(c.amount_minor), 0))
                IS DISTINCT FROM (p.taken::bigint, p.taken, p.claimed_minor::numeric)
            """
        )
        problems = [f"red packet {packet_id}: its claims are not what it says" for (packet_id,) in cursor.fetchall()]
    escrow = {currency: house_account("escrow", currency, "red_packets") for currency in settings.WALLET_CURRENCIES}
    balances = ledger.balances(escrow.values())
    for currency, account_id in escrow.items():
        there, wanted = balances[account_id].balance_minor, int(waiting.get(currency, 0))
        if there != wanted:
            problems.append(f"escrow of red packets: {there} {currency}, and {wanted} are not opened yet")
    return problems
