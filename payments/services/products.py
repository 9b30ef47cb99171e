"""What products do with people's money: set it aside, take it, keep it in escrow, pass it on.

Everything joins the caller's transaction, so that money and the thing that was bought commit together. ``purpose`` is
registered by the product (``payments.registry.purposes``), ``reference`` is its own id of the thing, ``step`` says
which of the thing's movements it is. The three make every call repeatable: the same again moves nothing and returns the
first row, with ``is_replay``; anything else under the same three is ``IdempotencyConflict``. docs/payments.md has an
example.

No savepoints: a refusal ends the caller's transaction, whoever catches it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from payments.accounts import wallet_accounts
from payments.errors import EscrowTooLow
from payments.events import HoldExpired, HoldReleased, MoneyMoved, PaymentMade
from payments.ledger import services as ledger
from payments.ledger.errors import CaptureTooHigh, CurrencyMismatch, HoldEnded
from payments.legs import ESCROW, Leg, Party, accounts, amount, escrow_account, escrow_minor, lines, total_minor
from payments.models import Escrow, Hold, Payment
from payments.registry import REFUND_STEP, purposes
from payments.services.approvals import authorise
from payments.services.limits import give_back_limit
from superapp.core.errors import IdempotencyConflict, NotFound
from superapp.core.events import publish
from superapp.core.idempotency import request_hash
from superapp.core.ids import new_id

# --- Holds ------------------------------------------------------------------------------------------------------------


@transaction.atomic(savepoint=False)
def hold(
    *,
    payer_id: int,
    amount_minor: int,
    currency: str,
    purpose: str,
    reference: str,
    expires_at: datetime,
    approval: str | None,
) -> Hold:
    """Set an amount of the payer's wallet aside until ``expires_at``. One hold for each reference.

    It counts for the payer's limits at once. When it expires it is given free, and ``HoldExpired`` says so. A retry may
    name another ``expires_at``; the first one counts.

    Raises ``InsufficientFunds``, ``AccountFrozen``, ``AccountClosed``, ``InvalidAmount``, ``HoldEnded`` (it would end
    before it begins), ``IdempotencyConflict``, and what ``authorise`` does: ``ApprovalRequired``, ``ApprovalInvalid``,
    ``LimitExceeded``, ``PinNotSet``, ``WalletFrozen``.
    """
    _check_purpose(purpose)
    made = Hold.objects.insert_once(
        once={"purpose": purpose, "reference": reference},
        request_hash=request_hash(payer_id=payer_id, amount_minor=amount_minor, currency=currency),
        id=new_id(),
        payer_id=payer_id,
        amount_minor=amount(amount_minor),
        currency=currency,
        expires_at=expires_at,
    )
    if made.is_replay:
        return made
    _authorise(made, amount_minor, approval)
    made.ledger_hold_id = ledger.hold(
        account_id=wallet_accounts(user_ids=[payer_id], currency=currency)[payer_id],
        amount_minor=amount_minor,
        currency=currency,
        purpose=purpose,
        reference=reference,
        expires_at=expires_at,
    )
    Hold.objects.filter(id=made.id).update(ledger_hold_id=made.ledger_hold_id)
    publish(MoneyMoved(user_ids=(payer_id,), currency=currency))
    return made


@transaction.atomic(savepoint=False)
def raise_hold(*, hold_id: int, amount_minor: int, step: str, approval: str | None = None) -> Hold:
    """Let a hold be ``amount_minor`` in all. What is added is authorised like a payment of that much.

    Raises ``HoldTooLow`` (it is higher than that), ``HoldEnded``, ``NotFound``, and what ``hold`` does.
    """
    held = _locked(hold_id)
    if step in held.raises:
        if held.raises[step] != amount_minor:
            raise IdempotencyConflict
        held.is_replay = True
        return held
    if held.state != Hold.State.OPEN:
        raise HoldEnded
    if (more_minor := amount(amount_minor) - held.amount_minor) > 0:
        _authorise(held, more_minor, approval)
    assert held.ledger_hold_id is not None
    ledger.raise_hold(hold_id=held.ledger_hold_id, amount_minor=amount_minor, step=step)
    held.amount_minor, held.raises[step] = amount_minor, amount_minor
    held.save(update_fields=["amount_minor", "raises"])
    publish(MoneyMoved(user_ids=(held.payer_id,), currency=held.currency))
    return held


@transaction.atomic(savepoint=False)
def release(*, hold_id: int) -> None:
    """Give a hold free; nothing happens to one that has ended. Raises ``NotFound``."""
    held = _locked(hold_id)
    if held.state == Hold.State.OPEN:
        end_hold(held, Hold.State.RELEASED)


@transaction.atomic(savepoint=False)
def capture(*, hold_id: int, legs: Sequence[Leg], step: str = "capture") -> Payment:
    """Take what was held, or less, and pay it to ``legs``; the rest is given free. Once for each hold.

    What was held before a wallet was frozen is taken all the same. Raises ``CaptureTooHigh``, ``HoldEnded`` (captured
    by another step, released, or expired by the database's clock), ``NotFound``, ``InvalidAmount``,
    ``CurrencyMismatch`` (in escrow for this reference is money of another currency), ``IdempotencyConflict``; of those
    who are paid, ``AccountFrozen``, ``AccountClosed`` and ``BalanceTooHigh``.
    """
    held = _locked(hold_id)
    payment = _begin(
        held.purpose, held.reference, step, payer_id=held.payer_id, currency=held.currency, legs=legs, hold=held
    )
    if payment.is_replay:
        return payment
    assert held.ledger_hold_id is not None
    if payment.amount_minor > held.amount_minor:
        raise CaptureTooHigh
    places = _fill(payment, legs)
    _mark_ended(held, Hold.State.CAPTURED)
    _give_back(held, held.amount_minor - payment.amount_minor)
    posted = ledger.capture(
        hold_id=held.ledger_hold_id,
        lines=lines((places[leg.to], leg.amount_minor) for leg in legs),
        purpose=payment.purpose,
        reference=payment.reference,
        step=step,
    )
    return _done(payment, legs, posted.entry_id)


# --- Payments ---------------------------------------------------------------------------------------------------------


@transaction.atomic(savepoint=False)
def pay(
    *,
    payer_id: int,
    legs: Sequence[Leg],
    currency: str,
    purpose: str,
    reference: str,
    step: str = "pay",
    approval: str | None,
) -> Payment:
    """Take the sum of ``legs`` out of the payer's wallet and pay them. A leg into ``ESCROW`` waits there, under the
    same purpose and reference, for ``settle`` or ``refund``.

    ``approval`` is bound to the kind ``purpose`` and the payee ``<purpose>/<reference>``. Raises what ``hold`` does,
    and as ``capture`` does of those who are paid; ``SameAccount`` when the payer is one of them.
    """
    payment = _begin(purpose, reference, step, payer_id=payer_id, currency=currency, legs=legs)
    if payment.is_replay:
        return payment
    # Rows of products come before counters of limits: a refund takes them in this order too.
    places = _fill(payment, legs)
    _authorise(payment, payment.amount_minor, approval)
    credits = lines((places[leg.to], leg.amount_minor) for leg in legs)
    debit = ledger.Line(places[Party.user(payer_id)], -payment.amount_minor)
    posted = ledger.post(lines=[debit, *credits], purpose=purpose, reference=reference, step=step)
    return _done(payment, legs, posted.entry_id)


@transaction.atomic(savepoint=False)
def settle(*, purpose: str, reference: str, legs: Sequence[Leg], step: str) -> Payment:
    """Pay ``legs`` out of what this reference has in escrow.

    Raises ``EscrowTooLow`` (``left`` says what is there), ``NotFound`` (nothing was ever paid in), ``InvalidAmount``,
    ``IdempotencyConflict``, and as ``capture`` does of those who are paid.
    """
    assert all(leg.to != ESCROW for leg in legs), "escrow is settled to somebody"
    currency = Escrow.objects.filter(reference=reference, purpose=purpose).values_list("currency", flat=True).first()
    if currency is None:
        raise NotFound
    payment = _begin(purpose, reference, step, payer_id=None, currency=currency, legs=legs)
    if payment.is_replay:
        return payment
    places = _fill(payment, legs)
    _leave_escrow(payment)
    credits = lines((places[leg.to], leg.amount_minor) for leg in legs)
    debit = ledger.Line(escrow_account(currency), -payment.amount_minor)
    posted = ledger.post(lines=[debit, *credits], purpose=purpose, reference=reference, step=step)
    return _done(payment, legs, posted.entry_id)


# --- Steps of the above -----------------------------------------------------------------------------------------------


def _check_purpose(purpose: str) -> None:
    assert purposes.get(purpose), f"no app registered the purpose {purpose}"


def _authorise(asked: Hold | Payment, amount_minor: int, approval: str | None) -> None:
    assert asked.payer_id is not None
    authorise(
        payer_id=asked.payer_id,
        kind=asked.purpose,
        payee=f"{asked.purpose}/{asked.reference}",
        amount_minor=amount_minor,
        currency=asked.currency,
        approval=approval,
    )


def _locked(hold_id: int) -> Hold:
    held = Hold.objects.select_for_update(no_key=True).filter(id=hold_id).first()
    if held is None:
        raise NotFound
    return held


def end_hold(held: Hold, state: Hold.State) -> None:
    """Without a payment: all of it is free again. Under its lock."""
    assert held.ledger_hold_id is not None
    _mark_ended(held, state)
    _give_back(held, held.amount_minor)
    ledger.release(hold_id=held.ledger_hold_id)
    ended = HoldExpired if state == Hold.State.EXPIRED else HoldReleased
    publish(
        ended(
            hold_id=held.id,
            purpose=held.purpose,
            reference=held.reference,
            payer_id=held.payer_id,
            currency=held.currency,
            amount_minor=held.amount_minor,
        )
    )
    publish(MoneyMoved(user_ids=(held.payer_id,), currency=held.currency))


def _mark_ended(held: Hold, state: Hold.State) -> None:
    Hold.objects.filter(id=held.id).update(state=state, ended_at=Now())


def _give_back(held: Hold, amount_minor: int) -> None:
    if amount_minor:
        give_back_limit(
            payer_id=held.payer_id, amount_minor=amount_minor, currency=held.currency, paid_at=held.created_at
        )


def _begin(
    purpose: str,
    reference: str,
    step: str,
    *,
    payer_id: int | None,
    currency: str,
    legs: Sequence[Leg],
    hold: Hold | None = None,
) -> Payment:
    """The payment's row, or that of the first attempt."""
    _check_purpose(purpose)
    amount_minor = total_minor(legs)
    hold_id = hold.id if hold else None
    asked: dict[str, Any] = {"payer_id": payer_id, "hold_id": hold_id, "currency": currency}
    assert not step.startswith(REFUND_STEP), "such a step says that money came back"
    asked_hash = request_hash(**asked, legs=[(leg.to.kind, leg.to.id, leg.amount_minor) for leg in legs])
    once = {"purpose": purpose, "reference": reference, "step": step}
    if hold is not None and hold.state != Hold.State.OPEN and not Payment.objects.filter(**once, hold=hold).exists():
        # Under the hold's lock. What may still come is a retry of the step that captured it.
        raise HoldEnded
    return Payment.objects.insert_once(
        once=once, request_hash=asked_hash, id=new_id(), amount_minor=amount_minor, **asked
    )


def _fill(payment: Payment, legs: Sequence[Leg]) -> dict[Party, int]:
    """Write its legs and what of it goes into escrow. Returns the accounts of those who are paid, and of who pays."""
    payer = [] if payment.payer_id is None else [Party.user(payment.payer_id)]
    places = accounts([*payer, *(leg.to for leg in legs)], payment.currency)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO payments_payment_leg (payment_id, number, party_kind, party_id, account_id, amount_minor)
            SELECT %s, number - 1, kind, party, account, amount
            FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[]) WITH ORDINALITY
                AS leg (kind, party, account, amount, number)
            """,
            [
                payment.id,
                [leg.to.kind for leg in legs],
                [leg.to.id for leg in legs],
                [places[leg.to] for leg in legs],
                [leg.amount_minor for leg in legs],
            ],
        )
    if kept_minor := escrow_minor(legs):
        _enter_escrow(payment, kept_minor)
    return places


def _enter_escrow(payment: Payment, amount_minor: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO payments_escrow AS escrow (id, purpose, reference, currency, paid_in_minor)
            VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT (reference, purpose) DO UPDATE SET paid_in_minor = escrow.paid_in_minor + excluded.paid_in_minor
            WHERE escrow.currency = excluded.currency
            """,
            [new_id(), payment.purpose, payment.reference, payment.currency, amount_minor],
        )
        if cursor.rowcount == 0:
            raise CurrencyMismatch


