"""Corrections by staff: one person up to a limit, two beyond it."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext

from messaging import services as messaging
from payments import notices
from payments.accounts import wallet_accounts
from payments.errors import AdjustmentDecided, AdjustmentExpired, OwnWallet, SecondPersonNeeded
from payments.events import MoneyMoved
from payments.ledger import selectors as ledger_selectors
from payments.ledger import services as ledger
from payments.ledger.errors import CurrencyMismatch, InsufficientFunds, InvalidAmount
from payments.models import Adjustment
from superapp.accounts import selectors as accounts
from superapp.core import audit
from superapp.core.errors import NotFound
from superapp.core.events import publish
from superapp.core.idempotency import request_hash
from superapp.core.ids import new_id
from superapp.core.money import MAX_AMOUNT_MINOR, Money

PURPOSE, STEP = "payments.adjustment", "adjust"
EXPIRED_AT_ONCE = 200


@transaction.atomic
def propose_adjustment(
    *,
    actor_id: int,
    user_id: int,
    amount_minor: int,
    currency: str,
    reason: str,
    reference: str,
    public_text: str,
    idempotency_key: UUID,
) -> Adjustment:
    """Give somebody money (``amount_minor`` above zero) or take it back (below).

    Up to ``ADJUSTMENT_ALONE`` of the currency, at once and in all of the actor's day, it is done; beyond that it waits
    for somebody else. ``reference``: what else is known about it, such as a letter's number; ``public_text``: what the
    person reads. Repeatable with its key.

    Raises ``OwnWallet``, ``NotFound`` (no such person), ``InsufficientFunds`` (they have less than that),
    ``InvalidAmount``, ``CurrencyMismatch``, ``AccountFrozen``, ``BalanceTooHigh``, ``IdempotencyConflict``.
    """
    _check(actor_id=actor_id, user_id=user_id, amount_minor=amount_minor, currency=currency)
    asked = {"user_id": user_id, "amount_minor": amount_minor, "currency": currency, "reason": reason}
    asked |= {"reference": reference, "public_text": public_text}
    adjustment = Adjustment.objects.insert_once(
        once={"proposed_by_id": actor_id, "idempotency_key": idempotency_key},
        request_hash=request_hash(**asked),
        id=new_id(),
        expires_at=timezone.now() + settings.ADJUSTMENT_WAITS,
        **asked,
    )
    if adjustment.is_replay:  # type: ignore[attr-defined]
        return adjustment
    audit.record(
        actor_id=actor_id,
        action="payments.adjustment_proposed",
        subject=("adjustment", str(adjustment.id)),
        after={"user_id": str(user_id), "amount": amount_minor, "currency": currency, "reference": reference},
        reason=reason,
    )
    if _may_alone(adjustment):
        _execute(adjustment, actor_id=actor_id, reason=reason, needs_second=False, decided_by_id=None)
    else:
        _check_funds(adjustment)
    return adjustment


@transaction.atomic
def approve_adjustment(*, adjustment_id: int, actor_id: int, reason: str) -> Adjustment:
    """Do what somebody else proposed.

    Raises ``SecondPersonNeeded`` to whoever proposed it, ``OwnWallet``, ``AdjustmentDecided``, ``AdjustmentExpired``,
    ``NotFound``, ``InsufficientFunds``, ``AccountFrozen``, ``BalanceTooHigh``; it goes on waiting then.
    """
    adjustment = _waiting(adjustment_id)
    if adjustment.proposed_by_id == actor_id:
        raise SecondPersonNeeded
    if adjustment.user_id == actor_id:
        raise OwnWallet
    if adjustment.expires_at <= timezone.now():
        raise AdjustmentExpired
    _person(adjustment.user_id)
    _execute(adjustment, actor_id=actor_id, reason=reason, needs_second=True, decided_by_id=actor_id)
    audit.record(
        actor_id=actor_id,
        action="payments.adjustment_approved",
        subject=("adjustment", str(adjustment_id)),
        after={"entry_id": str(adjustment.entry_id)},
        reason=reason,
    )
    return adjustment


@transaction.atomic
def refuse_adjustment(*, adjustment_id: int, actor_id: int, reason: str) -> None:
    """Whoever proposed it may as well: so they take it back. Raises ``AdjustmentDecided``, ``NotFound``."""
    adjustment = _waiting(adjustment_id)
    _decide(adjustment, state=Adjustment.State.REFUSED, decided_by_id=actor_id, decision_reason=reason)
    audit.record(
        actor_id=actor_id,
        action="payments.adjustment_refused",
        subject=("adjustment", str(adjustment_id)),
        reason=reason,
    )


@transaction.atomic
def expire_adjustments() -> int:
    """End what nobody decided about in time; returns how many there were."""
    due = Adjustment.objects.filter(state=Adjustment.State.WAITING, expires_at__lte=Now()).order_by("expires_at")
    found = list(due.select_for_update(no_key=True, skip_locked=True)[:EXPIRED_AT_ONCE])
    for adjustment in found:
        _decide(adjustment, state=Adjustment.State.EXPIRED)
        audit.record(actor_id=None, action="payments.adjustment_expired", subject=("adjustment", str(adjustment.id)))
    return len(found)


def erase_adjustments(user_id: int) -> None:
    """Somebody has left: what was moved stays in the books, what was said about them does not."""
    Adjustment.objects.filter(user_id=user_id).update(reason="", reference="", public_text="", decision_reason="")


# --- Steps ------------------------------------------------------------------------------------------------------------


def _check(*, actor_id: int, user_id: int, amount_minor: int, currency: str) -> None:
    if actor_id == user_id:
        raise OwnWallet
    if not 1 <= abs(amount_minor) <= MAX_AMOUNT_MINOR:
        raise InvalidAmount
    if currency not in settings.WALLET_CURRENCIES:
        raise CurrencyMismatch
    _person(user_id)


def _person(user_id: int) -> None:
    """Also one who is banned or is leaving: what is in their wallet may have to be put right."""
    person = accounts.users([user_id]).get(user_id)
    if person is None or person.erased_at is not None:
        raise NotFound


def _waiting(adjustment_id: int) -> Adjustment:
    """Locked, so that of two who decide at once the second sees what the first did."""
    adjustment = Adjustment.objects.select_for_update(no_key=True).filter(id=adjustment_id).first()
    if adjustment is None:
        raise NotFound
    if adjustment.state != Adjustment.State.WAITING:
        raise AdjustmentDecided
    return adjustment


def _may_alone(adjustment: Adjustment) -> bool:
    """And count it, in one statement: of two at once the second sees the first one's sum."""
    at_once, in_a_day = settings.ADJUSTMENT_ALONE.get(adjustment.currency, (0, 0))
    amount = abs(adjustment.amount_minor)
    if amount > min(at_once, in_a_day):
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO payments_adjustment_day AS so_far (staff_id, day, currency, amount_minor)
            VALUES (%(staff)s, (statement_timestamp() AT TIME ZONE 'UTC')::date, %(currency)s, %(amount)s)
            ON CONFLICT (staff_id, day, currency) DO UPDATE
            SET amount_minor = so_far.amount_minor + excluded.amount_minor
            WHERE so_far.amount_minor + excluded.amount_minor <= %(most)s
            """,
            {
                "staff": adjustment.proposed_by_id,
                "currency": adjustment.currency,
                "amount": amount,
                "most": in_a_day,
            },
        )
        return bool(cursor.rowcount)


def _check_funds(adjustment: Adjustment) -> int:
    """The wallet's account. Raises ``InsufficientFunds`` with what is there."""
    user_id, currency = adjustment.user_id, adjustment.currency
    account_id = wallet_accounts(user_ids=[user_id], currency=currency)[user_id]
    if adjustment.amount_minor < 0:
        found = ledger_selectors.balance(account_id)
        # Of a frozen wallet the ledger says that it is frozen.
        free = found.balance_minor - found.held_minor
        if free < -adjustment.amount_minor:
            left = Money(free, currency).shown()
            raise InsufficientFunds(gettext("Only %(left)s can be taken from this wallet.") % {"left": left})
    return account_id


