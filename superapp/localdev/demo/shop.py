"""What people of the demo city bought from each other's shops."""

from django.utils.translation import gettext_lazy as _

from payments import registry

PURPOSE = "demo.counter"


def register() -> None:
    registry.purposes.register(PURPOSE, label=_("Bought at the counter"))
