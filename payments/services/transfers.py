"""Money to somebody else: in a chat, where it waits to be accepted, or at once to whoever showed their code."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from messaging import services as messaging
from messaging.errors import ThatIsYou
from payments import cards, notices
from payments.accounts import wallet_accounts
from payments.errors import TransferEnded as Ended
from payments.errors import TransferExpired
from payments.events import MoneyMoved, TransferChanged, TransferEnded
from payments.frames import transfer_frame
from payments.ledger import services as ledger
from payments.models import Transfer
from payments.models.transfers import REMINDED_BEFORE
from payments.parties import parties
from payments.selectors.transfers import show_parties, transfer_of
from payments.services.approvals import authorise
from payments.services.limits import give_back_limit
from superapp.core import loops
from superapp.core.errors import Forbidden
from superapp.core.events import publish
from superapp.core.idempotency import request_hash
from superapp.core.ids import new_id
from superapp.core.leases import Lease, LeaseLost

log = structlog.get_logger(__name__)
PURPOSE = "payments.transfer"
ESCROW = "transfers"
BATCH = 100
#: After it could not go back: its payer's wallet may have room again by then.
LOOK_AGAIN_AFTER = timedelta(minutes=10)


@transaction.atomic
def create_transfer(
    *,
    payer_id: int,
    payee_id: int,
    amount_minor: int,
    currency: str,
    note: str = "",
    idempotency_key: UUID,
    approval: str | None = None,
    device_id: int | None = None,
) -> Transfer:
    """Take money out of the payer's wallet and show it to a friend in their chat. It waits for a day to be accepted.

    Repeating an ``idempotency_key`` returns the first transfer, with ``is_replay`` set, as it stands now.

    Raises ``ThatIsYou``, ``NotFriends`` (also for nobody's id), ``NotFound`` (a friend who has left), ``Blocked``,
    ``InsufficientFunds``, ``AccountFrozen``, ``AccountClosed``, ``IdempotencyConflict``, and what ``authorise``
    refuses.
    """
    if payer_id == payee_id:
        raise ThatIsYou
    asked: dict[str, Any] = {"payee_id": payee_id, "note": note, "amount_minor": amount_minor, "currency": currency}
    transfer = Transfer.objects.insert_once(
        once={"payer_id": payer_id, "idempotency_key": idempotency_key},
        request_hash=request_hash(kind=Transfer.Kind.CHAT, **asked),
        id=new_id(),
        kind=Transfer.Kind.CHAT,
        **asked,
    )
    if transfer.is_replay:  # type: ignore[attr-defined]
        # A retry. If it raced the first attempt, it waited on the unique constraint for that commit.
        show_parties([transfer])
        return transfer
    conversation_id = messaging.conversation_with(actor_id=payer_id, user_id=payee_id)
    who = parties(payer_id=payer_id, payee_id=payee_id, currency=currency, is_paid_at_once=False)
    authorise(
        payer_id=payer_id,
        kind=PURPOSE,
        payee=f"user:{payee_id}",
        amount_minor=amount_minor,
        currency=currency,
        approval=approval,
        device_id=device_id,
    )
    ledger.transfer(
        debit_account_id=who.payer_account_id,
        credit_account_id=ledger.house_account("escrow", currency, ESCROW),
        amount_minor=amount_minor,
        currency=currency,
        purpose=PURPOSE,
        reference=str(transfer.id),
        step="send",
    )
    # The card is the transfer, so it commits with the money. Whether the two are friends is decided under the lock of
    # their conversation, as for any message.
    messaging.post_card(
        conversation_id=conversation_id,
        sender_id=payer_id,
        card=cards.transfer_card(transfer),
        client_id=idempotency_key,
        is_new=True,
    )
    # Last: how their wallet stands is for nobody whom they do not let speak to them.
    who.check_payee()
    transfer.payer, transfer.payee = who.payer, who.payee  # type: ignore[attr-defined]
    _tell(transfer, moved=[payer_id])
    return transfer


@transaction.atomic
def accept_transfer(*, actor_id: int, transfer_id: int) -> Transfer:
    """Take the money. Repeatable. Raises ``NotFound``, ``Forbidden`` (it is the payer's), ``TransferEnded``,
    ``TransferExpired``, ``AccountFrozen``, ``AccountClosed``, ``BalanceTooHigh``."""
    transfer = _ended(_waiting(transfer_id).filter(payee_id=actor_id, expires_at__gt=Now()), Transfer.State.ACCEPTED)
    if transfer is None:
        return _why_not(transfer_id, actor_id, "payee_id", Transfer.State.ACCEPTED)
    _pay_out(transfer, to=transfer.payee_id, step="accept")
    _tell_end(transfer, moved=[transfer.payee_id])
    return transfer


def decline_transfer(*, actor_id: int, transfer_id: int) -> Transfer:
    """Give the money back. Repeatable. Raises ``NotFound``, ``Forbidden`` (it is the payer's), ``TransferEnded``,
    ``TransferExpired``."""
    return _give_back_for(actor_id, transfer_id, "payee_id", Transfer.State.DECLINED)


def cancel_transfer(*, actor_id: int, transfer_id: int) -> Transfer:
    """Take a transfer back that was not accepted yet. Repeatable. Raises ``NotFound``, ``Forbidden`` (it is to them),
    ``TransferEnded``, ``TransferExpired``."""
    return _give_back_for(actor_id, transfer_id, "payer_id", Transfer.State.CANCELLED)


@transaction.atomic
def _give_back_for(actor_id: int, transfer_id: int, whose: str, state: str) -> Transfer:
    transfer = _ended(_waiting(transfer_id).filter(**{whose: actor_id}), state)
    if transfer is None:
        return _why_not(transfer_id, actor_id, whose, state)
    _give_back(transfer)
    return transfer


# --- what nobody accepted ---------------------------------------------------------------------------------------------


def return_expired_transfers(lease: Lease) -> int:
    """A round of the loop that gives back what waited for a day, and reminds payees of what has two hours left."""
    due = Transfer.objects.filter(state=Transfer.State.PENDING).order_by("expires_at")
    # Without those that were tried in vain a short while ago: a batch of them would keep all others waiting.
    is_its_turn = Q(retry_at=None) | Q(retry_at__lte=Now())
    late = list(due.filter(is_its_turn, expires_at__lte=Now()).values_list("id", flat=True)[:BATCH])
    soon = due.filter(expires_at__gt=Now(), expires_at__lte=Now() + REMINDED_BEFORE, reminded_at=None)
    done = sum(_return_one(transfer_id, lease) for transfer_id in late)
    return done + sum(_remind_one(transfer_id, lease) for transfer_id in soon.values_list("id", flat=True)[:BATCH])


def _return_one(transfer_id: int, lease: Lease) -> int:
    """Each in a transaction of its own: one that cannot be returned must not keep the others waiting."""
    try:
        with transaction.atomic():
            lease.guard()
            # Whoever accepts it right now, or another sweeper, has the row: it is theirs to end.
            rows = _waiting(transfer_id).filter(expires_at__lte=Now()).select_for_update(skip_locked=True, no_key=True)
            if not rows.exists():
                return 0
            transfer = _ended(_waiting(transfer_id), Transfer.State.RETURNED)
            assert transfer is not None, "its row is held"
            _give_back(transfer)
    except LeaseLost:
        raise
    except Exception:
        log.exception("transfer.not_returned", transfer_id=transfer_id)
        _waiting(transfer_id).update(retry_at=Now() + LOOK_AGAIN_AFTER)
        return 0
    return 1


def _remind_one(transfer_id: int, lease: Lease) -> int:
    try:
        return _remind(transfer_id, lease)
    except LeaseLost:
        raise
    except Exception:
        log.exception("transfer.not_reminded", transfer_id=transfer_id)
        return 0


@transaction.atomic
def _remind(transfer_id: int, lease: Lease) -> int:
    lease.guard()
    if not _waiting(transfer_id).filter(reminded_at=None).update(reminded_at=Now()):
        return 0
    transfer = Transfer.objects.get(id=transfer_id)
    messaging.notify(
        user_id=transfer.payee_id,
        kind=notices.TRANSFER_EXPIRING,
        params={"amount": transfer.money.as_json()},
        dedupe_key=f"payments.transfer:{transfer_id}:expiring",
        card=cards.transfer_card(transfer),
    )
    return 1


def register_transfer_loop() -> None:
    loops.register("payments.transfers", every=timedelta(seconds=2), step=return_expired_transfers)


# --- steps ------------------------------------------------------------------------------------------------------------


def _waiting(transfer_id: int) -> QuerySet[Transfer]:
    return Transfer.objects.filter(id=transfer_id, state=Transfer.State.PENDING)


def _ended(rows: QuerySet[Transfer], state: str) -> Transfer | None:
    """End the transfer that ``rows`` finds, if it does: of many at once, one. With its people beside it."""
    found = rows.values_list("id", flat=True)
    transfer_id = next(iter(found), None)
    if transfer_id is None or not rows.update(state=state, ended_at=Now(), version=F("version") + 1):
        return None
    transfer = Transfer.objects.get(id=transfer_id)
    show_parties([transfer])
    return transfer


def _why_not(transfer_id: int, actor_id: int, whose: str, state: str) -> Transfer:
    """The transfer, where this is a repeated request; else what keeps it from being done."""
    transfer = transfer_of(actor_id=actor_id, transfer_id=transfer_id)
    if getattr(transfer, whose) != actor_id:
        raise Forbidden
    if transfer.kind == Transfer.Kind.CHAT and transfer.state == state:
        return transfer
    if transfer.state in {Transfer.State.RETURNED, Transfer.State.PENDING}:
        # Still pending: its time is over, and the loop is on its way.
        raise TransferExpired
    raise Ended(state=transfer.state)


def _give_back(transfer: Transfer) -> None:
    give_back_limit(
        payer_id=transfer.payer_id,
        amount_minor=transfer.amount_minor,
        currency=transfer.currency,
        paid_at=transfer.created_at,
    )
    _pay_out(transfer, to=transfer.payer_id, step="return")
    _tell_end(transfer, moved=[transfer.payer_id])


def _pay_out(transfer: Transfer, *, to: int, step: str) -> None:
    ledger.transfer(
        debit_account_id=ledger.house_account("escrow", transfer.currency, ESCROW),
        credit_account_id=wallet_accounts(user_ids=[to], currency=transfer.currency)[to],
        amount_minor=transfer.amount_minor,
        currency=transfer.currency,
        purpose=PURPOSE,
        reference=str(transfer.id),
        step=step,
        returns=step == "return",
    )


def _tell_end(transfer: Transfer, *, moved: list[int]) -> None:
    publish(TransferEnded(transfer_id=transfer.id))
    _tell(transfer, moved=moved)


def _tell(transfer: Transfer, *, moved: list[int]) -> None:
    publish(
        TransferChanged(
            transfer_id=transfer.id,
            payer_id=transfer.payer_id,
            payee_id=transfer.payee_id,
            frame=transfer_frame(transfer),
        )
    )
    publish(MoneyMoved(user_ids=tuple(moved), currency=transfer.currency))
