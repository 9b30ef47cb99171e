"""Transfers: who sees which, and what a statement says of them."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from messaging import selectors as chats
from payments.ledger.registry import house_account
from payments.models import Transfer
from payments.registry import ReceiptLine
from superapp.core.errors import NotFound


def transfers(*, actor_id: int, direction: str, state: str | None = None) -> QuerySet[Transfer]:
    """``incoming`` or ``outgoing``; page by ``-id``, and show them through ``show_parties``."""
    rows = Transfer.objects.filter(**{"payee_id" if direction == "incoming" else "payer_id": actor_id})
    return rows if state is None else rows.filter(state=state)


def transfer_of(*, actor_id: int, transfer_id: int) -> Transfer:
    """For its payer and its payee. Raises ``NotFound``."""
    mine = Q(payer_id=actor_id) | Q(payee_id=actor_id)
    transfer = Transfer.objects.filter(mine, id=transfer_id).first()
    if transfer is None:
        raise NotFound
    show_parties([transfer])
    return transfer


def show_parties(rows: Sequence[Any]) -> None:
    """Put the people beside rows that name them as ``payer_id`` and ``payee_id``. One statement."""
    chats.show_people(rows, payer="payer_id", payee="payee_id")


def overdue_transfers(since: timedelta) -> int:
    """How many the loop should have returned ``since``, counted up to a thousand."""
    late = Transfer.objects.filter(state=Transfer.State.PENDING, expires_at__lte=Now() - since)
    return late[:1000].count()


def transfer_lines(references: Sequence[str], viewer_id: int) -> Mapping[str, ReceiptLine]:
    """What a statement says of transfers. Two statements."""
    rows = list(Transfer.objects.filter(id__in=[int(reference) for reference in references]))
    show_parties(rows)
    return {str(row.id): _line(row, viewer_id) for row in rows if viewer_id in {row.payer_id, row.payee_id}}


def _line(transfer: Transfer, viewer_id: int) -> ReceiptLine:
    is_payer = transfer.payer_id == viewer_id
    other = transfer.payee if is_payer else transfer.payer  # type: ignore[attr-defined]
    return ReceiptLine(
        title=_("Transfer sent") if is_payer else _("Transfer received"),
        counterparty=other.shown_name,
        counterparty_id=other.id,
        note=transfer.note,
        data={"transfer_id": str(transfer.id), "state": transfer.state},
        step_titles={"return": _("Transfer returned")},
    )


def escrow_problems() -> list[str]:
    """For the check of the books: what waits in transfers is what stands in their escrow. One statement, because both
    change while it looks."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT a.currency, waiting.minor, a.balance_minor + unfolded.minor
            FROM ledger_account AS a
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(amount_minor), 0)::bigint AS minor FROM payments_transfer
                WHERE state = 'pending' AND currency = a.currency) AS waiting
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(amount_minor), 0)::bigint AS minor FROM ledger_posting
                WHERE account_id = a.id AND seq IS NULL) AS unfolded
            WHERE a.id = ANY(%s) AND waiting.minor <> a.balance_minor + unfolded.minor
            """,
            [[house_account("escrow", currency, "transfers") for currency in settings.WALLET_CURRENCIES]],
        )
        return [
            f"transfers that wait hold {waiting} {currency}, and their escrow {there}"
            for currency, waiting, there in cursor.fetchall()
        ]
