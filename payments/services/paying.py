"""Money from one wallet to another at once: what every way of paying a person ends in."""

from payments.events import MoneyMoved
from payments.ledger import services as ledger
from payments.parties import Parties, parties
from payments.services.approvals import authorise
from superapp.core.events import publish


def pay_person(
    *,
    payer_id: int,
    payee_id: int,
    amount_minor: int,
    currency: str,
    purpose: str,
    reference: str,
    approval: str | None,
    device_id: int | None,
) -> Parties:
    """In the caller's transaction, after what the payment is for.

    Raises ``NotFound`` (nobody active), ``InsufficientFunds``, ``AccountFrozen``, ``AccountClosed``,
    ``BalanceTooHigh``, and what ``authorise`` refuses.
    """
    who = parties(payer_id=payer_id, payee_id=payee_id, currency=currency, is_paid_at_once=True)
    assert who.payee_account_id is not None, "it was opened"
    who.check_payee()
    authorise(
        payer_id=payer_id,
        kind=purpose,
        payee=f"user:{payee_id}",
        amount_minor=amount_minor,
        currency=currency,
        approval=approval,
        device_id=device_id,
    )
    ledger.transfer(
        debit_account_id=who.payer_account_id,
        credit_account_id=who.payee_account_id,
        amount_minor=amount_minor,
        currency=currency,
        purpose=purpose,
        reference=reference,
        step="pay",
    )
    publish(MoneyMoved(user_ids=(payer_id, payee_id), currency=currency))
    return who
