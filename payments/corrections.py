"""What corrections plug into the rooms below: what people read of them, and what is kept of whom."""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from payments import selectors, services
from payments.models import Adjustment
from payments.registry import purposes
from superapp.accounts import registry as people
from superapp.accounts.registry import Json, Part, Rows
from superapp.core.api.fields import rfc3339


def register() -> None:
    """Called once at start."""
    purposes.register(
        "payments.adjustment", label=_("Correction"), kind="adjustment", describe=selectors.adjustment_lines
    )
    people.privacy.register(
        "wallet_corrections",
        export=_copy_of_person,
        erase=services.erase_adjustments,
        covers={"payments.Adjustment": {"user_id"}},
    )


def _copy_of_person(user_id: int) -> Iterator[Part]:
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
