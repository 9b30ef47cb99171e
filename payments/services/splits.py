"""Splitting a bill in a group: a card shows who has paid their share."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from messaging import selectors as chats
from messaging import services as messaging
from payments import cards
from payments.errors import (
    NotMembers,
    RemindedAlready,
    SharePaid,
    SharesUneven,
    SplitEnded,
    SplitTooSmall,
    WrongConversation,
)
from payments.events import SplitChanged, SplitMoved, SplitReminded
from payments.models import Split, SplitShare
from payments.models.splits import MOST_REMINDERS
from payments.selectors.splits import show_shares, split_frame, split_of
from payments.services.paying import pay_person
from superapp.core import limits
from superapp.core.errors import Forbidden
from superapp.core.events import publish
from superapp.core.idempotency import request_hash
from superapp.core.ids import new_id
from superapp.core.money import Money, allocate

PURPOSE = "payments.split"
REMINDED_EVERY = timedelta(hours=12)


def split_bill(
    *,
    initiator_id: int,
    conversation_id: int,
    total: Money,
    participant_ids: Sequence[int] = (),
    shares: Mapping[int, int] | None = None,
    note: str = "",
    idempotency_key: UUID,
) -> Split:
    """Ask members of a group for their shares of what the initiator has paid: equal ones of ``participant_ids``, or
    those that ``shares`` says, in minor units by person. The initiator's own share, if there is one, counts as paid.

    Repeating an ``idempotency_key`` returns the first split, with ``is_replay`` set, as it stands now.

    Raises ``NotFound`` (not a member), ``WrongConversation`` (no group), ``NotMembers``, ``SplitTooSmall``,
    ``SharesUneven``, ``Silenced``, ``ConversationClosed``, ``IdempotencyConflict``, ``TooManyRequests``.
    """
    limits.take(action="payments.split_bill.user", subject=str(initiator_id))
    amounts = _shares(total, participant_ids, shares)
    if not amounts.keys() - {initiator_id}:
        raise NotMembers(user_ids=[])
    asked = request_hash(
        conversation_id=conversation_id,
        total=total.as_json(),
        shares={str(user_id): amount for user_id, amount in amounts.items()},
        note=note,
    )
    with transaction.atomic():
        split = Split.objects.insert_once(
            once={"initiator_id": initiator_id, "idempotency_key": idempotency_key},
            request_hash=asked,
            id=new_id(),
            conversation_id=conversation_id,
            total_minor=total.amount_minor,
            currency=total.currency,
            note=note,
            share_count=len(amounts),
            paid_count=int(initiator_id in amounts),
        )
        if not split.is_replay:  # type: ignore[attr-defined]
            _check_group(split, amounts)
            SplitShare.objects.bulk_create(
                SplitShare(
                    id=new_id(),
                    split=split,
                    user_id=user_id,
                    amount_minor=amount,
                    paid_at=Now() if user_id == initiator_id else None,
                )
                for user_id, amount in sorted(amounts.items())
            )
        show_shares(split)
        if not split.is_replay:  # type: ignore[attr-defined]
            messaging.post_card(
                conversation_id=conversation_id,
                sender_id=initiator_id,
                card=cards.split_card(split),
                client_id=idempotency_key,
                is_new=True,
            )
    return split


@transaction.atomic
def pay_share(
    *,
    payer_id: int,
    split_id: int,
    idempotency_key: UUID,
    approval: str | None = None,
    device_id: int | None = None,
) -> Split:
    """Pay one's own share to the initiator, once. Repeating the ``idempotency_key`` pays nothing more.

    Raises ``NotFound`` (nobody's whom it concerns), ``Forbidden`` (no share in it), ``SharePaid``, ``SplitEnded``, and
    what ``pay_person`` refuses.
    """
    split = _held(split_id, payer_id)
    share = SplitShare.objects.filter(split=split, user_id=payer_id).first()
    if share is None:
        raise Forbidden
    if share.paid_at is not None:
        if share.pay_key != idempotency_key:
            raise SharePaid
        split.is_replay = True  # type: ignore[attr-defined]
        return split
    if split.state != Split.State.OPEN:
        raise SplitEnded(state=split.state)
    pay_person(
        payer_id=payer_id,
        payee_id=split.initiator_id,
        amount_minor=share.amount_minor,
        currency=split.currency,
        purpose=PURPOSE,
        reference=str(share.id),
        approval=approval,
        device_id=device_id,
    )
    SplitShare.objects.filter(id=share.id).update(paid_at=Now(), pay_key=idempotency_key)
    is_last = split.paid_count + 1 == split.share_count
    return _changed(split, paid_count=F("paid_count") + 1, **(_ends(Split.State.COMPLETED) if is_last else {}))


@transaction.atomic
def close_split(*, actor_id: int, split_id: int) -> Split:
    """Ask for no more: the initiator. What was paid stays. Repeatable. Raises ``NotFound``, ``Forbidden``,
    ``SplitEnded`` (everybody has paid)."""
    split = _held(split_id, actor_id)
    if split.initiator_id != actor_id:
        raise Forbidden
    if split.state == Split.State.COMPLETED:
        raise SplitEnded(state=split.state)
    if split.state == Split.State.CLOSED:
        return split
    return _changed(split, **_ends(Split.State.CLOSED))


@transaction.atomic
def remind_of_split(*, actor_id: int, split_id: int) -> None:
    """Tell those who have not paid: the initiator, three times at most, half a day apart.

    Raises ``NotFound``, ``Forbidden``, ``SplitEnded``, ``RemindedAlready``.
    """
    split = split_of(actor_id=actor_id, split_id=split_id)
    if split.initiator_id != actor_id:
        raise Forbidden
    if split.state != Split.State.OPEN:
        raise SplitEnded(state=split.state)
    long_ago = Q(reminded_at=None) | Q(reminded_at__lte=Now() - REMINDED_EVERY)
    rows = Split.objects.filter(long_ago, id=split_id, state=Split.State.OPEN, reminders__lt=MOST_REMINDERS)
    if not rows.update(reminders=F("reminders") + 1, reminded_at=Now()):
        raise RemindedAlready(most=MOST_REMINDERS, hours=REMINDED_EVERY // timedelta(hours=1))
    publish(SplitReminded(split_id=split_id, number=Split.objects.get(id=split_id).reminders))


# --- steps ------------------------------------------------------------------------------------------------------------


def _shares(total: Money, participant_ids: Sequence[int], shares: Mapping[int, int] | None) -> dict[int, int]:
    if shares is not None:
        if missing := total.amount_minor - sum(shares.values()):
            raise SharesUneven(missing={"amount": missing, "currency": total.currency})
        return dict(shares)
    people = sorted(set(participant_ids))
    if total.amount_minor < len(people):
        raise SplitTooSmall
    # Of what does not divide the first ones in the list pay a minor unit more.
    return dict(zip(people, allocate(total.amount_minor, [1] * len(people)), strict=True)) if people else {}


def _check_group(split: Split, amounts: Mapping[int, int]) -> None:
    place = chats.conversation_of(actor_id=split.initiator_id, conversation_id=split.conversation_id)
    if place.kind != "group":
        raise WrongConversation
    if strangers := amounts.keys() - chats.members_among(split.conversation_id, amounts):
        raise NotMembers(user_ids=[str(user_id) for user_id in sorted(strangers)])


def _held(split_id: int, actor_id: int) -> Split:
    """The split, held until the transaction ends, for whoever it concerns."""
    split_of(actor_id=actor_id, split_id=split_id)
    split = Split.objects.select_for_update(no_key=True).get(id=split_id)
    show_shares(split)
    return split


def _ends(state: Split.State) -> dict[str, object]:
    return {"state": state, "ended_at": Now()}


def _changed(split: Split, **changes: object) -> Split:
    """Under the row's lock."""
    Split.objects.filter(id=split.id).update(version=F("version") + 1, **changes)
    now = Split.objects.get(id=split.id)
    show_shares(now)
    people = {now.initiator_id, *(share.user_id for share in now.shown_shares)}  # type: ignore[attr-defined]
    publish(SplitMoved(split_id=split.id))
    publish(SplitChanged(split_id=split.id, user_ids=tuple(sorted(people)), frame=split_frame(now)))
    return now
