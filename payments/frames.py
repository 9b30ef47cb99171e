"""What people see of money between them, built by plain functions on the busy paths; tests hold them equal to the
serializers that document them."""

from datetime import datetime
from typing import Any

from payments.models import MoneyRequest, Transfer
from superapp.accounts import selectors as accounts
from superapp.core.api.fields import rfc3339

Json = dict[str, Any]


def transfer_frame(transfer: Transfer) -> Json:
    """Of one with its people beside it, ``payer`` and ``payee``."""
    return {
        "id": str(transfer.id),
        "kind": transfer.kind,
        "payer": accounts.profile_frame(transfer.payer),  # type: ignore[attr-defined]
        "payee": accounts.profile_frame(transfer.payee),  # type: ignore[attr-defined]
        "amount": transfer.money.as_json(),
        "note": transfer.note,
        "state": transfer.state,
        "created_at": rfc3339(transfer.created_at),
        "expires_at": time(transfer.shown_expiry),
        "ended_at": time(transfer.ended_at),
    }


def money_request_frame(request: MoneyRequest) -> Json:
    """Of one with its people beside it, ``requester`` and ``payer``."""
    return {
        "id": str(request.id),
        "requester": accounts.profile_frame(request.requester),  # type: ignore[attr-defined]
        "payer": accounts.profile_frame(request.payer),  # type: ignore[attr-defined]
        "amount": request.money.as_json(),
        "note": request.note,
        "state": request.state,
        "created_at": rfc3339(request.created_at),
        "expires_at": rfc3339(request.expires_at),
        "ended_at": time(request.ended_at),
    }


def time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None
