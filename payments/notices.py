"""What people are told about money when they are not looking: sentences, made in their language when they are read."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from messaging import registry
from payments.cards import shown
from superapp.core.money import Money

Json = dict[str, Any]

ADJUSTED = "payments.adjusted"
TRANSFER_ACCEPTED = "payments.transfer_accepted"
TRANSFER_RETURNED = "payments.transfer_returned"
TRANSFER_EXPIRING = "payments.transfer_expiring"
TRANSFER_RECEIVED = "payments.transfer_received"
REQUEST_PAID = "payments.request_paid"
REQUEST_DECLINED = "payments.request_declined"
SPLIT_COMPLETED = "payments.split_completed"
SPLIT_REMINDER = "payments.split_reminder"
RED_PACKET_RETURNED = "payments.red_packet_returned"


def register() -> None:
    add = registry.notices.register
    # It cannot be muted: it is their money.
    add(ADJUSTED, text=_adjusted, mutable=False, label=gettext_lazy("Corrections of the wallet"))
    # Money that came back must not be missed.
    add(TRANSFER_RETURNED, text=_returned, mutable=False, label=gettext_lazy("Transfers that came back"))
    add(TRANSFER_ACCEPTED, text=_accepted, mutable=True, label=gettext_lazy("Accepted transfers"))
    add(TRANSFER_RECEIVED, text=_received, mutable=True, label=gettext_lazy("Money that you receive"))
    add(REQUEST_PAID, text=_request_paid, mutable=True, label=gettext_lazy("Paid requests"))
    add(REQUEST_DECLINED, text=_request_declined, mutable=True, label=gettext_lazy("Declined requests"))
    add(SPLIT_COMPLETED, text=_split_completed, mutable=True, label=gettext_lazy("Bills that all have paid"))
    add(SPLIT_REMINDER, text=_split_reminder, mutable=True, label=gettext_lazy("Bills that you share"))
    add(TRANSFER_EXPIRING, text=_expiring, mutable=True, label=gettext_lazy("Transfers that wait for you"))
    for kind, text in _SECURITY.items():
        # Whoever did not do it has to learn of it.
        add(f"payments.{kind}", text=text, mutable=False, label=gettext_lazy("Wallet security"))
    add(RED_PACKET_RETURNED, text=_red_packet_returned, mutable=True, label=gettext_lazy("Red packets"))


def _adjusted(params: Json) -> str:
    amount = Money(abs(params["amount"]), params["currency"]).shown()
    if params["amount"] > 0:
        told = _("We have put %(amount)s into your wallet.") % {"amount": amount}
    else:
        told = _("We have taken %(amount)s out of your wallet.") % {"amount": amount}
    # As staff wrote it, for this person.
    return f"{told} {params['text']}".rstrip()


def _accepted(params: Json) -> str:
    return _("Your transfer of %(amount)s was accepted.") % {"amount": shown(params["amount"])}


def _returned(params: Json) -> str:
    return _("Your transfer of %(amount)s was not accepted and came back.") % {"amount": shown(params["amount"])}


def _expiring(params: Json) -> str:
    return _("A transfer of %(amount)s waits for you. It soon goes back.") % {"amount": shown(params["amount"])}


def _received(params: Json) -> str:
    return _("You received %(amount)s.") % {"amount": shown(params["amount"])}


def _request_paid(params: Json) -> str:
    return _("Your request for %(amount)s was paid.") % {"amount": shown(params["amount"])}


def _request_declined(params: Json) -> str:
    return _("Your request for %(amount)s was declined.") % {"amount": shown(params["amount"])}


def _split_completed(params: Json) -> str:
    return _("Everybody has paid their share of your bill of %(amount)s.") % {"amount": shown(params["amount"])}


def _split_reminder(params: Json) -> str:
    return _("Your share of a bill, %(amount)s, is not paid yet.") % {"amount": shown(params["amount"])}


def _red_packet_returned(params: Json) -> str:
    return _("Nobody opened all of your red packet: %(amount)s came back.") % {"amount": shown(params["amount"])}


def _frozen(params: Json) -> str:
    if params.get("by") == "owner":
        return _("Your wallet is frozen. Lift it with your payment PIN.")
    return _("Your wallet has been frozen by us. Please contact us.")


_SECURITY = {
    "pin_set": lambda params: _("You have a payment PIN now."),
    "pin_changed": lambda params: _("Your payment PIN was changed. If this was not you, freeze your wallet."),
    "pin_locked": lambda params: _("Too many wrong payment PINs. If this was not you, freeze your wallet."),
    "pin_reset_begun": lambda params: _(
        "Somebody began to reset your payment PIN. If this was not you, stop it: it takes effect after a waiting time."
    ),
    "pin_reset_cancelled": lambda params: _("The reset of your payment PIN was stopped. The old one stays."),
    "pin_reset": lambda params: _("Your payment PIN was reset. If this was not you, freeze your wallet."),
    "wallet_frozen": _frozen,
    "wallet_unfrozen": lambda params: _("Your wallet is no longer frozen."),
}
