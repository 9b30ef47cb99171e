"""What is shown of the security of a wallet, field by field, and only to its owner."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from payments import selectors
from payments.api import security_serializers as shapes
from tests.messaging.api import Api
from tests.payments.security import PIN, set_pin
from tests.realtime.people import person

pytestmark = pytest.mark.django_db
SHAPES = {
    shapes.SecurityOutput: {
        "has_pin",
        "pin_set_at",
        "locked_until",
        "tier",
        "lowered_until",
        "limits",
        "frozen",
        "pin_reset",
    },
    shapes.LimitsOutput: {"currency", "per_payment", "day", "year"},
    shapes.RoomOutput: {"limit", "used", "left"},
    shapes.FrozenOutput: {"at", "by"},
    shapes.PinResetOutput: {"begun_at", "ready_at", "ends_at"},
    shapes.ApprovalOutput: {"approval", "expires_at"},
}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_fields(shape: Any) -> None:
    assert set(shape().fields) == SHAPES[shape]


def test_wallet_of_somebody_new() -> None:
    shown = Api(person()).get("wallet/security/")
    limits = shown.pop("limits")
    assert shown == {
        "has_pin": False,
        "pin_set_at": None,
        "locked_until": None,
        "tier": "basic",
        "lowered_until": None,
        "frozen": None,
        "pin_reset": None,
    }
    assert [one["currency"] for one in limits] == ["CNY", "EUR", "USD"]
    assert limits[0] == {
        "currency": "CNY",
        "per_payment": {"amount": 500_000, "currency": "CNY"},
        "day": room("CNY", 1_000_000),
        "year": room("CNY", 20_000_000),
    }


def test_own_page_costs_two_statements() -> None:
    ada = person()
    with CaptureQueriesContext(connection) as asked:
        selectors.wallet_security(ada.user_id)
    assert len(asked) == 2


def test_no_answer_holds_a_pin() -> None:
    ada = Api(person())
    set_pin(ada.device.user_id)
    assert PIN not in str(ada.get("wallet/security/"))


def room(currency: str, limit: int) -> dict[str, Any]:
    def money(amount: int) -> dict[str, Any]:
        return {"amount": amount, "currency": currency}

    return {"limit": money(limit), "used": money(0), "left": money(limit)}
