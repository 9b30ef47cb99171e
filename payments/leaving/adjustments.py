"""What a copy of somebody's data holds of the corrections of their wallet."""

from collections.abc import Iterator

from payments.models import Adjustment
from superapp.accounts.registry import Json, Part, Rows
from superapp.core.api.fields import rfc3339

COVERS = {"payments.Adjustment": {"user_id"}}


def copy_of_adjustments(user_id: int) -> Iterator[Part]:
    """As they were told; who of the staff it was is not theirs to know."""
    yield "corrections", Rows(_done(user_id))


def _done(user_id: int) -> Iterator[Json]:
    for one in Adjustment.objects.filter(user_id=user_id, state=Adjustment.State.DONE).order_by("id"):
        yield {
            "id": str(one.id),
            "amount": {"amount": one.amount_minor, "currency": one.currency},
            "text": one.public_text,
            "done_at": rfc3339(one.decided_at),
        }
