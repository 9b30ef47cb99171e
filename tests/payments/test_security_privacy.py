"""What the security of a wallet keeps of somebody: in their copy, and gone with them."""

from typing import Any

import pytest
from django.db import transaction

from payments import services
from payments.leaving import security
from payments.models import Approval, KnownPayee, LimitCounter, PaceCounter, Wallet
from superapp.accounts.registry import Rows
from tests.payments.security import approve, set_pin
from tests.realtime.people import person

pytestmark = pytest.mark.django_db
MODELS = (Approval, KnownPayee, LimitCounter, PaceCounter, Wallet)


def somebody_who_paid() -> int:
    user_id = person().user_id
    set_pin(user_id)
    payment: dict[str, Any] = {"kind": "payments.transfer", "payee": "user:5", "amount_minor": 1250}
    approval = approve(user_id, **payment)
    with transaction.atomic():
        services.authorise(payer_id=user_id, currency="CNY", approval=approval, **payment)
    return user_id


def test_copy_says_what_was_paid_and_whom_and_not_the_pin() -> None:
    user_id = somebody_who_paid()
    parts = {
        name: list(part.rows) if isinstance(part, Rows) else part for name, part in security.copy_of_security(user_id)
    }
    assert set(parts) == {"security", "limits", "known_payees"}
    assert parts["security"]["tier"] == "basic"
    assert [row["spent"] for row in parts["limits"]] == [{"amount": 1250, "currency": "CNY"}] * 2
    assert [row["payee"] for row in parts["known_payees"]] == ["user:5"]
    assert Wallet.objects.get(user_id=user_id).pin_hash not in str(parts)
    assert "pin_hash" not in str(parts)


def test_nothing_is_left_of_who_has_gone_and_all_of_others() -> None:
    gone, stays = somebody_who_paid(), somebody_who_paid()
    for _ in range(2):
        services.erase_security(gone)
    for model in MODELS:
        assert not model.objects.filter(user_id=gone).exists(), model
        assert model.objects.filter(user_id=stays).exists(), model
