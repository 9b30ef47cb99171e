"""Asking a friend for money, in a card of their chat."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from messaging import services as messaging
from messaging.errors import ThatIsYou
from payments import cards
from payments.errors import RequestEnded, RequestExpired
from payments.events import MoneyRequestChanged, MoneyRequestEnded
from payments.frames import money_request_frame
from payments.models import MoneyRequest
from payments.selectors.requests import money_request_of, show_request_people
from payments.services.paying import pay_person
from superapp.core import limits, loops
from superapp.core.errors import Forbidden, NotFound
from superapp.core.events import publish
from superapp.core.idempotency import request_hash
from superapp.core.ids import new_id
from superapp.core.leases import Lease, LeaseLost

log = structlog.get_logger(__name__)
PURPOSE = "payments.request"
BATCH = 100


def request_money(
    *, requester_id: int, payer_id: int, amount_minor: int, currency: str, note: str = "", idempotency_key: UUID
) -> MoneyRequest:
    """Ask a friend for money; the card stands in their chat for a week.

    Repeating an ``idempotency_key`` returns the first request, with ``is_replay`` set, as it stands now. Raises
    ``ThatIsYou``, ``NotFriends`` (also for nobody's id), ``NotFound`` (a friend who has left), ``Blocked``,
    ``IdempotencyConflict``, ``TooManyRequests``.
    """
    if requester_id == payer_id:
        raise ThatIsYou
    limits.take(action="payments.request_money.user", subject=str(requester_id))
    asked: dict[str, Any] = {"payer_id": payer_id, "note": note, "amount_minor": amount_minor, "currency": currency}
    with transaction.atomic():
        request = MoneyRequest.objects.insert_once(
            once={"requester_id": requester_id, "idempotency_key": idempotency_key},
            request_hash=request_hash(**asked),
            id=new_id(),
            **asked,
        )
        if request.is_replay:  # type: ignore[attr-defined]
            show_request_people([request])
            return request
        # Before anything is looked at: of who is no friend nobody learns whether they are there.
        conversation_id = messaging.conversation_with(actor_id=requester_id, user_id=payer_id)
        show_request_people([request])
        if not request.payer.is_active:  # type: ignore[attr-defined]
            raise NotFound
        messaging.post_card(
            conversation_id=conversation_id,
            sender_id=requester_id,
            card=cards.request_card(request),
            client_id=idempotency_key,
            is_new=True,
        )
        _tell(request)
    return request


@transaction.atomic
def pay_request(
    *,
    payer_id: int,
    request_id: int,
    idempotency_key: UUID,
    approval: str | None = None,
    device_id: int | None = None,
) -> MoneyRequest:
    """Pay what somebody asked for, at once. Repeating the ``idempotency_key`` pays nothing more.

    Raises ``NotFound``, ``Forbidden`` (it is the payer's own request), ``RequestEnded``, ``RequestExpired``, and what
    ``pay_person`` refuses.
    """
    request = _held(request_id, payer_id, "payer_id")
    if request.state == MoneyRequest.State.PAID and request.pay_key == idempotency_key:
        request.is_replay = True  # type: ignore[attr-defined]
        return request
    _check_stands(request)
    pay_person(
        payer_id=payer_id,
        payee_id=request.requester_id,
        amount_minor=request.amount_minor,
        currency=request.currency,
        purpose=PURPOSE,
        reference=str(request.id),
        approval=approval,
        device_id=device_id,
    )
    return _end(request, MoneyRequest.State.PAID, pay_key=idempotency_key)


def decline_request(*, actor_id: int, request_id: int) -> MoneyRequest:
    """Say no. Repeatable. Raises ``NotFound``, ``Forbidden``, ``RequestEnded``, ``RequestExpired``."""
    return _answer(actor_id, request_id, "payer_id", MoneyRequest.State.DECLINED)


def cancel_request(*, actor_id: int, request_id: int) -> MoneyRequest:
    """Take it back. Repeatable. Raises ``NotFound``, ``Forbidden``, ``RequestEnded``, ``RequestExpired``."""
    return _answer(actor_id, request_id, "requester_id", MoneyRequest.State.CANCELLED)


@transaction.atomic
def _answer(actor_id: int, request_id: int, whose: str, state: MoneyRequest.State) -> MoneyRequest:
    request = _held(request_id, actor_id, whose)
    if request.state == state:
        return request
    _check_stands(request)
    return _end(request, state)


# --- what nobody answered ---------------------------------------------------------------------------------------------


def expire_requests(lease: Lease) -> int:
    """A round of the loop that ends requests after a week."""
    due = MoneyRequest.objects.filter(state=MoneyRequest.State.PENDING, expires_at__lte=Now()).order_by("expires_at")
    return sum(_expire_one(request_id, lease) for request_id in list(due.values_list("id", flat=True)[:BATCH]))


def _expire_one(request_id: int, lease: Lease) -> int:
    try:
        with transaction.atomic():
            lease.guard()
            rows = MoneyRequest.objects.filter(
                id=request_id, state=MoneyRequest.State.PENDING, expires_at__lte=Now()
            ).select_for_update(skip_locked=True, no_key=True)
            request = rows.first()
            if request is None:
                return 0
            show_request_people([request])
            _end(request, MoneyRequest.State.EXPIRED)
    except LeaseLost:
        raise
    except Exception:
        log.exception("money_request.not_expired", request_id=request_id)
        return 0
    return 1


def register_request_loop() -> None:
    loops.register("payments.requests", every=timedelta(seconds=5), step=expire_requests)


# --- steps ------------------------------------------------------------------------------------------------------------


def _held(request_id: int, actor_id: int, whose: str) -> MoneyRequest:
    """The request, held until the transaction ends, for the one whose turn it is."""
    # By bare id, but nobody else's lock is waited for by whoever may not see it.
    request = money_request_of(actor_id=actor_id, request_id=request_id)
    if getattr(request, whose) != actor_id:
        raise Forbidden
    held = MoneyRequest.objects.select_for_update(no_key=True).get(id=request_id)
    show_request_people([held])
    return held


def _check_stands(request: MoneyRequest) -> None:
    if request.state == MoneyRequest.State.EXPIRED:
        raise RequestExpired
    if request.state != MoneyRequest.State.PENDING:
        raise RequestEnded(state=request.state)
    if not MoneyRequest.objects.filter(id=request.id, expires_at__gt=Now()).exists():
        # The loop is on its way.
        raise RequestExpired


def _end(request: MoneyRequest, state: MoneyRequest.State, *, pay_key: UUID | None = None) -> MoneyRequest:
    """Under the row's lock."""
    MoneyRequest.objects.filter(id=request.id).update(
        state=state, pay_key=pay_key, ended_at=Now(), version=F("version") + 1
    )
    ended = MoneyRequest.objects.get(id=request.id)
    show_request_people([ended])
    publish(MoneyRequestEnded(request_id=request.id))
    _tell(ended)
    return ended


def _tell(request: MoneyRequest) -> None:
    publish(
        MoneyRequestChanged(
            request_id=request.id,
            requester_id=request.requester_id,
            payer_id=request.payer_id,
            frame=money_request_frame(request),
        )
    )
