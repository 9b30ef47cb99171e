"""Paying whoever shows a code: at once, friend or stranger."""

from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from messaging.errors import ThatIsYou
from payments import receive_codes
from payments.errors import AmountFixed
from payments.events import TransferChanged, TransferReceived
from payments.frames import transfer_frame
from payments.models import Transfer
from payments.receive_codes import Receiver
from payments.selectors.transfers import show_parties
from payments.services.paying import pay_person
from superapp.core.errors import IdempotencyConflict, InvalidInput
from superapp.core.events import publish
from superapp.core.idempotency import request_hash
from superapp.core.ids import new_id
from superapp.core.money import Money

PURPOSE = "payments.transfer"


def pay_by_code(
    *,
    payer_id: int,
    code: str,
    money: Money | None = None,
    note: str = "",
    idempotency_key: UUID,
    approval: str | None = None,
    device_id: int | None = None,
) -> Transfer:
    """Pay whoever showed ``code``: what the camera read, of their wallet's code or their card. It is theirs at once.

    Without ``money`` what the code asks for. Repeating an ``idempotency_key`` returns the first transfer, with
    ``is_replay`` set, also where the code has ended since.

    Raises ``NotFound`` (no such code, nobody active, or they have blocked the payer), ``LinkEnded``, ``ThatIsYou``,
    ``AmountFixed``, ``InvalidInput`` (nobody says how much), ``IdempotencyConflict``, ``TooManyRequests``, and what
    ``pay_person`` refuses.
    """
    asked = request_hash(kind=Transfer.Kind.INSTANT, code=code, money=money and money.as_json(), note=note)
    earlier = Transfer.objects.filter(payer_id=payer_id, idempotency_key=idempotency_key).first()
    if earlier is not None:
        if bytes(earlier.request_hash) != asked:
            raise IdempotencyConflict
        earlier.is_replay = True  # type: ignore[attr-defined]
        show_parties([earlier])
        return earlier
    receiver = receive_codes.receiver_behind(actor_id=payer_id, content=code)
    if receiver.user_id == payer_id:
        raise ThatIsYou
    return _pay(payer_id, receiver, _amount(receiver, money), note, idempotency_key, asked, approval, device_id)


def _amount(receiver: Receiver, money: Money | None) -> Money:
    if receiver.money is not None:
        if money not in {None, receiver.money}:
            raise AmountFixed(amount=receiver.money.as_json())
        return receiver.money
    if money is None:
        raise InvalidInput(fields={"amount": [_("This code asks for no amount: say how much.")]})
    return money


@transaction.atomic
def _pay(
    payer_id: int,
    receiver: Receiver,
    money: Money,
    note: str,
    key: UUID,
    asked: bytes,
    approval: str | None,
    device_id: int | None,
) -> Transfer:
    transfer = Transfer.objects.insert_once(
        once={"payer_id": payer_id, "idempotency_key": key},
        request_hash=asked,
        id=new_id(),
        kind=Transfer.Kind.INSTANT,
        payee_id=receiver.user_id,
        amount_minor=money.amount_minor,
        currency=money.currency,
        note=note or receiver.note,
        state=Transfer.State.ACCEPTED,
        ended_at=Now(),
    )
    if transfer.is_replay:  # type: ignore[attr-defined]
        show_parties([transfer])
        return transfer
    who = pay_person(
        payer_id=payer_id,
        payee_id=receiver.user_id,
        amount_minor=money.amount_minor,
        currency=money.currency,
        purpose=PURPOSE,
        reference=str(transfer.id),
        approval=approval,
        device_id=device_id,
    )
    transfer.payer, transfer.payee = who.payer, who.payee  # type: ignore[attr-defined]
    publish(
        TransferChanged(
            transfer_id=transfer.id, payer_id=payer_id, payee_id=receiver.user_id, frame=transfer_frame(transfer)
        )
    )
    publish(TransferReceived(transfer_id=transfer.id))
    return transfer
