"""People who can pay: with money, a PIN, and payees whom the risk rules know."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from payments.models import KnownPayee
from tests.messaging.api import Api
from tests.payments.money import fund
from tests.payments.security import set_pin
from tests.realtime.people import Device, befriend, person

Json = dict[str, Any]
#: Settings under which the PIN is asked for where a payee is new, and nowhere else.
EASY = {
    # Where the clock was turned forward before, a device may seem to be of the future.
    "WALLET_NEW_DEVICE_FOR": timedelta(days=-3650),
    "WALLET_PIN_FREE_UP_TO": dict.fromkeys(["CNY", "EUR", "USD"], 10**15),
    "WALLET_PIN_FREE_PER_DAY": 10**6,
    "WALLET_PACE": 10**6,
}


def make_easy(settings: Any) -> None:
    for name, value in EASY.items():
        setattr(settings, name, value)


def make_known(payer: Device, payee: str | Device) -> None:
    key = payee if isinstance(payee, str) else f"user:{payee.user_id}"
    KnownPayee.objects.get_or_create(user_id=payer.user_id, payee=key)


def rich(name: str = "Ada", amount_minor: int = 100_000) -> Device:
    """Somebody new with money and a PIN."""
    who = person(name)
    set_pin(who.user_id)
    fund(who.user_id, amount_minor)
    return who


def payer_and_friend(amount_minor: int = 100_000) -> tuple[Device, Device, int]:
    """Ada, who has money and has paid Bo before, Bo, and their conversation."""
    ada, bo = rich("Ada", amount_minor), person("Bo")
    make_known(ada, bo)
    return ada, bo, befriend(ada, bo)


def cny(amount_minor: int) -> Json:
    return {"amount": amount_minor, "currency": "CNY"}


def transfer_body(payee: Device, amount_minor: int = 1_250, **more: Any) -> Json:
    return {"payee_id": payee.id, "amount": cny(amount_minor), **more}


def send_money(payer: Device, payee: Device, amount_minor: int = 1_250, *, key: str = "", **more: Any) -> Json:
    """A transfer in their chat."""
    body = transfer_body(payee, amount_minor, **more)
    return dict(Api(payer).ok("POST", "transfers/", body, status=201, key=key or str(uuid4())))


def refused(payer: Device, path: str, body: Any = None) -> tuple[int, str]:
    return Api(payer).refused("POST", path, body, key=str(uuid4()))
