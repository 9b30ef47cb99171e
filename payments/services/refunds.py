"""Giving money back to where it came from."""

from django.db import transaction
from django.db.models import Case, F, When

from payments.accounts import wallet_accounts
from payments.errors import PayeeShort, RefundTooHigh, TooManyRefunds
from payments.events import MoneyMoved, PaymentRefunded
from payments.ledger import services as ledger
from payments.ledger.errors import InsufficientFunds
from payments.legs import amount, escrow_account, lines
from payments.models import MOST_REFUNDS, Escrow, Payment, PaymentLeg, Refund
from payments.refunding import Sources, sources
from payments.registry import REFUND_STEP
from payments.services.limits import give_back_limit
from superapp.core.errors import IdempotencyConflict, NotFound
from superapp.core.events import publish
from superapp.core.idempotency import request_hash
from superapp.core.ids import new_id
from superapp.core.money import Money


@transaction.atomic(savepoint=False)
def refund(*, payment_id: int, amount_minor: int, step: str, reason: str) -> Refund:
    """Give back ``amount_minor`` of a payment: to its payer, or into escrow what was settled out of there.

    What is still in escrow for the reference goes back first. The rest comes from everybody who got a part, in
    proportion to what of it is left; for what has left escrow, from whoever it was settled to. It reaches a frozen
    wallet, and the payer's limits are as if so much had not been paid. ``reason``: up to 200 characters, which the
    payer reads.

    At most 50 for a payment. Raises ``RefundTooHigh`` (``left`` says what can still go back), ``TooManyRefunds``,
    ``PayeeShort`` (somebody who was paid does not have it any more: nothing moves, and nobody's account goes below
    zero), ``AccountFrozen`` or ``AccountClosed`` (of such a one, or the payer has left), ``BalanceTooHigh`` (the payer
    would have more than a wallet may hold), ``InvalidAmount``, ``NotFound``, ``IdempotencyConflict``.
    """
    amount(amount_minor)
    assert len(step) <= 30, "a refund's step is part of the ledger's"
    payment = _locked(payment_id)
    asked_hash = request_hash(amount_minor=amount_minor, reason=reason)
    if earlier := Refund.objects.filter(payment=payment, step=step).first():
        if bytes(earlier.request_hash) != asked_hash:
            raise IdempotencyConflict
        earlier.is_replay = True
        return earlier
    if amount_minor > payment.left_minor:
        raise RefundTooHigh(left=Money(payment.left_minor, payment.currency).as_json())
    if payment.refund_count >= MOST_REFUNDS:
        raise TooManyRefunds(most=MOST_REFUNDS)
    return _Refunding(payment).run(amount_minor, step, reason, asked_hash)


def _locked(payment_id: int) -> Payment:
    """The escrow of its reference first, then the payment: whoever refunds locks in this order, so that nobody waits
    for somebody who waits for them."""
    payment = Payment.objects.filter(id=payment_id).first()
    if payment is None:
        raise NotFound
    list(Escrow.objects.select_for_update(no_key=True).filter(reference=payment.reference, purpose=payment.purpose))
    return Payment.objects.select_for_update(no_key=True).get(id=payment_id)


