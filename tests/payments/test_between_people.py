"""Money between people as the rooms around it see it: statements, copies, leaving, full wallets, lost leases."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models.functions import Now

from payments import selectors, services
from payments.leaving import transfers
from payments.models import MoneyRequest, ReceiveCode, Transfer
from superapp.accounts.registry import Rows
from superapp.core import leases
from superapp.core.leases import Lease, LeaseLost
from tests.messaging.api import Api
from tests.payments.money import fund, house, wallet
from tests.payments.paying import cny, make_easy, make_known, payer_and_friend, refused, send_money
from tests.payments.security import set_pin
from tests.payments.test_requests import ask
from tests.payments.test_splits import split, table
from tests.realtime.people import Device

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _easy(settings: Any) -> None:
    make_easy(settings)


def lines(who: Device) -> list[tuple[Any, ...]]:
    """Of their statement, the newest first: what each says, without what they began with."""
    rows = Api(who).all("wallet/statement/?currency=CNY")
    return [
        (row["title"], (row["counterparty"] or {}).get("name"), row["note"], row["amount"]["amount"], row["kind"])
        for row in rows
        if row["purpose"] != "payments.opening"
    ]


# --- statements -------------------------------------------------------------------------------------------------------


def test_a_statement_says_what_became_of_a_transfer() -> None:
    ada, bo, _ = payer_and_friend()
    taken, back = send_money(ada, bo, 300, note="tea"), send_money(ada, bo, 200)
    Api(bo).ok("POST", f"transfers/{taken['id']}/accept/")
    Api(bo).ok("POST", f"transfers/{back['id']}/decline/")
    assert lines(ada) == [
        ("Transfer returned", "Bo", "", 200, "transfer"),
        ("Transfer sent", "Bo", "", -200, "transfer"),
        ("Transfer sent", "Bo", "tea", -300, "transfer"),
    ]
    assert lines(bo) == [("Transfer received", "Ada", "tea", 300, "transfer")]


def test_a_statement_says_who_asked_and_who_shared() -> None:
    ada, bo, _ = payer_and_friend()
    made = ask(bo, ada, 50, note="stamps")
    Api(ada).ok("POST", f"money-requests/{made['id']}/pay/", {}, key=str(uuid4()))
    assert lines(ada) == [("Paid on request", "Bo", "stamps", -50, "transfer")]
    assert lines(bo) == [("Received on request", "Ada", "stamps", 50, "transfer")]

    eve, cy, _dan, conversation_id = table()
    bill = split(eve, conversation_id, eve, cy, total=900, note="dinner")
    Api(cy).ok("POST", f"splits/{bill['id']}/pay/", {}, key=str(uuid4()))
    assert lines(cy) == [("Share of a bill", "Ada", "dinner", -450, "transfer")]
    assert lines(eve) == [("Share of a bill received", "Bo", "dinner", 450, "transfer")]


# --- wallets that take no more ----------------------------------------------------------------------------------------


def test_a_full_wallet_takes_nothing_and_the_money_waits(settings: Any) -> None:
    settings.WALLET_CEILING_MINOR = 1_000
    ada, bo, _ = payer_and_friend(amount_minor=900)
    fund(bo.user_id, 950)
    made = send_money(ada, bo, 51)
    assert refused(bo, f"transfers/{made['id']}/accept/") == (422, "balance_too_high")
    assert (Transfer.objects.get(id=made["id"]).state, house("escrow", "transfers")) == ("pending", 51)
    code = Api(bo).get("wallet/receive-code/")["url"]
    assert refused(ada, "transfers/instant/", {"code": code, "amount": cny(51)}) == (422, "balance_too_high")
    request = ask(bo, ada, 51)
    assert refused(ada, f"money-requests/{request['id']}/pay/", {}) == (422, "balance_too_high")
    assert MoneyRequest.objects.get(id=request["id"]).state == "pending"
    Api(bo).ok("POST", f"transfers/{made['id']}/decline/")
    assert (wallet(ada.user_id).balance_minor, wallet(bo.user_id).balance_minor) == (900, 950)


# --- loops ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loop", ["transfers", "requests"])
def test_whoever_lost_the_lease_ends_nothing(loop: str) -> None:
    ada, bo, _ = payer_and_friend()
    send_money(ada, bo, 100)
    ask(bo, ada, 100)
    Transfer.objects.update(expires_at=Now())
    MoneyRequest.objects.update(expires_at=Now())
    name = f"payments.{loop}"
    held = leases.claim(name=name, shard="0", ttl=timedelta(seconds=30))
    assert held is not None
    stale = Lease(name=name, shard="0", owner=held.owner, token=held.token - 1)
    step = services.return_expired_transfers if loop == "transfers" else services.expire_requests
    with pytest.raises(LeaseLost):
        step(stale)
    assert Transfer.objects.get().state == "pending"
    assert MoneyRequest.objects.get().state == "pending"
    assert wallet(ada.user_id).balance_minor == 99_900


def test_what_should_have_gone_back_is_noticed() -> None:
    ada, bo, _ = payer_and_friend()
    send_money(ada, bo)
    assert selectors.overdue_transfers(timedelta(minutes=1)) == 0
    Transfer.objects.update(expires_at=Now() - timedelta(minutes=2))
    assert selectors.overdue_transfers(timedelta(minutes=1)) == 1


# --- leaving ----------------------------------------------------------------------------------------------------------


def copy_of(who: Device) -> dict[str, list[Any]]:
    parts = transfers.copy_of_transfers(who.user_id)
    return {name: list(part.rows) for name, part in parts if isinstance(part, Rows)}


def test_a_copy_holds_what_one_paid_asked_and_shared() -> None:
    ada, bo, _ = payer_and_friend()
    set_pin(bo.user_id)
    fund(bo.user_id, 500)
    make_known(bo, ada)
    ids = [send_money(ada, bo, amount)["id"] for amount in (1, 2, 3)] + [send_money(bo, ada, 4)["id"]]
    request = ask(bo, ada, 5)
    Api(ada).ok("POST", "wallet/receive-codes/", {"amount": cny(7), "note": "tea"}, status=201, key=str(uuid4()))
    found = copy_of(ada)
    assert [row["id"] for row in found["transfers"]] == ids
    assert [row["id"] for row in found["money_requests"]] == [request["id"]]
    assert [(row["amount"], row["note"]) for row in found["receive_codes"]] == [(cny(7), "tea")]
    eve, cy, _dan, conversation_id = table()
    bill = split(eve, conversation_id, cy, total=9)
    assert [row["id"] for row in copy_of(eve)["splits"]] == [bill["id"]]
    assert copy_of(cy)["shares"] == [{"split_id": bill["id"], "amount": cny(9), "paid_at": None}]
    assert copy_of(cy)["transfers"] == []


def test_a_copy_goes_beyond_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "BATCH", 2)
    ada, bo, _ = payer_and_friend()
    ids = [send_money(ada, bo, 1)["id"] for _ in range(5)]
    assert [row["id"] for row in copy_of(bo)["transfers"]] == ids


def test_who_has_sent_what_may_come_back_stays_until_it_has() -> None:
    ada, bo, _ = payer_and_friend()
    made = send_money(ada, bo)
    ((blocker),) = transfers.blockers_of_transfers(ada.user_id)
    assert (blocker.code, blocker.details) == ("transfers_waiting", {"count": 1})
    assert transfers.blockers_of_transfers(bo.user_id) == []
    Api(ada).ok("POST", f"transfers/{made['id']}/cancel/")
    assert transfers.blockers_of_transfers(ada.user_id) == []


def test_nobody_is_paid_by_the_codes_of_who_is_gone() -> None:
    ada, bo, _ = payer_and_friend()
    standing = Api(bo).get("wallet/receive-code/")["url"]
    asked = Api(bo).ok("POST", "wallet/receive-codes/", {"amount": cny(7)}, status=201, key=str(uuid4()))["url"]
    for _ in range(2):
        transfers.erase_codes(bo.user_id)
    assert not ReceiveCode.objects.filter(owner_id=bo.user_id).exists()
    assert refused(ada, "transfers/instant/", {"code": standing, "amount": cny(1)}) == (410, "link_ended")
    assert refused(ada, "transfers/instant/", {"code": asked}) == (404, "not_found")
