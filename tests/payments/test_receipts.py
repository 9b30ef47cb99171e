"""What people read of real money: transfers, red packets, payments to products, from both sides."""

from typing import Any
from uuid import uuid4

import pytest

from payments import services
from superapp.accounts.models import User
from tests.messaging.api import Api
from tests.messaging.test_statements import statements
from tests.payments import packets, paying, shop
from tests.payments.paying import cny, payer_and_friend, send_money
from tests.realtime.people import Device, group

Json = dict[str, Any]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _easy(settings: Any) -> None:
    paying.make_easy(settings)


def new_key() -> str:
    return str(uuid4())


def read(who: Device, **query: str) -> list[tuple[Any, ...]]:
    """Amount, kind, title, with whom and note of each line, the newest first."""
    more = "".join(f"&{name}={value}" for name, value in query.items())
    return [
        (
            line["amount"]["amount"],
            line["kind"],
            line["title"],
            line["counterparty"] and line["counterparty"]["name"],
            line["note"],
        )
        for line in Api(who).all(f"wallet/statement/?currency=CNY{more}")
    ]


def test_transfer_is_sent_and_received_or_comes_back() -> None:
    ada, bo, _chat = payer_and_friend()
    taken = send_money(ada, bo, 1_250, note="lunch")
    services.accept_transfer(actor_id=bo.user_id, transfer_id=int(taken["id"]))
    declined = send_money(ada, bo, 300)
    services.decline_transfer(actor_id=bo.user_id, transfer_id=int(declined["id"]))
    assert read(ada, kind="transfer") == [
        (300, "transfer", "Transfer returned", "Bo", ""),
        (-300, "transfer", "Transfer sent", "Bo", ""),
        (-1_250, "transfer", "Transfer sent", "Bo", "lunch"),
    ]
    assert read(bo) == [(1_250, "transfer", "Transfer received", "Ada", "lunch")]
    line = Api(bo).get("wallet/statement/?currency=CNY")["results"][0]
    assert (line["purpose"], line["reference"]) == ("payments.transfer", taken["id"])
    assert line["counterparty"]["user_id"] == ada.id
    receipt = Api(bo).get(f"wallet/statement/{line['id']}/")
    assert receipt["data"] == {"transfer_id": taken["id"], "state": "accepted"}
    # What happened in the other one's wallet is theirs.
    assert receipt["related"] == []


def test_what_was_asked_for_and_shares_of_a_bill_name_the_other_one() -> None:
    ada, bo, _chat = payer_and_friend()
    asked = Api(bo).ok(
        "POST", "money-requests/", {"payer_id": ada.id, "amount": cny(500), "note": "cinema"}, status=201, key=new_key()
    )
    Api(ada).ok("POST", f"money-requests/{asked['id']}/pay/", {}, key=new_key())
    bill = {
        "conversation_id": str(group(bo, ada)),
        "total": cny(100),
        "note": "tea",
        "participant_ids": [ada.id, bo.id],
    }
    split = Api(bo).ok("POST", "splits/", bill, status=201, key=new_key())
    Api(ada).ok("POST", f"splits/{split['id']}/pay/", {}, key=new_key())
    assert read(ada, kind="transfer") == [
        (-50, "transfer", "Share of a bill", "Bo", "tea"),
        (-500, "transfer", "Paid on request", "Bo", "cinema"),
    ]
    assert read(bo) == [
        (50, "transfer", "Share of a bill received", "Ada", "tea"),
        (500, "transfer", "Received on request", "Ada", "cinema"),
    ]


def test_red_packet_is_sent_opened_and_what_is_left_comes_back() -> None:
    ada, bo, chat = payer_and_friend()
    packet = packets.send(ada, chat, 1_000, kind="one_to_one", parts=1, greeting="Good luck")
    packets.open_packet(bo, packet)
    other = packets.send(ada, chat, 500, kind="one_to_one", parts=1)
    packets.end_day(other)
    packets.sweep()
    assert [line[:4] for line in read(ada, kind="red_packet")] == [
        (500, "red_packet", "Red packet: not opened", None),
        (-500, "red_packet", "Red packet sent", None),
        (-1_000, "red_packet", "Red packet sent", None),
    ]
    assert read(bo) == [(1_000, "red_packet", "Red packet received", "Ada", "Good luck")]


def test_payment_and_its_refund_are_told_apart_and_belong_together() -> None:
    ada, bo, _chat = payer_and_friend()
    payment = shop.pay(ada.user_id, shop.to_user(bo.user_id, 600), shop.fee(50), reference="meal of ada and bo")
    shop.refund(payment, 65, reason="cold")
    assert read(ada)[:2] == [
        (65, "refund", "Order meal", "Test shop", ""),
        (-650, "payment", "Order meal", "Test shop", ""),
    ]
    assert [line[:2] for line in read(bo)] == [(-60, "refund"), (600, "payment")]
    newest, paid, *_rest = Api(ada).get("wallet/statement/?currency=CNY")["results"]
    receipt = Api(ada).get(f"wallet/statement/{paid['id']}/")
    assert [line["id"] for line in receipt["related"]] == [newest["id"]]
    assert read(ada, kind="refund") == read(ada)[:1]


def test_held_money_is_no_line_until_it_is_taken() -> None:
    ada, _bo, _chat = payer_and_friend(1_000)
    before = read(ada)
    held = shop.hold(ada.user_id, 400)
    assert read(ada) == before
    assert Api(ada).get("wallet/")["results"][0]["held"]["amount"] == 400
    services.capture(hold_id=held.id, legs=[shop.fee(300)])
    assert [line[:2] for line in read(ada)[: -len(before)]] == [(-300, "payment")]
    assert Api(ada).get("wallet/")["results"][0]["held"]["amount"] == 0


def test_all_of_it_is_read_in_the_readers_language_at_a_fixed_cost() -> None:
    ada, bo, chat = payer_and_friend()

    def live() -> None:
        packets.make_rich(ada, 10_000)
        transfer = send_money(ada, bo, 10)
        services.accept_transfer(actor_id=bo.user_id, transfer_id=int(transfer["id"]))
        packets.send(ada, chat, 100, kind="one_to_one", parts=1)
        shop.pay(ada.user_id, shop.to_user(bo.user_id, 5))

    def look() -> None:
        Api(ada).get("wallet/statement/?currency=CNY&limit=100")

    live()
    cost = statements(look)
    for _day in range(4):
        live()
    assert statements(look) == cost
    User.objects.filter(id=ada.user_id).update(language="zh-hans")
    titles = {line[2] for line in read(ada)}
    assert {"期初余额", "转出"} <= titles
    assert not {"Transfer sent", "Red packet sent", "Opening balance"} & titles