class _Refunding:
    """What one refund touches: the legs of its payment, and those of the settlements of the same escrow."""

    def __init__(self, payment: Payment) -> None:
        self.payment = payment
        self.legs = list(PaymentLeg.objects.filter(payment=payment).order_by("number"))
        self.escrow: Escrow | None = None
        self.settlements: dict[int, list[PaymentLeg]] = {}
        if payment.payer_id is None or any(self._is_escrow(leg) for leg in self.legs):
            self.escrow = Escrow.objects.get(reference=payment.reference, purpose=payment.purpose)

    def run(self, amount_minor: int, step: str, reason: str, asked_hash: bytes) -> Refund:
        if self.payment.payer_id is not None and self.escrow is not None:
            self._lock_settlements()
        given = sources(
            amount_minor,
            legs=[(self._is_escrow(leg), _left(leg)) for leg in self.legs],
            in_escrow=self.escrow.left_minor if self.escrow else 0,
            settlements={id: [_left(leg) for leg in legs] for id, legs in self.settlements.items()},
        )
        self._move_escrow(amount_minor, given)
        self._take_off(self.payment.id, self.legs, given.legs, asked_for=1)
        for id, parts in given.settlements.items():
            self._take_off(id, self.settlements[id], parts, asked_for=0)
        if self.payment.payer_id is not None:
            self._limits_as_before(amount_minor)
        entry_id = self._post(amount_minor, given, step)
        made = self._write(amount_minor, given, step, reason, asked_hash, entry_id)
        self._tell(made, given)
        return made

    @staticmethod
    def _is_escrow(leg: PaymentLeg) -> bool:
        return leg.party_kind == PaymentLeg.Party.ESCROW

    def _lock_settlements(self) -> None:
        of_this = Payment.objects.filter(reference=self.payment.reference, purpose=self.payment.purpose, payer_id=None)
        left = of_this.filter(refunded_minor__lt=F("amount_minor")).order_by("id")
        ids = list(left.select_for_update(no_key=True).values_list("id", flat=True))
        for leg in PaymentLeg.objects.filter(payment_id__in=ids).order_by("payment_id", "number"):
            self.settlements.setdefault(leg.payment_id, []).append(leg)

    def _move_escrow(self, amount_minor: int, given: Sources) -> None:
        """What went back from settlements came in again and left at once, so only the rest counts here."""
        out_minor = given.out_of_escrow if self.payment.payer_id is not None else -amount_minor
        if self.escrow is not None and out_minor:
            Escrow.objects.filter(id=self.escrow.id).update(paid_out_minor=F("paid_out_minor") + out_minor)

    def _take_off(self, payment_id: int, legs: list[PaymentLeg], parts: tuple[int, ...], *, asked_for: int) -> None:
        Payment.objects.filter(id=payment_id).update(
            refunded_minor=F("refunded_minor") + sum(parts), refund_count=F("refund_count") + asked_for
        )
        given = {leg.number: part for leg, part in zip(legs, parts, strict=True) if part}
        more = Case(*(When(number=number, then=part) for number, part in given.items()))
        PaymentLeg.objects.filter(payment_id=payment_id, number__in=given).update(
            refunded_minor=F("refunded_minor") + more
        )

    def _limits_as_before(self, amount_minor: int) -> None:
        assert self.payment.payer_id is not None
        # What was held counted on the day of the hold.
        first = self.payment.hold or self.payment
        give_back_limit(
            payer_id=self.payment.payer_id,
            amount_minor=amount_minor,
            currency=self.payment.currency,
            paid_at=first.created_at,
        )

    def _post(self, amount_minor: int, given: Sources, step: str) -> int:
        payer_id, currency = self.payment.payer_id, self.payment.currency
        if payer_id is None:
            receiver = escrow_account(currency)
        else:
            receiver = wallet_accounts(user_ids=[payer_id], currency=currency)[payer_id]
        changes = [(receiver, amount_minor), (escrow_account(currency), -given.out_of_escrow)]
        changes += [
            (leg.account_id, -part) for leg, part in zip(self.legs, given.legs, strict=True) if not self._is_escrow(leg)
        ]
        for id, parts in given.settlements.items():
            changes += [(leg.account_id, -part) for leg, part in zip(self.settlements[id], parts, strict=True)]
        try:
            posted = ledger.post(
                lines=lines(changes),
                purpose=self.payment.purpose,
                reference=self.payment.reference,
                step=f"{REFUND_STEP}:{self.payment.id}:{step}",
                returns=True,
            )
        except InsufficientFunds as error:
            raise PayeeShort from error
        return posted.entry_id

    def _write(
        self, amount_minor: int, given: Sources, step: str, reason: str, asked_hash: bytes, entry_id: int
    ) -> Refund:
        made = Refund.objects.create(
            id=new_id(),
            payment=self.payment,
            step=step,
            amount_minor=amount_minor,
            parts_minor=list(given.legs),
            reason=reason,
            entry_id=entry_id,
            request_hash=asked_hash,
        )
        Refund.objects.bulk_create(
            Refund(
                id=new_id(),
                payment_id=id,
                step=f"through:{made.id}",
                amount_minor=sum(parts),
                parts_minor=list(parts),
                reason=reason,
                through=made,
                entry_id=entry_id,
                request_hash=asked_hash,
            )
            for id, parts in given.settlements.items()
        )
        return made

    def _tell(self, made: Refund, given: Sources) -> None:
        touched = set(self._people(self.legs, given.legs))
        for id, parts in given.settlements.items():
            touched |= set(self._people(self.settlements[id], parts))
        if self.payment.payer_id is not None:
            touched.add(self.payment.payer_id)
        publish(
            PaymentRefunded(
                payment_id=self.payment.id,
                refund_id=made.id,
                purpose=self.payment.purpose,
                reference=self.payment.reference,
                step=made.step,
                payer_id=self.payment.payer_id,
                currency=self.payment.currency,
                amount_minor=made.amount_minor,
            )
        )
        publish(MoneyMoved(user_ids=tuple(sorted(touched)), currency=self.payment.currency))

    @staticmethod
    def _people(legs: list[PaymentLeg], parts: tuple[int, ...]) -> list[int]:
        pairs = zip(legs, parts, strict=True)
        return [leg.party_id for leg, part in pairs if part and leg.party_kind == PaymentLeg.Party.USER]


def _left(leg: PaymentLeg) -> int:
    return leg.amount_minor - leg.refunded_minor
