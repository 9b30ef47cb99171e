"""What a copy of somebody's data holds of the security of their wallet."""

from collections.abc import Iterator

from payments.models import KnownPayee, LimitCounter, Wallet
from superapp.accounts.registry import Json, Part, Rows
from superapp.core.api.fields import rfc3339

COVERS = {
    "payments.Approval": {"user_id"},
    "payments.KnownPayee": {"user_id"},
    "payments.LimitCounter": {"user_id"},
    "payments.PaceCounter": {"user_id"},
    "payments.Wallet": {"user_id"},
}


def copy_of_security(user_id: int) -> Iterator[Part]:
    """Without the PIN's hash, which is worth guessing at."""
    wallet = Wallet.objects.filter(user_id=user_id).first()
    if wallet is not None:
        yield "security", _security(wallet)
    yield "limits", Rows(_counters(user_id))
    yield "known_payees", Rows(_payees(user_id))


def _security(wallet: Wallet) -> Json:
    times = {
        name: None if (at := getattr(wallet, name)) is None else rfc3339(at)
        for name in ("pin_set_at", "pin_locked_until", "reset_begun_at", "lowered_until", "frozen_at", "created_at")
    }
    return {"tier": wallet.tier, "frozen_by": wallet.frozen_by, "frozen_reason": wallet.frozen_reason, **times}


def _counters(user_id: int) -> Iterator[Json]:
    for counter in LimitCounter.objects.filter(user_id=user_id).order_by("period", "currency"):
        yield {"period": counter.period, "spent": {"amount": counter.spent_minor, "currency": counter.currency}}


def _payees(user_id: int) -> Iterator[Json]:
    for known in KnownPayee.objects.filter(user_id=user_id).order_by("payee"):
        yield {"payee": known.payee, "first_paid_at": rfc3339(known.first_paid_at)}