def _execute(adjustment: Adjustment, *, actor_id: int, reason: str, **decided: Any) -> None:
    account_id = _check_funds(adjustment)
    outside = ledger.house_account("world", adjustment.currency, "adjustments")
    is_given = adjustment.amount_minor > 0
    posted = ledger.transfer(
        debit_account_id=outside if is_given else account_id,
        credit_account_id=account_id if is_given else outside,
        amount_minor=abs(adjustment.amount_minor),
        currency=adjustment.currency,
        purpose=PURPOSE,
        reference=str(adjustment.id),
        step=STEP,
    )
    _decide(
        adjustment,
        state=Adjustment.State.DONE,
        entry_id=posted.entry_id,
        decision_reason=reason if decided["decided_by_id"] else "",
        **decided,
    )
    # Under the account's lock: what is there now is what this left.
    after = ledger_selectors.balance(account_id).balance_minor
    audit.record(
        actor_id=actor_id,
        action="payments.adjusted",
        subject=("wallet", str(adjustment.user_id)),
        before={"balance": after - adjustment.amount_minor, "currency": adjustment.currency},
        after={"balance": after, "currency": adjustment.currency, "adjustment_id": str(adjustment.id)},
        reason=reason,
    )
    messaging.notify(
        user_id=adjustment.user_id,
        kind=notices.ADJUSTED,
        params={
            "amount": adjustment.amount_minor,
            "currency": adjustment.currency,
            "text": adjustment.public_text,
            "adjustment_id": str(adjustment.id),
        },
        dedupe_key=f"{PURPOSE}:{adjustment.id}",
    )
    publish(MoneyMoved(user_ids=(adjustment.user_id,), currency=adjustment.currency))


def _decide(adjustment: Adjustment, **changes: Any) -> None:
    """Under its lock, or in the transaction that inserted it."""
    changes["decided_at"] = timezone.now()
    for name, value in changes.items():
        setattr(adjustment, name, value)
    adjustment.save(update_fields=list(changes))
