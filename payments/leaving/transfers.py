"""What a copy of somebody's data holds of money between people, what they have to settle before, and what goes."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from payments import receive_codes
from payments.models import MoneyRequest, ReceiveCode, Split, SplitShare, Transfer
from superapp.accounts.registry import Blocker, Json, Part, Rows
from superapp.core import links
from superapp.core.api.fields import rfc3339

COVERS = {
    "payments.Transfer": {"payer_id", "payee_id"},
    "payments.ReceiveCode": {"owner_id"},
    "payments.MoneyRequest": {"requester_id", "payer_id"},
    "payments.Split": {"initiator_id"},
    "payments.SplitShare": {"user_id"},
}
BATCH = 500


def copy_of_transfers(user_id: int) -> Iterator[Part]:
    """Others are named by their ids: what they call themselves is theirs."""
    yield "transfers", Rows(_transfers(user_id))
    yield "receive_codes", Rows(_codes(user_id))
    yield "money_requests", Rows(_requests(user_id))
    yield "splits", Rows(_splits(user_id))
    yield "shares", Rows(_shares(user_id))


def blockers_of_transfers(user_id: int) -> list[Blocker]:
    """What is not accepted comes back, and somebody has to be there."""
    count = Transfer.objects.filter(payer_id=user_id, state=Transfer.State.PENDING)[:100].count()
    if not count:
        return []
    message = _("Transfers of yours wait to be accepted. Take them back, or wait for a day.")
    return [Blocker("transfers_waiting", message, {"count": count})]


def erase_codes(user_id: int) -> None:
    """Nobody is paid by them any more; what was paid stays."""
    ReceiveCode.objects.filter(owner_id=user_id).delete()
    links.revoke(kind=receive_codes.KIND, reference=receive_codes.standing_reference(user_id))


def _by_id(rows: QuerySet[Any]) -> Iterator[Any]:
    """In batches, because nobody knows how many there are."""
    last = 0
    while batch := list(rows.filter(id__gt=last).order_by("id")[:BATCH]):
        yield from batch
        last = batch[-1].id


def _codes(user_id: int) -> Iterator[Json]:
    for code in _by_id(ReceiveCode.objects.filter(owner_id=user_id)):
        yield {"amount": code.money.as_json(), "note": code.note, "created_at": rfc3339(code.created_at)}


def _transfers(user_id: int) -> Iterator[Json]:
    for transfer in _by_id(Transfer.objects.filter(Q(payer_id=user_id) | Q(payee_id=user_id))):
        yield {
            "id": str(transfer.id),
            "kind": transfer.kind,
            "payer_id": str(transfer.payer_id),
            "payee_id": str(transfer.payee_id),
            "amount": transfer.money.as_json(),
            "note": transfer.note,
            "state": transfer.state,
            "created_at": rfc3339(transfer.created_at),
            "ended_at": rfc3339(transfer.ended_at) if transfer.ended_at else None,
        }


def _requests(user_id: int) -> Iterator[Json]:
    for request in _by_id(MoneyRequest.objects.filter(Q(requester_id=user_id) | Q(payer_id=user_id))):
        yield {
            "id": str(request.id),
            "requester_id": str(request.requester_id),
            "payer_id": str(request.payer_id),
            "amount": request.money.as_json(),
            "note": request.note,
            "state": request.state,
            "created_at": rfc3339(request.created_at),
        }


def _splits(user_id: int) -> Iterator[Json]:
    for split in _by_id(Split.objects.filter(initiator_id=user_id)):
        yield {
            "id": str(split.id),
            "total": split.money.as_json(),
            "note": split.note,
            "state": split.state,
            "created_at": rfc3339(split.created_at),
        }


def _shares(user_id: int) -> Iterator[Json]:
    for share in _by_id(SplitShare.objects.select_related("split").filter(user_id=user_id)):
        yield {
            "split_id": str(share.split_id),
            "amount": {"amount": share.amount_minor, "currency": share.split.currency},
            "paid_at": rfc3339(share.paid_at) if share.paid_at else None,
        }
