"""What the people of the demo city have and owe: the books are even, and seeding again changes nothing."""

import io
import re
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from payments.ledger.models import Entry, Posting
from payments.models import MoneyRequest, Payment, RedPacket, Split, Transfer, Wallet
from superapp.localdev.demo import money, seeding

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def city(committed_db: Any) -> None:
    seeding.seed()
    assert money.seed()


MODELS = (Entry, Posting, Transfer, MoneyRequest, Split, RedPacket, Payment, Wallet)


def counts() -> list[int]:
    return [model._default_manager.count() for model in MODELS]


def test_seeding_again_adds_nothing(city: None) -> None:
    before = counts()
    assert not money.seed()
    assert counts() == before
    assert all(before)


def test_second_run_of_the_command_says_so_and_writes_nothing(city: None) -> None:
    said = io.StringIO()
    with CaptureQueriesContext(connection) as queries:
        call_command("seed", stdout=said)
    assert not [query["sql"] for query in queries if re.match("INSERT|UPDATE|DELETE|SELECT ledger_", query["sql"])]
    assert "40 people" in said.getvalue()
    assert "as before" in said.getvalue()


def test_what_nobody_has_answered_still_waits(city: None) -> None:
    sent = Transfer.objects.filter(state=Transfer.State.PENDING).count()
    assert sent == sum(not one.end for one in money.TRANSFERS)


def test_there_is_money_that_came_back_and_money_that_was_refunded(city: None) -> None:
    states = set(Transfer.objects.values_list("state", flat=True))
    assert {"accepted", "declined", "cancelled", "pending"} <= states
    assert set(Payment.objects.exclude(refunded_minor=0).values_list("amount_minor", "refunded_minor")) == {
        (7_600, 3_800)
    }
    assert set(RedPacket.objects.values_list("state", "taken", "parts")) == {
        ("finished", 2, 2),
        ("open", 1, 2),
        ("open", 1, 4),
    }
