"""What people and products did with money, as staff see it: whose it was and what moved, nothing that they wrote."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from payments import services
from payments.ledger.models import Entry
from payments.models import RedPacket, SplitShare
from superapp.core.models import AuditEntry
from tests.accounts.staffers import staff, verified
from tests.messaging.api import Api
from tests.payments import packets, shop
from tests.payments.payers import payer
from tests.payments.paying import cny, make_easy, payer_and_friend, send_money
from tests.realtime.people import group, person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _without_pins(settings: Settings) -> None:
    make_easy(settings)


@pytest.fixture
def client() -> Client:
    return verified(staff("support"))


def page(client: Client, model: str, identifier: int) -> str:
    response = client.get(reverse(f"admin:payments_{model}_change", args=[identifier]))
    assert response.status_code == 200
    return str(response.content.decode())


def found(client: Client, model: str, **query: str) -> list[int]:
    response = client.get(reverse(f"admin:payments_{model}_changelist"), query)
    assert response.status_code == 200
    return [row.pk for row in response.context["cl"].result_list]


def entry_link(reference: int | str, purpose: str) -> str:
    entry = Entry.objects.filter(reference=str(reference), purpose=purpose).order_by("id")[0]
    return reverse("admin:ledger_entry_change", args=[entry.id])


def test_transfer_shows_both_people_and_its_entries_but_not_what_was_said(client: Client) -> None:
    ada, bo, _conversation_id = payer_and_friend()
    transfer_id = int(send_money(ada, bo, 1_250, note="For the secret dinner")["id"])
    shown = page(client, "transfer", transfer_id)
    for words in ("CN¥12.50", "Ada", "Bo", entry_link(transfer_id, "payments.transfer")):
        assert words in shown
    assert "secret dinner" not in shown
    assert "secret dinner" not in client.get(reverse("admin:payments_transfer_changelist")).content.decode()
    for term in (transfer_id, ada.id, bo.id):
        assert found(client, "transfer", q=str(term)) == [transfer_id]
    assert found(client, "transfer", state="pending") == [transfer_id]
    services.cancel_transfer(actor_id=ada.user_id, transfer_id=transfer_id)
    assert found(client, "transfer", state="pending") == []


def test_request_and_split_bill_show_who_owed_whom_and_what_was_paid(client: Client) -> None:
    ada, bo, _conversation_id = payer_and_friend()
    body = {"payer_id": ada.id, "amount": cny(500), "note": "Secret cinema"}
    request_id = int(Api(bo).ok("POST", "money-requests/", body, status=201, key=str(uuid4()))["id"])
    assert found(client, "moneyrequest", state="pending") == [request_id]
    Api(ada).ok("POST", f"money-requests/{request_id}/pay/", {}, key=str(uuid4()))
    shown = page(client, "moneyrequest", request_id)
    for words in ("CN¥5.00", "Ada", "Bo", "paid", entry_link(request_id, "payments.request")):
        assert words in shown
    assert "Secret cinema" not in shown
    cy = person("Cy")
    body = {"conversation_id": str(group(bo, ada, cy)), "total": cny(900), "note": "Secret dinner"}
    body["participant_ids"] = [one.id for one in (ada, bo, cy)]
    made = Api(bo).ok("POST", "splits/", body, status=201, key=str(uuid4()))
    split_id = int(made["id"])
    Api(ada).ok("POST", f"splits/{split_id}/pay/", {}, key=str(uuid4()))
    share = SplitShare.objects.get(split_id=split_id, user_id=ada.user_id)
    shown = page(client, "split", split_id)
    for words in ("CN¥9.00", "2 / 3", ada.id, bo.id, entry_link(share.id, "payments.split")):
        assert words in shown
    assert "Secret dinner" not in shown
    for model, one, who in (("moneyrequest", request_id, ada), ("split", split_id, bo)):
        assert found(client, model, q=str(one)) == found(client, model, q=who.id) == [one]


def test_red_packet_shows_who_opened_what_but_not_its_greeting(client: Client) -> None:
    ada, bo, conversation_id = payer_and_friend()
    packet = packets.send(ada, conversation_id, 1_000, kind="one_to_one", parts=1, greeting="Secret wishes")
    packets.open_packet(bo, packet)
    shown = page(client, "redpacket", packet.id)
    for words in ("CN¥10.00", "1 / 1", str(bo.id), "all opened", entry_link(packet.id, "payments.red_packet")):
        assert words in shown
    assert "Secret wishes" not in shown
    assert found(client, "redpacket", q=ada.id) == [packet.id]
    assert found(client, "redpacket", state="open") == []
    assert RedPacket.objects.get(id=packet.id).seed.hex() not in shown


def test_payment_shows_its_legs_and_refunds(client: Client) -> None:
    payer_id, reference, merchant_id = payer(800), uuid4().hex, shop.new_merchant()
    payment = shop.pay(payer_id, shop.to_merchant(merchant_id, 700), shop.fee(100), reference=reference)
    refund = shop.refund(payment, 300, reason="It was broken.")
    shown = page(client, "payment", payment.id)
    for words in ("CN¥8.00", "CN¥7.00", "CN¥3.00", "It was broken.", entry_link(reference, shop.ORDER)):
        assert words in shown
    for model, identifier in (("accounts_organisation", merchant_id), ("payments_refund", refund.id)):
        assert reverse(f"admin:{model}_change", args=[identifier]) in shown
    for term in (payment.id, payer_id, reference, f"{shop.ORDER}:{reference}"):
        assert found(client, "payment", q=str(term)) == [payment.id]
    assert found(client, "payment", q=f"another.purpose:{reference}") == []
    of_refund = page(client, "refund", refund.id)
    for words in ("CN¥3.00", "It was broken.", reverse("admin:payments_payment_change", args=[payment.id])):
        assert words in of_refund
    assert found(client, "refund", q=str(payment.id)) == [refund.id]


@pytest.mark.parametrize("model", ["transfer", "moneyrequest", "redpacket", "payment", "refund"])
def test_lists_cost_the_same_for_one_row_and_for_many(client: Client, model: str) -> None:
    def make() -> Any:
        ada, bo, conversation_id = payer_and_friend()
        send_money(ada, bo)
        Api(bo).ok("POST", "money-requests/", {"payer_id": ada.id, "amount": cny(5)}, status=201, key=str(uuid4()))
        packets.send(ada, conversation_id, kind="one_to_one", parts=1)
        shop.refund(shop.pay(payer(60), shop.fee(60)), 10)

    make()
    with CaptureQueriesContext(connection) as few:
        found(client, model)
    for _ in range(3):
        make()
    with CaptureQueriesContext(connection) as many:
        found(client, model)
    assert len(many) == len(few) <= 15


def test_each_look_is_written_down_and_nobody_changes_anything() -> None:
    root = staff(is_superuser=True)
    client = verified(root)
    client.handler.enforce_csrf_checks = False
    payment = shop.pay(payer(60), shop.fee(60))
    for name in ("change", "delete"):
        address = reverse(f"admin:payments_payment_{name}", args=[payment.id])
        assert client.post(address, {"post": "yes", "amount_minor": "1"}).status_code == 403
    page(client, "payment", payment.id)
    assert AuditEntry.objects.get(actor_id=root.id).action == "payments.payment_viewed"
