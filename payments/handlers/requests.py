"""What requests for money plug in below, and how both sides learn of them."""

from django.utils.translation import gettext_lazy as _

from messaging import services as messaging
from payments import cards, notices, selectors, services
from payments.api.request_serializers import MoneyRequestOutput
from payments.events import MoneyRequestChanged, MoneyRequestEnded
from payments.models import MoneyRequest
from payments.registry import purposes
from superapp.core.events import after_commit, at_least_once
from superapp.realtime import push
from superapp.realtime import registry as realtime
from superapp.realtime.registry import Push


def register() -> None:
    purposes.register(
        "payments.request", describe=selectors.request_lines, label=_("Payment on request"), kind="transfer"
    )
    realtime.pushes.register(
        {"money_request.updated": Push("Somebody asks for money, or a request has ended.", MoneyRequestOutput)}
    )
    services.register_request_loop()


@after_commit(MoneyRequestChanged)
def show_request(event: MoneyRequestChanged) -> None:
    push.to_users([event.requester_id, event.payer_id], type="money_request.updated", payload=event.frame)


@at_least_once(MoneyRequestEnded)
def show_end_of_request(event: MoneyRequestEnded) -> None:
    request = MoneyRequest.objects.get(id=event.request_id)
    card = cards.request_card(request)
    messaging.update_card(kind=card.kind, reference=card.reference, data=card.data, version=card.version)
    told = {
        MoneyRequest.State.PAID: notices.REQUEST_PAID,
        MoneyRequest.State.DECLINED: notices.REQUEST_DECLINED,
    }
    if kind := told.get(MoneyRequest.State(request.state)):
        messaging.notify(
            user_id=request.requester_id,
            kind=kind,
            params={"amount": request.money.as_json()},
            dedupe_key=f"payments.request:{request.id}:ended",
            card=card,
        )
