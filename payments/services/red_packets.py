"""Red packets: money for one friend, or for whoever in a group is quick, until all parts are gone or a day is over."""

from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now

from messaging import selectors as chats
from messaging import services as messaging
from payments import cards, notices, red_packets, selectors
from payments.accounts import wallet_accounts
from payments.errors import OwnRedPacket, TooManyParts, WrongConversation
from payments.events import MoneyMoved, RedPacketClosed, RedPacketOpened
from payments.ledger import services as ledger
from payments.models import RedPacket
from payments.services.approvals import authorise
from payments.services.limits import give_back_limit
from superapp.core import limits, loops
from superapp.core.errors import NotFound
from superapp.core.events import publish
from superapp.core.idempotency import request_hash
from superapp.core.ids import new_id
from superapp.core.leases import Lease, LeaseLost
from superapp.core.money import Money

log = structlog.get_logger(__name__)
PURPOSE = "payments.red_packet"
ESCROW = "red_packets"
BATCH = 50
#: How often somebody queues up for a packet, each time for as long as the role waits for locks (2 s).
ATTEMPTS = 3
LOCK_NOT_AVAILABLE = "55P03"
#: After what is left of a packet could not go back: its sender's wallet may have room again by then.
LOOK_AGAIN_AFTER = timedelta(minutes=10)


def send_red_packet(
    *,
    sender_id: int,
    conversation_id: int,
    kind: str,
    total_minor: int,
    currency: str,
    parts: int = 1,
    greeting: str = "",
    idempotency_key: UUID,
    approval: str | None = None,
    device_id: int | None = None,
) -> RedPacket:
    """Take money out of the sender's wallet and put it into a conversation: for the other one of two people
    (``one_to_one``, a single part), or for a group in ``parts`` (``equal``, ``random``), at most one for each member.

    Repeating an ``idempotency_key`` returns the first packet, with ``is_replay`` set, as it stands now.

    Raises ``PartTooSmall``, ``PartTooLarge``, ``TooManyParts``, ``NotFound``, ``WrongConversation`` (a kind that is not
    for this one), ``InsufficientFunds``, ``AccountFrozen``, ``AccountClosed``, ``IdempotencyConflict``, what
    ``authorise`` refuses, and whatever keeps the sender from speaking there.
    """
    most = 1 if kind == RedPacket.Kind.ONE_TO_ONE else red_packets.MOST_PARTS
    if parts > most:
        raise TooManyParts(most=most)
    red_packets.check(total_minor, currency, parts)
    limits.take(action="payments.send_red_packet.user", subject=str(sender_id))
    asked = {
        "conversation_id": conversation_id,
        "kind": kind,
        "total_minor": total_minor,
        "currency": currency,
        "parts": parts,
        "greeting": greeting,
    }
    with transaction.atomic():
        seed = red_packets.new_seed()
        packet = RedPacket.objects.insert_once(
            once={"sender_id": sender_id, "idempotency_key": idempotency_key},
            request_hash=request_hash(**asked),
            id=new_id(),
            amounts=_draw(kind, total_minor, currency, parts, seed),
            seed=seed,
            **asked,
        )
        if not packet.is_replay:  # type: ignore[attr-defined]
            _check_place(packet)
            _pay_in(packet, approval, device_id)
            # The card is the packet, so it commits with the money. It comes last: it locks the conversation.
            messaging.post_card(
                conversation_id=conversation_id,
                sender_id=sender_id,
                card=cards.red_packet_card(packet),
                client_id=idempotency_key,
                is_new=True,
            )
            publish(MoneyMoved(user_ids=(sender_id,), currency=currency))
    return packet


def _draw(kind: str, total_minor: int, currency: str, parts: int, seed: bytes) -> list[int]:
    if kind == RedPacket.Kind.RANDOM:
        most = red_packets.most_per_part(currency)
        return red_packets.random_parts(total_minor, parts, most=most, seed=seed)
    return red_packets.equal_parts(total_minor, parts)


