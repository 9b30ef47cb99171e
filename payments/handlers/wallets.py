"""What wallets and statements plug in below, and how phones learn of money."""

from django.utils.translation import gettext_lazy as _

from payments import selectors
from payments.api import wallet_serializers as shapes
from payments.events import MoneyMoved
from payments.registry import purposes
from superapp.core.events import after_commit
from superapp.realtime import push
from superapp.realtime import registry as realtime
from superapp.realtime.registry import Push


def register() -> None:
    purposes.register("payments.opening", label=_("Opening balance"), kind="adjustment")
    realtime.pushes.register(
        {"wallet.changed": Push("What you have in one currency, once it has changed.", shapes.WalletOutput)}
    )


@after_commit(MoneyMoved)
def show_balances(event: MoneyMoved) -> None:
    """Read after the commit: a push that comes late says what is true by then."""
    for user_id, wallet in selectors.wallets_in(event.currency, event.user_ids).items():
        push.to_users([user_id], type="wallet.changed", payload=wallet)
