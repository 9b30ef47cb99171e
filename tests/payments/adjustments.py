"""Corrections for tests."""

from typing import Any
from uuid import uuid4

from payments import services
from payments.models import Adjustment
from superapp.core.ids import new_id

#: Of CNY: what one of the staff may move alone at once, and on a day.
AT_ONCE, IN_A_DAY = 20_000, 100_000


def propose(user_id: int, amount_minor: int, actor_id: int | None = None, **given: Any) -> Adjustment:
    asked = {"currency": "CNY", "reason": "Fare charged twice.", "reference": "letter 12", "public_text": "Sorry!"}
    asked |= {"idempotency_key": uuid4(), "actor_id": actor_id or new_id()} | given
    return services.propose_adjustment(user_id=user_id, amount_minor=amount_minor, **asked)


def waiting(user_id: int, amount_minor: int = AT_ONCE + 1, actor_id: int | None = None) -> Adjustment:
    """More than one may give alone."""
    adjustment = propose(user_id, amount_minor, actor_id)
    assert adjustment.state == "waiting"
    return adjustment
