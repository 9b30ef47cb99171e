"""What corrections plug in below."""

from django.utils.translation import gettext_lazy as _

from payments import selectors
from payments.registry import purposes


def register() -> None:
    purposes.register(
        "payments.adjustment", label=_("Correction"), kind="adjustment", describe=selectors.adjustment_lines
    )
