"""What corrections plug into the rooms below."""

from django.utils.translation import gettext_lazy as _

from payments import selectors
from payments.registry import purposes


def register() -> None:
    """Called once at start."""
    purposes.register(
        "payments.adjustment", label=_("Correction"), kind="adjustment", describe=selectors.adjustment_lines
    )
