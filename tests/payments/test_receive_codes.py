"""Paying whoever shows a code: at once, friend or stranger, and only as long as the code lasts."""

from typing import Any
from uuid import uuid4

import pytest
from django.db.models.functions import Now

from messaging import services as messaging
from messaging.models import Notice
from payments import services
from payments.models import ReceiveCode, Transfer
from superapp.accounts.models import User
from tests.accounts.outbox import deliver
from tests.messaging.api import Api
from tests.messaging.conftest import Wire, wire  # noqa: F401  (a fixture)
from tests.payments.money import account, wallet
from tests.payments.paying import cny, make_easy, make_known, refused, rich
from tests.payments.security import approve
from tests.realtime.people import Device, person

pytestmark = pytest.mark.django_db
Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _easy(settings: Any) -> None:
    make_easy(settings)


def strangers() -> tuple[Device, Device]:
    """Ada has paid Bo before, and they are no friends."""
    ada, bo = rich("Ada"), person("Bo")
    make_known(ada, bo)
    return ada, bo


def standing(who: Device) -> str:
    return str(Api(who).get("wallet/receive-code/")["url"])


def asking(who: Device, amount_minor: int = 700, *, key: str = "", **more: Any) -> Json:
    body = {"amount": cny(amount_minor), **more}
    return dict(Api(who).ok("POST", "wallet/receive-codes/", body, status=201, key=key or str(uuid4())))


def pay(who: Device, code: str, amount_minor: int | None = 300, *, key: str = "", **more: Any) -> Json:
    body = {"code": code, **more} | ({} if amount_minor is None else {"amount": cny(amount_minor)})
    return dict(Api(who).ok("POST", "transfers/instant/", body, status=201, key=key or str(uuid4())))


def nothing_moved(ada: Device) -> None:
    assert not Transfer.objects.filter(payer_id=ada.user_id).exists()
    assert wallet(ada.user_id).balance_minor == 100_000


def test_a_code_pays_a_stranger_at_once(wire: Wire) -> None:  # noqa: F811
    ada, bo = strangers()
    code = standing(bo)
    assert standing(bo) == code
    assert Api(bo).get("wallet/receive-code/")["svg"].startswith("<svg")
    scanned = Api(ada).ok("POST", "scan/", {"content": code})
    assert (scanned["kind"], scanned["title"]) == ("payments.receive", "Bo")
    assert (scanned["data"]["payee"]["id"], scanned["data"]["amount"], scanned["data"]["note"]) == (bo.id, None, "")
    wire.pushes()
    made = pay(ada, code, 300, note="tea")
    assert (made["kind"], made["state"], made["amount"], made["note"]) == ("instant", "accepted", cny(300), "tea")
    assert (made["expires_at"], made["payee"]["id"]) == (None, bo.id)
    assert (wallet(ada.user_id).balance_minor, wallet(bo.user_id).balance_minor) == (99_700, 300)
    told = [(topics, frame["payload"]) for topics, frame in wire.pushes() if frame["type"] == "transfer.updated"]
    assert sorted(topic.split(":")[-1] for topics, _ in told for topic in topics) == sorted([ada.id, bo.id])
    assert all(payload == made for _topics, payload in told)
    deliver()
    assert Notice.objects.get(user_id=bo.user_id).kind == "payments.transfer_received"
    assert Api(bo).get("notices/")["results"][0]["text"] == "You received CN¥3.00."
    # There is nothing left to do with it.
    assert refused(bo, f"transfers/{made['id']}/accept/") == (409, "transfer_ended")
    assert refused(ada, f"transfers/{made['id']}/cancel/") == (409, "transfer_ended")


def test_somebodys_card_pays_them_as_well() -> None:
    ada, bo = strangers()
    card = Api(bo).get("me/qr/")["url"]
    assert pay(ada, card)["payee"]["id"] == bo.id
    Api(bo).ok("POST", "me/qr/")
    assert refused(ada, "transfers/instant/", {"code": card, "amount": cny(1)}) == (410, "link_ended")


def test_a_code_may_ask_for_an_amount() -> None:
    ada, bo = strangers()
    key = str(uuid4())
    code = asking(bo, 700, note="two teas", key=key)
    assert asking(bo, 700, note="two teas", key=key) == code
    other = Api(bo).refused("POST", "wallet/receive-codes/", {"amount": cny(701)}, key=key)
    assert other == (409, "idempotency_conflict")
    scanned = Api(ada).ok("POST", "scan/", {"content": code["url"]})["data"]
    assert (scanned["amount"], scanned["note"]) == (cny(700), "two teas")
    body = {"code": code["url"], "amount": cny(699)}
    assert refused(ada, "transfers/instant/", body) == (422, "amount_fixed")
    nothing_moved(ada)
    made = pay(ada, code["url"], None)
    assert (made["amount"], made["note"]) == (cny(700), "two teas")
    # Each who scans it pays.
    pay(ada, code["url"], 700)
    assert wallet(bo.user_id).balance_minor == 1_400


