"""Asking a friend for money: who may ask, pay, refuse and take back, and that it is paid once."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from messaging import services as messaging
from messaging.models import Message, Notice
from payments import services
from payments.api.request_serializers import MoneyRequestOutput
from payments.frames import money_request_frame
from payments.models import MoneyRequest
from payments.selectors import show_request_people
from superapp.core import leases
from tests.accounts.outbox import deliver
from tests.messaging.api import Api
from tests.messaging.conftest import Wire, wire  # noqa: F401  (a fixture)
from tests.payments.money import wallet
from tests.payments.paying import cny, make_easy, payer_and_friend, refused
from tests.realtime.people import Device, befriend, person

pytestmark = pytest.mark.django_db
Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _easy(settings: Any) -> None:
    make_easy(settings)


def ask(who: Device, payer: Device, amount_minor: int = 500, *, key: str = "", **more: Any) -> Json:
    body = {"payer_id": payer.id, "amount": cny(amount_minor), **more}
    return dict(Api(who).ok("POST", "money-requests/", body, status=201, key=key or str(uuid4())))


def sweep() -> int:
    lease = leases.claim(name="payments.requests", shard="0", ttl=timedelta(seconds=30))
    assert lease is not None
    return services.expire_requests(lease)


def card_of(conversation_id: int) -> Json:
    return dict(Message.objects.get(conversation_id=conversation_id, kind="card").body)


def test_a_friend_is_asked_in_the_chat_and_pays_at_once(wire: Wire) -> None:  # noqa: F811
    ada, bo, conversation_id = payer_and_friend()
    made = ask(bo, ada, 500, note="cinema")
    assert (made["state"], made["amount"], made["requester"]["id"], made["payer"]["id"]) == (
        "pending",
        cny(500),
        bo.id,
        ada.id,
    )
    body = card_of(conversation_id)
    assert (body["kind"], body["reference"], body["version"]) == ("payments.request", made["id"], 1)
    assert body["data"]["note"] == "cinema"
    assert body["fallback"]["en"] == "Request for CN¥5.00"
    wire.pushes()
    path = f"money-requests/{made['id']}/"
    key = str(uuid4())
    paid = Api(ada).ok("POST", f"{path}pay/", {}, key=key)
    assert paid == {**made, "state": "paid", "ended_at": paid["ended_at"]}
    assert (wallet(ada.user_id).balance_minor, wallet(bo.user_id).balance_minor) == (99_500, 500)
    pushes = [frame["payload"] for _topics, frame in wire.pushes() if frame["type"] == "money_request.updated"]
    assert pushes == [paid, paid]
    # A retry pays nothing more; somebody who pays again is told.
    again = Api(ada).call("POST", f"{path}pay/", {}, key=key)
    assert (again.status_code, again.json(), again["Idempotent-Replayed"]) == (200, paid, "true")
    assert refused(ada, f"{path}pay/", {}) == (409, "request_ended")
    assert wallet(ada.user_id).balance_minor == 99_500
    deliver()
    assert (card_of(conversation_id)["version"], card_of(conversation_id)["data"]["state"]) == (2, "paid")
    assert Notice.objects.get(user_id=bo.user_id).kind == "payments.request_paid"


def test_asking_twice_with_one_key_asks_once() -> None:
    ada, bo, conversation_id = payer_and_friend()
    key = str(uuid4())
    made = ask(bo, ada, key=key)
    assert ask(bo, ada, key=key) == made
    body = {"payer_id": ada.id, "amount": cny(501)}
    assert Api(bo).refused("POST", "money-requests/", body, key=key) == (409, "idempotency_conflict")
    assert Message.objects.filter(conversation_id=conversation_id, kind="card").count() == 1


@pytest.mark.parametrize(("who", "verb", "state"), [("payer", "decline", "declined"), ("asker", "cancel", "cancelled")])
def test_what_was_refused_or_taken_back_is_not_paid(who: str, verb: str, state: str) -> None:
    ada, bo, conversation_id = payer_and_friend()
    made = ask(bo, ada)
    path = f"money-requests/{made['id']}/"
    actor, other = (ada, bo) if who == "payer" else (bo, ada)
    assert refused(other, f"{path}{verb}/") == (403, "forbidden")
    ended = Api(actor).ok("POST", f"{path}{verb}/")
    assert ended["state"] == state
    assert Api(actor).ok("POST", f"{path}{verb}/") == ended
    assert refused(ada, f"{path}pay/", {}) == (409, "request_ended")
    assert wallet(ada.user_id).balance_minor == 100_000
    deliver()
    assert card_of(conversation_id)["data"]["state"] == state
    assert Notice.objects.filter(user_id=bo.user_id).count() == int(who == "payer")


def test_after_a_week_it_stands_no_more() -> None:
    ada, bo, _ = payer_and_friend()
    made, later = ask(bo, ada), ask(bo, ada)
    MoneyRequest.objects.filter(id=made["id"]).update(expires_at=Now())
    path = f"money-requests/{made['id']}/"
    for by, verb in ((ada, "pay"), (ada, "decline"), (bo, "cancel")):
        assert refused(by, f"{path}{verb}/", {} if verb == "pay" else None) == (410, "request_expired")
    assert (sweep(), sweep()) == (1, 0)
    assert refused(ada, f"{path}pay/", {}) == (410, "request_expired")
    assert Api(bo).get(path)["state"] == "expired"
    assert Api(bo).get(f"money-requests/{later['id']}/")["state"] == "pending"
    assert wallet(ada.user_id).balance_minor == 100_000


def test_who_may_not_be_asked_is_not() -> None:
    ada, bo, _ = payer_and_friend()
    body = {"payer_id": ada.id, "amount": cny(1)}
    assert refused(bo, "money-requests/", {**body, "payer_id": bo.id}) == (422, "that_is_you")
    # Strangers are all the same, whoever has blocked whom and whoever there is.
    wary = person("Wim")
    messaging.block(actor_id=wary.user_id, user_id=bo.user_id)
    for stranger_id in (wary.id, person("Sam").id, "1"):
        assert refused(bo, "money-requests/", {**body, "payer_id": stranger_id}) == (403, "not_friends")
    assert refused(person("Eve"), "money-requests/", body) == (403, "not_friends")
    for amount in (0, -1, 1.5, "1e3", 2**63):
        wrong = {**body, "amount": {"amount": amount, "currency": "CNY"}}
        assert refused(bo, "money-requests/", wrong) == (400, "invalid_input")
    messaging.block(actor_id=ada.user_id, user_id=bo.user_id)
    assert refused(bo, "money-requests/", body) == (403, "blocked")
    assert not MoneyRequest.objects.exists()


def test_nobody_else_sees_or_pays_it() -> None:
    ada, bo, _ = payer_and_friend()
    eve = person("Eve")
    befriend(eve, bo)
    path = f"money-requests/{ask(bo, ada)['id']}/"
    assert Api(eve).refused("GET", path) == (404, "not_found")
    for verb in ("pay", "decline", "cancel"):
        assert refused(eve, f"{path}{verb}/", {} if verb == "pay" else None) == (404, "not_found")
    assert refused(bo, f"{path}pay/", {}) == (403, "forbidden")


def test_what_cannot_be_paid_stays_asked_for() -> None:
    ada, bo, _ = payer_and_friend(amount_minor=100)
    path = f"money-requests/{ask(bo, ada, 101)['id']}/"
    assert refused(ada, f"{path}pay/", {}) == (402, "insufficient_funds")
    services.freeze_wallet(user_id=ada.user_id, actor_id=ada.user_id, reason="")
    assert refused(ada, f"{path}pay/", {}) == (403, "wallet_frozen")
    assert Api(ada).get(path)["state"] == "pending"
    assert wallet(ada.user_id).balance_minor == 100


def test_lists_go_by_direction_and_state() -> None:
    ada, bo, _ = payer_and_friend()
    first, second = ask(bo, ada, 1), ask(bo, ada, 2)
    Api(ada).ok("POST", f"money-requests/{first['id']}/decline/")
    assert Api(ada).get("money-requests/?state=pending")["results"] == [second]
    assert [row["id"] for row in Api(bo).all("money-requests/?direction=outgoing&limit=1")] == [
        second["id"],
        first["id"],
    ]
    assert Api(bo).get("money-requests/")["results"] == []


def test_a_request_has_the_shape_that_it_is_said_to_have() -> None:
    ada, bo, _ = payer_and_friend()
    request = MoneyRequest.objects.get(id=ask(bo, ada)["id"])
    show_request_people([request])
    assert money_request_frame(request) == MoneyRequestOutput(request).data


@pytest.mark.parametrize(
    "change", ["amount_minor = 0", "payer_id = requester_id", "state = 'paid'", "ended_at = now()", "state = 'x'"]
)
def test_the_database_refuses_what_no_request_is(change: str) -> None:
    ada, bo, _ = payer_and_friend()
    made = ask(bo, ada)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE payments_money_request SET {change} WHERE id = %s", [made["id"]])


def test_nobody_is_flooded_with_requests(settings: Any) -> None:
    settings.LIMITS_OVERRIDES = {"payments.request_money.user": (2, 3600)}
    ada, bo, _ = payer_and_friend()
    for _ in range(2):
        ask(bo, ada)
    assert refused(bo, "money-requests/", {"payer_id": ada.id, "amount": cny(1)}) == (429, "too_many_requests")
