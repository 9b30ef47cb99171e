"""What people have, and how their phones learn of it."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from payments import services
from payments.api.wallet_serializers import WalletOutput
from payments.events import MoneyMoved
from payments.ledger import services as ledger
from superapp.core.events import publish
from tests.matrix.world import contents
from tests.messaging.api import Api
from tests.messaging.conftest import Wire, _patient_redis, wire  # noqa: F401  (fixtures)
from tests.messaging.test_statements import statements
from tests.payments import money
from tests.realtime.people import Device, person

pytestmark = pytest.mark.django_db
CURRENCIES = ["CNY", "EUR", "USD"]


@pytest.fixture
def ada() -> Device:
    return person("Ada")


def wallets(who: Device) -> dict[str, Any]:
    """Balance, available and held in minor units, and the state, by currency."""
    return {
        wallet["currency"]: (
            *(wallet[part]["amount"] for part in ("balance", "available", "held")),
            wallet["status"],
        )
        for wallet in Api(who).get("wallet/")["results"]
    }


def hold(account_id: int, amount_minor: int) -> int:
    return ledger.hold(
        account_id=account_id,
        amount_minor=amount_minor,
        currency="CNY",
        purpose="tests.coffee",
        reference="1",
        expires_at=timezone.now() + timedelta(hours=1),
    )


def test_somebody_new_has_nothing_in_every_currency_and_looking_opens_nothing(ada: Device) -> None:
    before = contents()
    assert wallets(ada) == dict.fromkeys(CURRENCIES, (0, 0, 0, "open"))
    assert contents() == before


def test_what_is_held_is_mine_and_cannot_be_spent(ada: Device) -> None:
    account = money.fund(ada.user_id, 1_000)
    money.fund(ada.user_id, 7, "USD")
    held = hold(account, 300)
    assert wallets(ada) == {"CNY": (1_000, 700, 300, "open"), "EUR": (0, 0, 0, "open"), "USD": (7, 7, 0, "open")}
    ledger.release(hold_id=held)
    assert wallets(ada)["CNY"] == (1_000, 1_000, 0, "open")


def test_all_of_a_frozen_wallet_is_held(ada: Device) -> None:
    account = money.fund(ada.user_id, 1_000)
    hold(account, 300)
    ledger.set_status(account_id=account, status="frozen")
    assert wallets(ada)["CNY"] == (1_000, 0, 1_000, "frozen")
    ledger.set_status(account_id=account, status="open")
    assert wallets(ada)["CNY"] == (1_000, 700, 300, "open")


def test_everybody_sees_their_own(ada: Device) -> None:
    money.fund(ada.user_id, 1_000)
    assert wallets(person("Bo")) == dict.fromkeys(CURRENCIES, (0, 0, 0, "open"))
    assert Api(ada).call("GET", "/api/v1/wallet/").json()["results"][0]["balance"] == {
        "amount": 1000,
        "currency": "CNY",
    }


def test_looking_costs_the_same_whatever_there_is(ada: Device) -> None:
    api = Api(ada)
    before = statements(lambda: api.get("wallet/"))
    for currency in CURRENCIES:
        money.fund(ada.user_id, 1_000, currency)
    # Who asks, and what they have.
    assert (before, statements(lambda: api.get("wallet/"))) == (2, 2)


# --- Pushes -----------------------------------------------------------------------------------------------------------


def test_movement_shows_each_owner_what_they_have_now(ada: Device, wire: Wire) -> None:  # noqa: F811
    bo = person("Bo")
    for who, amount in ((ada, 1_000), (bo, 500)):
        money.fund(who.user_id, amount)
    wire.pushes()
    with transaction.atomic():
        publish(MoneyMoved(user_ids=(ada.user_id, bo.user_id), currency="CNY"))
        money.fund(ada.user_id, 1)
        assert wire.pushes() == []
    found = {tuple(topics): frame for topics, frame in wire.pushes()}
    assert {frame["type"] for frame in found.values()} == {"wallet.changed"}
    for who, amount in ((ada, 1_001), (bo, 500)):
        frame = found[(f"user:{who.id}",)]
        # As a look shows it.
        looked = Api(who).get("wallet/")["results"][0]
        assert frame["payload"] | {"as_of": ""} == looked | {"as_of": ""}
        assert frame["payload"]["balance"] == {"amount": amount, "currency": "CNY"}
        assert set(frame["payload"]) == set(WalletOutput().fields)


def test_freezing_shows_its_owner_every_wallet(ada: Device, wire: Wire) -> None:  # noqa: F811
    money.fund(ada.user_id, 1_000)
    wire.pushes()
    services.freeze_wallet(user_id=ada.user_id, actor_id=ada.user_id, reason="")
    frames = [frame["payload"] for _topics, frame in wire.pushes() if frame["type"] == "wallet.changed"]
    assert [frame["currency"] for frame in frames] == CURRENCIES
    assert {(frame["currency"], frame["status"], frame["available"]["amount"]) for frame in frames} == {
        (currency, "frozen", 0) for currency in CURRENCIES
    }


def test_of_two_pushes_the_one_that_was_read_later_says_so(ada: Device, wire: Wire) -> None:  # noqa: F811
    """Those of two processes may come in any order."""
    wire.pushes()
    for _turn in range(2):
        with transaction.atomic():
            publish(MoneyMoved(user_ids=(ada.user_id,), currency="EUR"))
            money.fund(ada.user_id, 5, "EUR")
    first, second = (frame["payload"] for _topics, frame in wire.pushes())
    assert (first["balance"]["amount"], second["balance"]["amount"]) == (5, 10)
    assert first["as_of"] < second["as_of"] < Api(ada).get("wallet/")["results"][0]["as_of"]


def test_what_is_taken_back_shows_nothing(ada: Device, wire: Wire) -> None:  # noqa: F811
    wire.pushes()
    with transaction.atomic():
        publish(MoneyMoved(user_ids=(ada.user_id,), currency="CNY"))
        transaction.set_rollback(True)
    assert wire.pushes() == []


def test_showing_costs_one_statement_however_many_owners() -> None:
    for count in (1, 5):
        people = tuple(person().user_id for _ in range(count))

        def move(people: tuple[int, ...] = people) -> None:
            with transaction.atomic():
                publish(MoneyMoved(user_ids=people, currency="EUR"))

        assert statements(move) == 1
