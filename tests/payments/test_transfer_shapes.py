"""Shapes of money between people that are built by hand equal the serializers which document them."""

from typing import Any

import pytest

from payments.api.transfer_serializers import TransferOutput
from payments.frames import transfer_frame
from payments.models import Transfer
from payments.selectors import show_parties
from tests.payments.paying import make_easy, payer_and_friend, send_money

pytestmark = pytest.mark.django_db


def test_a_transfer_has_the_shape_that_it_is_said_to_have(settings: Any) -> None:
    make_easy(settings)
    ada, bo, _ = payer_and_friend()
    transfer = Transfer.objects.get(id=send_money(ada, bo, note="lunch")["id"])
    show_parties([transfer])
    assert transfer_frame(transfer) == TransferOutput(transfer).data
    assert set(transfer_frame(transfer)) == {
        "id",
        "kind",
        "payer",
        "payee",
        "amount",
        "note",
        "state",
        "created_at",
        "expires_at",
        "ended_at",
    }
