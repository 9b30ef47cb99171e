"""Codes to be paid by: the standing one of a wallet, and those that ask for an amount."""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from payments import receive_codes
from payments.models import ReceiveCode
from superapp.core import limits, links
from superapp.core.idempotency import request_hash
from superapp.core.ids import new_id


@dataclass(frozen=True)
class ShownCode:
    """A code that asks for an amount, with the link that it is."""

    code: ReceiveCode
    url: str


def receive_code(*, actor_id: int) -> str:
    """The URL of the code by which anybody pays them, the same until it is reset."""
    return links.standing(kind=receive_codes.KIND, reference=receive_codes.standing_reference(actor_id))


def reset_receive_code(*, actor_id: int) -> str:
    """A new code. The old one, and every code that asks for an amount, end at once. Raises ``TooManyRequests``."""
    limits.take(action="payments.reset_code.user", subject=str(actor_id))
    with transaction.atomic():
        ReceiveCode.objects.filter(owner_id=actor_id, ended_at=None).update(ended_at=Now())
        links.revoke(kind=receive_codes.KIND, reference=receive_codes.standing_reference(actor_id))
        return receive_code(actor_id=actor_id)


def create_receive_code(
    *, actor_id: int, amount_minor: int, currency: str, note: str = "", idempotency_key: UUID
) -> ShownCode:
    """A code that asks whoever scans it for this amount, for a week.

    Repeating an ``idempotency_key`` returns the first code, with ``is_replay`` set on its row. Raises
    ``IdempotencyConflict``, ``TooManyRequests``.
    """
    limits.take(action="payments.create_code.user", subject=str(actor_id))
    asked = {"amount_minor": amount_minor, "currency": currency, "note": note}
    with transaction.atomic():
        code = ReceiveCode.objects.insert_once(
            once={"owner_id": actor_id, "idempotency_key": idempotency_key},
            request_hash=request_hash(**asked),
            id=new_id(),
            **asked,
        )
        # Its row decides when it ends, so that the link is the same however often somebody asks for it.
        return ShownCode(code, links.standing(kind=receive_codes.KIND, reference=receive_codes.code_reference(code)))
