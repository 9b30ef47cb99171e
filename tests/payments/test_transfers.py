"""Transfers in chats: who may send what to whom, how they end, and who is told."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from messaging import services as messaging
from messaging.models import Message, Notice
from payments import services
from payments.ledger import services as ledger
from payments.models import LimitCounter, Transfer
from payments.services import transfers
from superapp.accounts.models import User
from superapp.core import leases
from tests.accounts.outbox import deliver
from tests.messaging.api import Api
from tests.messaging.conftest import Wire, wire  # noqa: F401  (a fixture)
from tests.messaging.test_statements import statements
from tests.payments.money import account, fund, house, wallet
from tests.payments.paying import (
    cny,
    make_easy,
    make_known,
    payer_and_friend,
    refused,
    rich,
    send_money,
    transfer_body,
)
from tests.payments.security import approve, set_pin
from tests.realtime.people import Device, befriend, person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _easy(settings: Any) -> None:
    make_easy(settings)


def sweep() -> int:
    lease = leases.claim(name="payments.transfers", shard="0", ttl=timedelta(seconds=30))
    assert lease is not None
    return services.return_expired_transfers(lease)


def let_time_pass(transfer_id: str, *, to_its_end: timedelta = timedelta(0)) -> None:
    Transfer.objects.filter(id=transfer_id).update(expires_at=Now() + to_its_end)


def card_of(conversation_id: int) -> dict[str, Any]:
    return dict(Message.objects.get(conversation_id=conversation_id, kind="card").body)


def spent(who: Device) -> set[int]:
    return set(LimitCounter.objects.filter(user_id=who.user_id).values_list("spent_minor", flat=True))


def told(pushes: Any) -> list[tuple[str, Any]]:
    """Who was shown a transfer as what."""
    found = [(topics, frame) for topics, frame in pushes if frame["type"] == "transfer.updated"]
    return sorted((topic.split(":")[-1], frame["payload"]) for topics, frame in found for topic in topics)


def nothing_happened(ada: Device, conversation_id: int | None = None) -> None:
    assert not Transfer.objects.filter(payer_id=ada.user_id).exists()
    assert (wallet(ada.user_id).balance_minor, house("escrow", "transfers")) == (100_000, 0)
    assert spent(ada) == set()
    if conversation_id is not None:
        assert not Message.objects.filter(conversation_id=conversation_id, kind="card").exists()


# --- sending ----------------------------------------------------------------------------------------------------------


def test_money_leaves_the_wallet_and_its_card_stands_in_the_chat(wire: Wire) -> None:  # noqa: F811
    ada, bo, conversation_id = payer_and_friend()
    wire.pushes()
    made = send_money(ada, bo, 1_250, note="lunch")
    assert (made["state"], made["kind"], made["amount"], made["note"]) == ("pending", "chat", cny(1_250), "lunch")
    assert (made["payer"]["id"], made["payee"]["id"], made["ended_at"]) == (ada.id, bo.id, None)
    transfer = Transfer.objects.get(id=made["id"])
    assert transfer.expires_at - transfer.created_at == timedelta(hours=24)
    assert (wallet(ada.user_id).balance_minor, wallet(bo.user_id).balance_minor) == (98_750, 0)
    assert house("escrow", "transfers") == 1_250
    body = card_of(conversation_id)
    assert (body["kind"], body["reference"], body["version"]) == ("payments.transfer", made["id"], 1)
    assert body["data"] == {
        "payer_id": ada.id,
        "payee_id": bo.id,
        "amount": cny(1_250),
        "note": "lunch",
        "state": "pending",
        "expires_at": made["expires_at"],
    }
    assert body["fallback"]["en"] == "Transfer of CN¥12.50: waiting to be accepted"
    pushes = wire.pushes()
    assert told(pushes) == [(ada.id, made), (bo.id, made)]
    assert [frame["payload"]["body"] for _, frame in pushes if frame["type"] == "message.created"] == [body]
    for reader in (ada, bo):
        assert Api(reader).get(f"transfers/{made['id']}/") == made


def test_the_same_key_moves_money_once() -> None:
    ada, bo, _ = payer_and_friend()
    key = str(uuid4())
    made = send_money(ada, bo, key=key)
    again = Api(ada).call("POST", "transfers/", transfer_body(bo), key=key)
    assert (again.status_code, again.json(), again["Idempotent-Replayed"]) == (201, made, "true")
    other = Api(ada).refused("POST", "transfers/", transfer_body(bo, 1_251), key=key)
    assert other == (409, "idempotency_conflict")
    assert wallet(ada.user_id).balance_minor == 98_750
    assert Api(ada).refused("POST", "transfers/", transfer_body(bo)) == (400, "invalid_input")


@pytest.mark.parametrize("amount", [0, -1, 1.5, "1e3", "100", float("nan"), 2**63, True, None], ids=str)
def test_what_is_no_amount_writes_nothing(amount: Any) -> None:
    ada, bo, conversation_id = payer_and_friend()
    body = {"payee_id": bo.id, "amount": {"amount": amount, "currency": "CNY"}}
    status, code = refused(ada, "transfers/", body)
    assert (status, code) in {(400, "invalid_input"), (400, "malformed_body")}
    nothing_happened(ada, conversation_id)


def test_a_currency_that_no_wallet_has_is_refused() -> None:
    ada, bo, conversation_id = payer_and_friend()
    for currency in ("JPY", "XXX", "cny"):
        body = {"payee_id": bo.id, "amount": {"amount": 1, "currency": currency}}
        assert refused(ada, "transfers/", body) == (400, "invalid_input")
    nothing_happened(ada, conversation_id)


def test_nobody_pays_themselves() -> None:
    ada, *_ = payer_and_friend()
    assert refused(ada, "transfers/", transfer_body(ada)) == (422, "that_is_you")
    nothing_happened(ada)


def test_more_than_is_there_is_refused() -> None:
    ada, bo, conversation_id = payer_and_friend()
    assert refused(ada, "transfers/", transfer_body(bo, 100_001)) == (402, "insufficient_funds")
    body = {"payee_id": bo.id, "amount": {"amount": 1, "currency": "EUR"}}
    assert refused(ada, "transfers/", body) == (402, "insufficient_funds")
    nothing_happened(ada, conversation_id)


def test_more_than_one_may_pay_is_refused() -> None:
    ada, bo, conversation_id = payer_and_friend()
    assert refused(ada, "transfers/", transfer_body(bo, 500_001)) == (422, "limit_exceeded")
    nothing_happened(ada, conversation_id)


def test_who_has_no_pin_pays_nothing_and_receives() -> None:
    ada, bo, _ = payer_and_friend()
    fund(bo.user_id, 500)
    assert refused(bo, "transfers/", transfer_body(ada, 100)) == (403, "pin_not_set")
    made = send_money(ada, bo)
    Api(bo).ok("POST", f"transfers/{made['id']}/accept/")
    assert wallet(bo.user_id).balance_minor == 1_750


def test_a_new_payee_takes_the_pin_and_the_approval_is_used_up() -> None:
    ada, bo = rich("Ada"), person("Bo")
    befriend(ada, bo)
    assert refused(ada, "transfers/", transfer_body(bo)) == (403, "approval_required")
    nothing_happened(ada)
    approval = approve(ada.user_id, "payments.transfer", f"user:{bo.id}", 1_250)
    other = transfer_body(bo, 1_251, approval=approval)
    assert refused(ada, "transfers/", other) == (403, "approval_invalid")
    made = send_money(ada, bo, approval=approval)
    assert refused(ada, "transfers/", transfer_body(bo, approval=approval)) == (403, "approval_invalid")
    # Now they know one another.
    send_money(ada, bo, 1)
    assert (made["state"], wallet(ada.user_id).balance_minor) == ("pending", 98_749)


@pytest.mark.parametrize("who", ["payer", "payee"])
def test_frozen_wallets_neither_send_nor_are_sent_to(who: str) -> None:
    ada, bo, conversation_id = payer_and_friend()
    frozen = ada if who == "payer" else bo
    account(frozen.user_id)
    services.freeze_wallet(user_id=frozen.user_id, actor_id=frozen.user_id, reason="")
    status, code = refused(ada, "transfers/", transfer_body(bo))
    assert (status, code) == (403, "wallet_frozen" if who == "payer" else "account_frozen")
    nothing_happened(ada, conversation_id)


def test_a_closed_wallet_is_not_sent_to() -> None:
    ada, bo, conversation_id = payer_and_friend()
    ledger.set_status(account_id=account(bo.user_id), status="closed")
    assert refused(ada, "transfers/", transfer_body(bo)) == (403, "account_closed")
    nothing_happened(ada, conversation_id)


def test_strangers_and_whoever_is_blocked_send_nothing() -> None:
    ada, bo, conversation_id = payer_and_friend()
    eve = person("Eve")
    assert refused(ada, "transfers/", transfer_body(eve)) == (403, "not_friends")
    messaging.block(actor_id=bo.user_id, user_id=ada.user_id)
    assert refused(ada, "transfers/", transfer_body(bo)) == (403, "blocked")
    nothing_happened(ada, conversation_id)


def test_strangers_learn_nothing_about_a_wallet_or_a_block_and_nobody_from_a_friend_who_blocked_them() -> None:
    ada, bo, conversation_id = payer_and_friend()
    frozen, wary, gone = person("Fay"), person("Wim"), person("Gus")
    for user_id in (frozen.user_id, bo.user_id):
        services.freeze_wallet(user_id=user_id, actor_id=user_id, reason="")
    for user_id in (wary.user_id, bo.user_id):
        messaging.block(actor_id=user_id, user_id=ada.user_id)
    User.objects.filter(id=gone.user_id).update(is_active=False)
    answers = {refused(ada, "transfers/", transfer_body(one)) for one in (person("Eve"), frozen, wary, gone)}
    answers.add(refused(ada, "transfers/", {"payee_id": "1", "amount": cny(1)}))
    assert answers == {(403, "not_friends")}
    assert refused(ada, "transfers/", transfer_body(bo)) == (403, "blocked")
    nothing_happened(ada, conversation_id)


def test_nobody_is_paid_who_is_not_there() -> None:
    ada, bo, conversation_id = payer_and_friend()
    User.objects.filter(id=bo.user_id).update(is_active=False)
    assert refused(ada, "transfers/", transfer_body(bo)) == (404, "not_found")
    nothing_happened(ada, conversation_id)


def test_a_key_that_is_a_message_already_moves_nothing() -> None:
    ada, bo, conversation_id = payer_and_friend()
    key = str(uuid4())
    Api(ada).send(conversation_id, key=key)
    assert Api(ada).refused("POST", "transfers/", transfer_body(bo), key=key) == (409, "idempotency_conflict")
    nothing_happened(ada, conversation_id)


# --- how it ends ------------------------------------------------------------------------------------------------------


def test_the_payee_takes_the_money_and_everybody_is_told(wire: Wire) -> None:  # noqa: F811
    ada, bo, conversation_id = payer_and_friend()
    made = send_money(ada, bo)
    wire.pushes()
    taken = Api(bo).ok("POST", f"transfers/{made['id']}/accept/")
    assert taken == {**made, "state": "accepted", "ended_at": taken["ended_at"]}
    assert (wallet(ada.user_id).balance_minor, wallet(bo.user_id).balance_minor) == (98_750, 1_250)
    assert house("escrow", "transfers") == 0
    # It was paid: that counts.
    assert spent(ada) == {1_250}
    # Again is the same.
    assert Api(bo).ok("POST", f"transfers/{made['id']}/accept/") == taken
    assert wallet(bo.user_id).balance_minor == 1_250
    deliver()
    body = card_of(conversation_id)
    assert (body["version"], body["data"]["state"]) == (2, "accepted")
    assert told(wire.pushes()) == [(ada.id, taken), (bo.id, taken)]
    notice = Notice.objects.get(user_id=ada.user_id)
    assert (notice.kind, notice.card_reference) == ("payments.transfer_accepted", made["id"])
    assert Api(ada).get("notices/")["results"][0]["text"] == "Your transfer of CN¥12.50 was accepted."


@pytest.mark.parametrize(("who", "verb", "state"), [("payee", "decline", "declined"), ("payer", "cancel", "cancelled")])
def test_money_goes_back_and_so_does_the_limit(who: str, verb: str, state: str) -> None:
    ada, bo, conversation_id = payer_and_friend()
    made = send_money(ada, bo)
    assert spent(ada) == {1_250}
    actor = bo if who == "payee" else ada
    ended = Api(actor).ok("POST", f"transfers/{made['id']}/{verb}/")
    assert ended["state"] == state
    assert Api(actor).ok("POST", f"transfers/{made['id']}/{verb}/") == ended
    assert (wallet(ada.user_id).balance_minor, wallet(bo.user_id).balance_minor) == (100_000, 0)
    assert (house("escrow", "transfers"), spent(ada)) == (0, {0})
    for other in {"accept", "decline", "cancel"} - {verb}:
        by = ada if other == "cancel" else bo
        assert refused(by, f"transfers/{made['id']}/{other}/") == (409, "transfer_ended")
    deliver()
    assert card_of(conversation_id)["data"]["state"] == state
    # Whoever took it back knows.
    assert Notice.objects.filter(user_id=ada.user_id).count() == (1 if who == "payee" else 0)


def test_what_waits_is_the_others_to_take_and_nobody_elses_to_see() -> None:
    ada, bo, _ = payer_and_friend()
    eve = person("Eve")
    befriend(ada, eve)
    made = send_money(ada, bo)
    path = f"transfers/{made['id']}/"
    assert refused(ada, f"{path}accept/") == (403, "forbidden")
    assert refused(ada, f"{path}decline/") == (403, "forbidden")
    assert refused(bo, f"{path}cancel/") == (403, "forbidden")
    for verb in ("accept", "decline", "cancel"):
        assert refused(eve, f"{path}{verb}/") == (404, "not_found")
        assert refused(eve, f"transfers/1/{verb}/") == (404, "not_found")
    assert Api(eve).refused("GET", path) == (404, "not_found")
    assert Transfer.objects.get(id=made["id"]).state == "pending"


def test_after_a_day_it_goes_back_by_itself() -> None:
    ada, bo, conversation_id = payer_and_friend()
    made, later = send_money(ada, bo), send_money(ada, bo, 99)
    let_time_pass(made["id"])
    # From this moment nobody takes it any more, whether or not the loop has been there.
    assert refused(bo, f"transfers/{made['id']}/accept/") == (410, "transfer_expired")
    assert sweep() == 1
    assert sweep() == 0
    assert Transfer.objects.get(id=made["id"]).state == "returned"
    assert Transfer.objects.get(id=later["id"]).state == "pending"
    assert (wallet(ada.user_id).balance_minor, house("escrow", "transfers"), spent(ada)) == (99_901, 99, {99})
    for by, verb in ((bo, "accept"), (bo, "decline"), (ada, "cancel")):
        assert refused(by, f"transfers/{made['id']}/{verb}/") == (410, "transfer_expired")
    deliver()
    card = Message.objects.get(conversation_id=conversation_id, body__reference=made["id"])
    assert card.body["data"]["state"] == "returned"
    assert Notice.objects.get(user_id=ada.user_id).kind == "payments.transfer_returned"
    assert "came back" in Api(ada).get("notices/")["results"][0]["text"]


def test_two_hours_before_its_end_the_payee_is_reminded_once() -> None:
    ada, bo, _ = payer_and_friend()
    made = send_money(ada, bo)
    assert sweep() == 0
    let_time_pass(made["id"], to_its_end=timedelta(hours=1))
    assert sweep() == 1
    assert sweep() == 0
    assert [notice.kind for notice in Notice.objects.filter(user_id=bo.user_id)] == ["payments.transfer_expiring"]


def test_money_comes_back_to_a_frozen_wallet_and_is_not_taken_by_one() -> None:
    ada, bo, _ = payer_and_friend()
    first, second = send_money(ada, bo), send_money(ada, bo, 300)
    services.freeze_wallet(user_id=bo.user_id, actor_id=bo.user_id, reason="")
    assert refused(bo, f"transfers/{first['id']}/accept/") == (403, "account_frozen")
    services.freeze_wallet(user_id=ada.user_id, actor_id=ada.user_id, reason="")
    Api(bo).ok("POST", f"transfers/{first['id']}/decline/")
    let_time_pass(second["id"])
    assert sweep() == 1
    assert (wallet(ada.user_id).balance_minor, house("escrow", "transfers")) == (100_000, 0)


def break_return(transfer_id: str, payer_id: int) -> None:
    """As if something else had been posted as its way back: nothing can bring the money home any more."""
    ledger.transfer(
        debit_account_id=ledger.house_account("world", "CNY", "adjustments"),
        credit_account_id=account(payer_id),
        amount_minor=1,
        currency="CNY",
        purpose="payments.transfer",
        reference=transfer_id,
        step="return",
    )


def test_one_that_cannot_be_returned_keeps_no_other_waiting() -> None:
    ada, bo, _ = payer_and_friend()
    ids = [send_money(ada, bo, amount)["id"] for amount in (100, 200, 300)]
    for number, transfer_id in enumerate(ids):
        let_time_pass(transfer_id, to_its_end=timedelta(minutes=number - 5))
    break_return(ids[0], ada.user_id)
    assert sweep() == 2
    assert list(Transfer.objects.order_by("id").values_list("state", flat=True)) == ["pending", "returned", "returned"]


# --- reading ----------------------------------------------------------------------------------------------------------


def test_a_whole_batch_that_cannot_go_back_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "BATCH", 2)
    ada, bo, _ = payer_and_friend(1_000)
    stuck = [send_money(ada, bo, 400)["id"] for _ in range(2)]
    for transfer_id in stuck:
        break_return(transfer_id, ada.user_id)
    cy, di, _ = payer_and_friend(300)
    fine = send_money(cy, di, 300)["id"]
    for number, transfer_id in enumerate([*stuck, fine]):
        let_time_pass(transfer_id, to_its_end=timedelta(minutes=number - 5))
    assert sweep() == 0
    assert sweep() == 1
    assert wallet(cy.user_id).balance_minor == 300
    # The loop comes to them again, later.
    assert set(Transfer.objects.filter(state="pending", retry_at__gt=Now()).values_list("id", flat=True)) == {
        int(transfer_id) for transfer_id in stuck
    }


def test_what_comes_back_reaches_a_wallet_that_is_full_meanwhile(settings: Any) -> None:
    settings.WALLET_CEILING_MINOR = 1_000
    ada, bo, _ = payer_and_friend(1_000)
    sent = send_money(ada, bo, 400)["id"]
    fund(ada.user_id, 400)
    Api(ada).ok("POST", f"transfers/{sent}/cancel/")
    assert (wallet(ada.user_id).balance_minor, house("escrow", "transfers")) == (1_400, 0)


def test_lists_go_by_direction_and_state() -> None:
    ada, bo, _ = payer_and_friend()
    set_pin(bo.user_id)
    fund(bo.user_id, 1_000)
    make_known(bo, ada)
    sent = [send_money(ada, bo, amount) for amount in (1, 2, 3)]
    back = send_money(bo, ada, 4)
    Api(bo).ok("POST", f"transfers/{sent[1]['id']}/accept/")

    def amounts(who: Device, query: str) -> list[int]:
        return [row["amount"]["amount"] for row in Api(who).all(f"transfers/?limit=2&{query}")]

    assert amounts(ada, "direction=outgoing") == [3, 2, 1]
    assert amounts(bo, "") == [3, 2, 1]
    assert amounts(bo, "direction=incoming&state=pending") == [3, 1]
    assert amounts(ada, "direction=outgoing&state=accepted") == [2]
    assert amounts(ada, "direction=incoming") == [4]
    assert Api(bo).get("transfers/?direction=outgoing")["results"] == [back]
    assert amounts(person("Eve"), "") == []


def test_a_list_costs_the_same_however_long_it_is() -> None:
    ada, bo, _ = payer_and_friend()
    costs = set()
    for _ in range(2):
        send_money(ada, bo, 1)
        costs.add(statements(lambda: Api(bo).get("transfers/")))
    # Who asks, the page, and its people.
    assert costs == {3}


# --- constraints ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "amount_minor = 0",
        "amount_minor = -5",
        "payee_id = payer_id",
        "state = 'lost'",
        "state = 'accepted'",
        "ended_at = now()",
        "kind = 'instant'",
    ],
)
def test_the_database_refuses_what_no_transfer_is(change: str) -> None:
    ada, bo, _ = payer_and_friend()
    made = send_money(ada, bo)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE payments_transfer SET {change} WHERE id = %s", [made["id"]])
