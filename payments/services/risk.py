"""When a payment asks for the PIN. Any of these is reason enough; with an approval none is asked.

| reason | the PIN is asked for |
| --- | --- |
| ``amount`` | above what may be paid without it (``WALLET_PIN_FREE_UP_TO``, by currency) |
| ``new_payee`` | when a person or a conversation was never paid before; products have one payee for each thing bought |
| ``new_device`` | on a device that signed in less than ``WALLET_NEW_DEVICE_FOR`` ago |
| ``often`` | after ``WALLET_PIN_FREE_PER_DAY`` payments without it on one day (UTC) |
| ``pace`` | after ``WALLET_PACE`` payments of any kind since the beginning of the hour before this one |
| ``phone_changed`` | for ``WALLET_LOWERED_FOR`` after the number of the account changed |
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone

from superapp.core import ids

#: Payees that somebody may know. What stands behind others is new each time.
_REMEMBERED = ("user:", "conversation:")


@dataclass(frozen=True)
class Facts:
    """A payment, and what is known of its payer at this moment. The counts include the payment."""

    amount_minor: int
    currency: str
    payee: str
    is_known_payee: bool
    #: None: nobody's device asks, but the product itself.
    device_id: int | None
    pin_free_today: int
    payments_lately: int
    is_lowered: bool


def is_remembered(payee: str) -> bool:
    return payee.startswith(_REMEMBERED)


def is_new_device(device_id: int | None) -> bool:
    # A device is given its id when it signs in.
    return device_id is not None and ids.made_at(device_id) > timezone.now() - settings.WALLET_NEW_DEVICE_FOR


RULES: dict[str, Callable[[Facts], bool]] = {
    "amount": lambda facts: facts.amount_minor > settings.WALLET_PIN_FREE_UP_TO[facts.currency],
    "new_payee": lambda facts: is_remembered(facts.payee) and not facts.is_known_payee,
    "new_device": lambda facts: is_new_device(facts.device_id),
    "often": lambda facts: facts.pin_free_today > settings.WALLET_PIN_FREE_PER_DAY,
    "pace": lambda facts: facts.payments_lately > settings.WALLET_PACE,
    "phone_changed": lambda facts: facts.is_lowered,
}


def reasons(facts: Facts) -> list[str]:
    """Why the PIN is asked for; none: it is not."""
    return [name for name, applies in RULES.items() if applies(facts)]