def _check_place(packet: RedPacket) -> None:
    """Whether its sender may speak there is decided with the card, under the conversation's lock."""
    place = chats.conversation_of(actor_id=packet.sender_id, conversation_id=packet.conversation_id)
    is_for_one = packet.kind == RedPacket.Kind.ONE_TO_ONE
    if place.kind != ("direct" if is_for_one else "group"):
        raise WrongConversation
    if packet.parts > place.member_count:
        raise TooManyParts(most=place.member_count)


def _pay_in(packet: RedPacket, approval: str | None, device_id: int | None) -> None:
    authorise(
        payer_id=packet.sender_id,
        kind=PURPOSE,
        payee=f"conversation:{packet.conversation_id}",
        amount_minor=packet.total_minor,
        currency=packet.currency,
        approval=approval,
        device_id=device_id,
    )
    ledger.transfer(
        debit_account_id=_wallet(packet.sender_id, packet.currency),
        credit_account_id=_escrow(packet.currency),
        amount_minor=packet.total_minor,
        currency=packet.currency,
        purpose=PURPOSE,
        reference=str(packet.id),
        step="send",
    )


# --- opening ----------------------------------------------------------------------------------------------------------


def open_red_packet(*, actor_id: int, packet_id: int) -> RedPacket:
    """Take the next part, if there is one left. What the actor has of it is ``my_part`` of the result: None where the
    others were faster or the day is over, which is no refusal. Repeatable: a second tap finds what the first one took.

    Only whoever takes a part waits for a lock, that of the packet; those who come late are told so without one.

    Raises ``NotFound`` (nobody's, not where the actor belongs now, or its sender has blocked them), ``OwnRedPacket``,
    ``AccountFrozen``, ``AccountClosed``, ``BalanceTooHigh``, ``TooManyRequests``.
    """
    packet = selectors.red_packet(actor_id=actor_id, packet_id=packet_id)
    if packet.my_part is not None:
        return packet
    if not packet.is_reachable:
        raise NotFound
    if not packet.is_for(actor_id):
        raise OwnRedPacket
    if not packet.is_open:
        return packet
    limits.take(action="payments.open_red_packet.user", subject=str(actor_id))
    for attempt in range(1, ATTEMPTS + 1):
        try:
            if _open(packet, actor_id):
                return packet
        except OperationalError as error:
            if attempt == ATTEMPTS or getattr(error.__cause__, "pgcode", "") != LOCK_NOT_AVAILABLE:
                raise
        # The last one has just gone; or this was the second tap, which waited for the first; or so many are at it that
        # the turn did not come in time, and then there may be nothing left to queue up for.
        packet = selectors.red_packet(actor_id=actor_id, packet_id=packet_id)
        if not packet.may_open_by(actor_id):
            break
    return packet


def _open(packet: RedPacket, user_id: int) -> bool:
    """Whether there was a part for them; ``packet`` then says so.

    The function is a transaction of its own, so that the lock is given up where it is held, in Postgres: a commit sent
    from here would keep everybody waiting until this thread had its turn again, which with many threads takes longer
    than all the rest. What is announced afterwards are hints for screens, but for the end of the packet, for which
    there is ``tell_ends``.
    """
    arguments = [packet.id, user_id, _escrow(packet.currency), _wallet(user_id, packet.currency), new_id()]
    with _alone(), ledger.moving_money(), connection.cursor() as cursor:
        cursor.execute("SELECT opened_part, opened_at FROM payments_open_red_packet(%s, %s, %s, %s, %s)", arguments)
        part, opened_at = cursor.fetchone()
    if part is None:
        return False
    _note_opened(packet, part, opened_at)
    with transaction.atomic():
        if packet.state == RedPacket.State.FINISHED:
            _tell_end(packet.id)
        publish(RedPacketOpened(packet_id=packet.id, sender_id=packet.sender_id, user_id=user_id))
        publish(MoneyMoved(user_ids=(user_id,), currency=packet.currency))
    return True


def _alone() -> AbstractContextManager[Any]:
    """What is refused in somebody's transaction is refused alone."""
    return transaction.atomic() if connection.in_atomic_block else nullcontext()


