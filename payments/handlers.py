"""What this room plugs into those below it, and its reactions to what happened."""

from django.utils.translation import gettext_lazy as _

from payments import accounts
from payments.registry import purposes


def register() -> None:
    """Called once at start."""
    accounts.register()
    purposes.register("payments.opening", label=_("Opening balance"), kind="adjustment")
    purposes.register("payments.adjustment", label=_("Correction"), kind="adjustment")
