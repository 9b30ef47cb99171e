"""What people are told about their wallets, in a sentence of their language."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from messaging import registry

Json = dict[str, Any]


def register_security() -> None:
    """None of them can be muted: whoever did not do it has to learn of it."""
    for kind, text in _SECURITY.items():
        registry.notices.register(f"payments.{kind}", text=text, mutable=False, label=gettext_lazy("Wallet security"))


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
