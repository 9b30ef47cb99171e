"""Split bills: whom they concern, what a card shows whoever looks, and what a statement says of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from messaging import selectors as chats
from payments.models import Split, SplitShare
from payments.registry import ReceiptLine
from superapp.accounts import selectors as accounts
from superapp.core.api.fields import rfc3339
from superapp.core.errors import NotFound
from superapp.core.money import Money

Json = dict[str, Any]


def split_of(*, actor_id: int, split_id: int) -> Split:
    """For its initiator and whoever has a share in it; for the other members of the group without who owes how much.
    Raises ``NotFound``."""
    split = Split.objects.filter(id=split_id).first()
    if split is None:
        raise NotFound
    show_shares(split)
    concerned = {split.initiator_id, *(share.user_id for share in split.shown_shares)}  # type: ignore[attr-defined]
    split.is_open_book = actor_id in concerned  # type: ignore[attr-defined]
    if not split.is_open_book and not chats.members_among(split.conversation_id, [actor_id]):  # type: ignore[attr-defined]
        raise NotFound
    return split


def show_shares(split: Split) -> None:
    """Put the shares and their people beside it, as those see it who share in it. Two statements."""
    shares = list(SplitShare.objects.filter(split=split).order_by("user_id"))
    people = accounts.users([split.initiator_id, *(share.user_id for share in shares)])
    split.initiator = people[split.initiator_id]  # type: ignore[attr-defined]
    for share in shares:
        share.user = people[share.user_id]  # type: ignore[attr-defined]
    split.shown_shares, split.is_open_book = shares, True  # type: ignore[attr-defined]


def split_frame(split: Split) -> Json:
    """As REST shows it, of one with its shares beside it."""
    is_open_book = split.is_open_book  # type: ignore[attr-defined]
    return {
        "id": str(split.id),
        "conversation_id": str(split.conversation_id),
        "initiator": accounts.profile_frame(split.initiator),  # type: ignore[attr-defined]
        "total": split.money.as_json(),
        "note": split.note,
        "state": split.state,
        "shares": [
            {
                "user": accounts.profile_frame(share.user),
                "amount": Money(share.amount_minor, split.currency).as_json() if is_open_book else None,
                "paid_at": rfc3339(share.paid_at) if share.paid_at else None,
            }
            for share in split.shown_shares  # type: ignore[attr-defined]
        ],
        "created_at": rfc3339(split.created_at),
        "ended_at": rfc3339(split.ended_at) if split.ended_at else None,
    }


def live_splits(references: Sequence[str], viewer_id: int) -> Mapping[str, Json]:
    """What the viewer owes, of splits in which they have a share. One statement."""
    mine = SplitShare.objects.select_related("split").filter(
        split_id__in=[int(reference) for reference in references], user_id=viewer_id
    )
    return {
        str(share.split_id): {
            "amount": Money(share.amount_minor, share.split.currency).as_json(),
            "is_paid": share.paid_at is not None,
        }
        for share in mine
    }


def split_lines(references: Sequence[str], viewer_id: int) -> Mapping[str, ReceiptLine]:
    """What a statement says of paid shares. Two statements."""
    rows = list(SplitShare.objects.select_related("split").filter(id__in=[int(reference) for reference in references]))
    people = accounts.users(user_id for row in rows for user_id in (row.user_id, row.split.initiator_id))
    return {
        str(row.id): _line(row, viewer_id, people) for row in rows if viewer_id in {row.user_id, row.split.initiator_id}
    }


def _line(share: SplitShare, viewer_id: int, people: Mapping[int, Any]) -> ReceiptLine:
    is_payer = share.user_id == viewer_id
    other = people[share.split.initiator_id if is_payer else share.user_id]
    return ReceiptLine(
        title=_("Share of a bill") if is_payer else _("Share of a bill received"),
        counterparty=other.shown_name,
        counterparty_id=other.id,
        note=share.split.note,
        data={"split_id": str(share.split_id)},
    )