def _leave_escrow(payment: Payment) -> None:
    of_this = Escrow.objects.filter(reference=payment.reference, purpose=payment.purpose)
    enough = of_this.filter(paid_in_minor__gte=F("paid_out_minor") + payment.amount_minor)
    if not enough.update(paid_out_minor=F("paid_out_minor") + payment.amount_minor):
        left_minor = of_this.get().left_minor
        raise EscrowTooLow(left={"amount": left_minor, "currency": payment.currency})


def _done(payment: Payment, legs: Sequence[Leg], entry_id: int) -> Payment:
    payment.entry_id = entry_id
    with connection.cursor() as cursor:
        cursor.execute("UPDATE payments_payment SET entry_id = %s WHERE id = %s", [entry_id, payment.id])
    paid = {leg.to.id for leg in legs if leg.to.kind == "user"}
    everybody = paid | ({payment.payer_id} if payment.payer_id is not None else set())
    publish(
        PaymentMade(
            payment_id=payment.id,
            purpose=payment.purpose,
            reference=payment.reference,
            step=payment.step,
            payer_id=payment.payer_id,
            currency=payment.currency,
            amount_minor=payment.amount_minor,
            hold_id=payment.hold_id,
        )
    )
    publish(MoneyMoved(user_ids=tuple(sorted(everybody)), currency=payment.currency))
    return payment