def test_who_scans_a_code_without_an_amount_says_how_much() -> None:
    ada, bo = strangers()
    code = standing(bo)
    assert refused(ada, "transfers/instant/", {"code": code}) == (400, "invalid_input")
    for amount in (0, -1, 1.5, "1e3", 2**63):
        body = {"code": code, "amount": {"amount": amount, "currency": "CNY"}}
        assert refused(ada, "transfers/instant/", body) == (400, "invalid_input")
    nothing_moved(ada)


def test_resetting_ends_the_codes_that_others_were_given() -> None:
    ada, bo = strangers()
    old, asked = standing(bo), asking(bo)["url"]
    new = Api(bo).ok("POST", "wallet/receive-code/")["url"]
    assert new != old
    for code in (old, asked):
        assert refused(ada, "transfers/instant/", {"code": code, "amount": cny(700)}) == (410, "link_ended")
        assert refused(ada, "scan/", {"content": code}) == (410, "link_ended")
    nothing_moved(ada)
    pay(ada, new)


def test_a_code_that_asks_lasts_a_week() -> None:
    ada, bo = strangers()
    code = asking(bo)
    ReceiveCode.objects.filter(id=code["id"]).update(expires_at=Now())
    assert refused(ada, "transfers/instant/", {"code": code["url"]}) == (410, "link_ended")
    nothing_moved(ada)


def test_a_retry_gets_the_first_answer_also_when_the_code_has_ended() -> None:
    ada, bo = strangers()
    code, key = standing(bo), str(uuid4())
    made = pay(ada, code, key=key)
    Api(bo).ok("POST", "wallet/receive-code/")
    again = Api(ada).call("POST", "transfers/instant/", {"code": code, "amount": cny(300)}, key=key)
    assert (again.status_code, again.json(), again["Idempotent-Replayed"]) == (201, made, "true")
    other = Api(ada).refused("POST", "transfers/instant/", {"code": code, "amount": cny(301)}, key=key)
    assert other == (409, "idempotency_conflict")
    assert wallet(ada.user_id).balance_minor == 99_700


def test_without_a_code_nobody_pays_a_stranger() -> None:
    ada, bo = strangers()
    for content in (bo.id, f"https://elsewhere.example/{bo.id}", "x", f"{standing(bo)[:-1]}!"):
        assert refused(ada, "transfers/instant/", {"code": content, "amount": cny(1)}) == (404, "not_found")
    assert refused(ada, "transfers/instant/", {"payee_id": bo.id, "amount": cny(1)}) == (400, "invalid_input")
    nothing_moved(ada)


def test_whoever_is_blocked_finds_nobody_behind_the_code() -> None:
    ada, bo = strangers()
    code = standing(bo)
    messaging.block(actor_id=bo.user_id, user_id=ada.user_id)
    assert refused(ada, "transfers/instant/", {"code": code, "amount": cny(1)}) == (404, "not_found")
    assert refused(ada, "scan/", {"content": code}) == (404, "not_found")
    nothing_moved(ada)


@pytest.mark.parametrize("why", ["gone", "frozen", "oneself", "short", "above the limit", "new payee"])
def test_what_keeps_a_transfer_from_a_friend_keeps_this_one(why: str) -> None:
    ada, bo = strangers()
    code, amount = standing(bo), 300
    match why:
        case "gone":
            User.objects.filter(id=bo.user_id).update(is_active=False)
            expected = (404, "not_found")
        case "frozen":
            account(bo.user_id)
            services.freeze_wallet(user_id=bo.user_id, actor_id=bo.user_id, reason="")
            expected = (403, "account_frozen")
        case "oneself":
            code, expected = standing(ada), (422, "that_is_you")
        case "short":
            amount, expected = 100_001, (402, "insufficient_funds")
        case "above the limit":
            amount, expected = 500_001, (422, "limit_exceeded")
        case _:
            code, expected = standing(person("Cy")), (403, "approval_required")
    assert refused(ada, "transfers/instant/", {"code": code, "amount": cny(amount)}) == expected
    nothing_moved(ada)


def test_the_pin_lets_a_new_payee_be_paid() -> None:
    ada, bo = rich("Ada"), person("Bo")
    code = standing(bo)
    approval = approve(ada.user_id, "payments.transfer", f"user:{bo.id}", 300)
    pay(ada, code, 300, approval=approval)
    assert wallet(bo.user_id).balance_minor == 300
