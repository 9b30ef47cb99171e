"""What people are told about money when they are not looking: sentences, made in their language when they are read."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from messaging import registry
from payments.cards import shown

Json = dict[str, Any]

TRANSFER_ACCEPTED = "payments.transfer_accepted"
TRANSFER_RETURNED = "payments.transfer_returned"
TRANSFER_EXPIRING = "payments.transfer_expiring"
TRANSFER_RECEIVED = "payments.transfer_received"
REQUEST_PAID = "payments.request_paid"
REQUEST_DECLINED = "payments.request_declined"
SPLIT_COMPLETED = "payments.split_completed"
SPLIT_REMINDER = "payments.split_reminder"


def register() -> None:
    add = registry.notices.register
    # Money that came back must not be missed.
    add(TRANSFER_RETURNED, text=_returned, mutable=False, label=gettext_lazy("Transfers that came back"))
    add(TRANSFER_ACCEPTED, text=_accepted, mutable=True, label=gettext_lazy("Accepted transfers"))
    add(TRANSFER_RECEIVED, text=_received, mutable=True, label=gettext_lazy("Money that you receive"))
    add(REQUEST_PAID, text=_request_paid, mutable=True, label=gettext_lazy("Paid requests"))
    add(REQUEST_DECLINED, text=_request_declined, mutable=True, label=gettext_lazy("Declined requests"))
    add(SPLIT_COMPLETED, text=_split_completed, mutable=True, label=gettext_lazy("Bills that all have paid"))
    add(SPLIT_REMINDER, text=_split_reminder, mutable=True, label=gettext_lazy("Bills that you share"))
    add(TRANSFER_EXPIRING, text=_expiring, mutable=True, label=gettext_lazy("Transfers that wait for you"))


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
