"""What a code leads to that somebody showed to be paid: a code of their wallet, or their ordinary card."""

from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from payments.models import ReceiveCode
from superapp.accounts import selectors as accounts
from superapp.core import links
from superapp.core.errors import NotFound
from superapp.core.links import LinkEnded, ScanResult
from superapp.core.money import Money

KIND = "payments.receive"
PERSON, CODE = "person", "code"


@dataclass(frozen=True)
class Receiver:
    """Whom to pay; ``money`` is what they ask for, if the code says it."""

    user_id: int
    money: Money | None = None
    note: str = ""


def standing_reference(user_id: int) -> str:
    return f"{PERSON}:{user_id}"


def code_reference(code: ReceiveCode) -> str:
    return f"{CODE}:{code.id}"


def receiver_behind(*, actor_id: int, content: str) -> Receiver:
    """Raises ``NotFound``, ``LinkEnded``, ``TooManyRequests``, whatever the code is; ``NotFound`` also for whoever is
    not active or has blocked the one who scanned it."""
    kind, reference = links.target_of(actor_id=actor_id, content=content, kinds={KIND, "person"})
    receiver = Receiver(int(reference)) if kind == "person" else _receiver(reference)
    accounts.visible_user(receiver.user_id, viewer_id=actor_id)
    return receiver


def resolve(viewer_id: int, reference: str) -> ScanResult:
    """What a scan says of a code: whom one would pay, and what they ask for."""
    receiver = _receiver(reference)
    user = accounts.visible_user(receiver.user_id, viewer_id=viewer_id)
    data: dict[str, Any] = {
        "payee": accounts.profile_frame(user),
        "amount": receiver.money.as_json() if receiver.money else None,
        "note": receiver.note,
    }
    return ScanResult(title=user.shown_name, data=data)


def _receiver(reference: str) -> Receiver:
    kind, _, number = reference.partition(":")
    if kind == PERSON:
        return Receiver(int(number))
    code = ReceiveCode.objects.filter(id=int(number)).first()
    if code is None:
        raise NotFound
    if code.ended_at is not None or code.expires_at <= timezone.now():
        raise LinkEnded
    return Receiver(code.owner_id, code.money, code.note)
