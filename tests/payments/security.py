"""People who may pay, for tests: with a PIN, and with what it approves."""

from django.conf import settings
from django.db.models.functions import Now
from django.utils import timezone

from payments.models import Approval, Wallet
from payments.services.pins import _peppered
from superapp.core import tokens
from tests.accounts.people import QuickArgon2

PIN = "284913"


def set_pin(user_id: int, pin: str = PIN) -> None:
    """Past the proofs that a phone would have to show, and with less hashing."""
    hasher = QuickArgon2()
    pin_hash = hasher.encode(_peppered(user_id, pin), hasher.salt())
    Wallet.objects.update_or_create(user_id=user_id, defaults={"pin_hash": pin_hash, "pin_set_at": Now()})


def approve(user_id: int, kind: str, payee: str, amount_minor: int, currency: str = "CNY") -> str:
    """What the right PIN is given for this payment."""
    token = tokens.issue("approval", owner_id=user_id)
    Approval.objects.create(
        user_id=user_id,
        digest=token.digest,
        kind=kind,
        payee=payee,
        amount_minor=amount_minor,
        currency=currency,
        expires_at=timezone.now() + settings.APPROVAL_LIFETIME,
    )
    return token.text
