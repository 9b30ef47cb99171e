"""What bills that people share plug in below, and how these learn of them."""

from django.utils.translation import gettext_lazy as _

from messaging import services as messaging
from payments import cards, notices, selectors
from payments.api.request_serializers import SplitOutput
from payments.events import SplitChanged, SplitMoved, SplitReminded
from payments.models import Split
from payments.registry import purposes
from superapp.core.events import after_commit, at_least_once
from superapp.core.money import Money
from superapp.realtime import push
from superapp.realtime import registry as realtime
from superapp.realtime.registry import Push


def register() -> None:
    purposes.register("payments.split", describe=selectors.split_lines, label=_("Share of a bill"), kind="transfer")
    realtime.pushes.register(
        {"split.updated": Push("A bill that you share: somebody has paid, or it was closed.", SplitOutput)}
    )


@after_commit(SplitChanged)
def show_split(event: SplitChanged) -> None:
    push.to_users(event.user_ids, type="split.updated", payload=event.frame)


@at_least_once(SplitMoved)
def show_who_has_paid(event: SplitMoved) -> None:
    split = Split.objects.get(id=event.split_id)
    selectors.show_shares(split)
    card = cards.split_card(split)
    messaging.update_card(kind=card.kind, reference=card.reference, data=card.data, version=card.version)
    if split.state == Split.State.COMPLETED:
        messaging.notify(
            user_id=split.initiator_id,
            kind=notices.SPLIT_COMPLETED,
            params={"amount": split.money.as_json()},
            dedupe_key=f"payments.split:{split.id}:completed",
            card=card,
        )


@at_least_once(SplitReminded)
def remind_who_has_not_paid(event: SplitReminded) -> None:
    split = Split.objects.get(id=event.split_id)
    selectors.show_shares(split)
    card = cards.split_card(split)
    for share in split.shares.filter(paid_at=None):
        messaging.notify(
            user_id=share.user_id,
            kind=notices.SPLIT_REMINDER,
            params={"amount": Money(share.amount_minor, split.currency).as_json()},
            dedupe_key=f"payments.split:{split.id}:reminder:{event.number}",
            card=card,
        )
