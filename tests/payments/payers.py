"""People with money and a PIN."""

from tests.payments.money import fund
from tests.payments.security import set_pin
from tests.realtime.people import Device, person


def payer(amount_minor: int, currency: str = "CNY") -> int:
    """Somebody new who has so much, and their id."""
    return paying_person(amount_minor, currency).user_id


def paying_person(amount_minor: int, currency: str = "CNY") -> Device:
    """Likewise, signed in."""
    device = person()
    set_pin(device.user_id)
    fund(device.user_id, amount_minor, currency)
    return device
