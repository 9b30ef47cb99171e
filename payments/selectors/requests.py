"""Money requests: who sees which, and what a statement says of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from messaging import selectors as chats
from payments.models import MoneyRequest
from payments.registry import ReceiptLine
from superapp.core.errors import NotFound


def money_requests(*, actor_id: int, direction: str, state: str | None = None) -> QuerySet[MoneyRequest]:
    """``incoming`` (I am asked) or ``outgoing``; page by ``-id``, and show them through ``show_request_people``."""
    rows = MoneyRequest.objects.filter(**{"payer_id" if direction == "incoming" else "requester_id": actor_id})
    return rows if state is None else rows.filter(state=state)


def money_request_of(*, actor_id: int, request_id: int) -> MoneyRequest:
    """For who asks and who is asked. Raises ``NotFound``."""
    mine = Q(payer_id=actor_id) | Q(requester_id=actor_id)
    request = MoneyRequest.objects.filter(mine, id=request_id).first()
    if request is None:
        raise NotFound
    show_request_people([request])
    return request


def show_request_people(rows: Sequence[Any]) -> None:
    """Put the people beside requests. One statement."""
    chats.show_people(rows, requester="requester_id", payer="payer_id")


def request_lines(references: Sequence[str], viewer_id: int) -> Mapping[str, ReceiptLine]:
    """What a statement says of requests that were paid. Two statements."""
    rows = list(MoneyRequest.objects.filter(id__in=[int(reference) for reference in references]))
    show_request_people(rows)
    return {str(row.id): _line(row, viewer_id) for row in rows if viewer_id in {row.requester_id, row.payer_id}}


def _line(request: MoneyRequest, viewer_id: int) -> ReceiptLine:
    is_payer = request.payer_id == viewer_id
    other = request.requester if is_payer else request.payer  # type: ignore[attr-defined]
    return ReceiptLine(
        title=_("Paid on request") if is_payer else _("Received on request"),
        counterparty=other.shown_name,
        counterparty_id=other.id,
        note=request.note,
        data={"money_request_id": str(request.id)},
    )