def _note_opened(packet: RedPacket, part: int, opened_at: datetime) -> None:
    """What the row says now, without asking for it under its lock: parts go out in their order."""
    packet.my_part, packet.my_opened_at = part, opened_at
    packet.taken, packet.claimed_minor = part, sum(packet.amounts[:part])
    if part == packet.parts:
        packet.state, packet.closed_at = RedPacket.State.FINISHED, opened_at


# --- the end ----------------------------------------------------------------------------------------------------------


def _tell_end(packet_id: int) -> bool:
    """Announce that a packet is closed, once: whoever changes the row does."""
    closed = RedPacket.objects.filter(id=packet_id, is_told=False).exclude(state=RedPacket.State.OPEN)
    if not closed.update(is_told=True):
        return False
    publish(RedPacketClosed(packet_id=packet_id))
    return True


def tell_ends(lease: Lease) -> int:
    """A round of the loop that announces the end of packets whose last opener could not: its process was killed."""
    untold = RedPacket.objects.filter(is_told=False, closed_at__isnull=False).order_by("closed_at")
    told = 0
    for packet_id in untold.values_list("id", flat=True)[:BATCH]:
        with transaction.atomic():
            lease.guard()
            told += _tell_end(packet_id)
    return told


# --- what nobody opened -----------------------------------------------------------------------------------------------


def return_unopened(lease: Lease) -> int:
    """A round of the loop that closes packets whose day is over and gives back what is left. Returns how many."""
    due = RedPacket.objects.filter(state=RedPacket.State.OPEN, return_at__lte=Now()).order_by("return_at")
    return sum(_return_one(packet_id, lease) for packet_id in due.values_list("id", flat=True)[:BATCH])


def _return_one(packet_id: int, lease: Lease) -> int:
    """Each in a transaction of its own: one that cannot go back keeps no other waiting."""
    try:
        with transaction.atomic():
            lease.guard()
            # Somebody who opens it right now has the row, and came in time; the next round sees what they left.
            late = RedPacket.objects.select_for_update(no_key=True, skip_locked=True).filter(
                id=packet_id, state=RedPacket.State.OPEN, expires_at__lte=Now()
            )
            packet = late.first()
            if packet is None:
                return 0
            _return(packet)
    except LeaseLost:
        raise
    except Exception:
        log.exception("red_packet.not_returned", packet_id=packet_id)
        later = Now() + LOOK_AGAIN_AFTER
        RedPacket.objects.filter(id=packet_id, state=RedPacket.State.OPEN).update(return_at=later)
        return 0
    return 1


def _return(packet: RedPacket) -> None:
    RedPacket.objects.filter(id=packet.id).update(state=RedPacket.State.EXPIRED, closed_at=Now(), is_told=True)
    money: dict[str, Any] = {"amount_minor": packet.left_minor, "currency": packet.currency}
    give_back_limit(payer_id=packet.sender_id, paid_at=packet.created_at, **money)
    ledger.transfer(
        debit_account_id=_escrow(packet.currency),
        credit_account_id=_wallet(packet.sender_id, packet.currency),
        purpose=PURPOSE,
        reference=str(packet.id),
        step="expire",
        returns=True,
        **money,
    )
    messaging.notify(
        user_id=packet.sender_id,
        kind=notices.RED_PACKET_RETURNED,
        params={
            "amount": Money(packet.left_minor, packet.currency).as_json(),
            "red_packet_id": str(packet.id),
            "conversation_id": str(packet.conversation_id),
        },
        dedupe_key=f"{notices.RED_PACKET_RETURNED}:{packet.id}",
    )
    publish(MoneyMoved(user_ids=(packet.sender_id,), currency=packet.currency))
    publish(RedPacketClosed(packet_id=packet.id))


def register_red_packet_loop() -> None:
    loops.register("payments.red_packets", every=timedelta(seconds=2), step=return_unopened)
    loops.register("payments.red_packet_ends", every=timedelta(seconds=2), step=tell_ends)


def _wallet(user_id: int, currency: str) -> int:
    return wallet_accounts(user_ids=[user_id], currency=currency)[user_id]


def _escrow(currency: str) -> int:
    return ledger.house_account("escrow", currency, name=ESCROW)
