"""Splitting a bill in a group: exact shares, each paid once by its own person, and a card that shows who has paid."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from hypothesis import given
from hypothesis import strategies as st

from messaging import services as messaging
from messaging.models import Message, Notice
from payments.api.request_serializers import SplitOutput
from payments.models import Split, SplitShare
from payments.services.splits import _shares
from superapp.core.money import Money
from tests.accounts.outbox import deliver
from tests.messaging.api import Api
from tests.messaging.conftest import Wire, wire  # noqa: F401  (a fixture)
from tests.payments.money import wallet
from tests.payments.paying import cny, make_easy, make_known, refused, rich
from tests.realtime.people import Device, group, person

pytestmark = pytest.mark.django_db
Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _easy(settings: Any) -> None:
    make_easy(settings)


def table() -> tuple[Device, Device, Device, int]:
    """Ada, who has paid, Bo and Cy, who have money and have paid her before, and their group."""
    ada, bo, cy = person("Ada"), rich("Bo"), rich("Cy")
    make_known(bo, ada)
    make_known(cy, ada)
    return ada, bo, cy, group(ada, bo, cy)


def split(who: Device, conversation_id: int, *people: Device, total: int = 1_000, key: str = "", **more: Any) -> Json:
    body = {"conversation_id": str(conversation_id), "total": cny(total), **more}
    if people:
        body["participant_ids"] = [one.id for one in people]
    return dict(Api(who).ok("POST", "splits/", body, status=201, key=key or str(uuid4())))


def card_of(conversation_id: int) -> Json:
    return dict(Message.objects.get(conversation_id=conversation_id, kind="card").body)


def shares(made: Json) -> dict[str, tuple[int, bool]]:
    return {row["user"]["id"]: (row["amount"]["amount"], row["paid_at"] is not None) for row in made["shares"]}


def test_a_bill_is_split_to_the_last_cent_and_paid_by_everybody(wire: Wire) -> None:  # noqa: F811
    ada, bo, cy, conversation_id = table()
    made = split(ada, conversation_id, ada, bo, cy, total=1_000, note="dinner")
    assert (made["state"], made["total"], made["note"]) == ("open", cny(1_000), "dinner")
    assert sum(amount for amount, _paid in shares(made).values()) == 1_000
    assert sorted(amount for amount, _paid in shares(made).values()) == [333, 333, 334]
    # Who paid the bill has paid their share.
    assert {user_id for user_id, (_amount, paid) in shares(made).items() if paid} == {ada.id}
    body = card_of(conversation_id)
    assert (body["kind"], body["version"], body["fallback"]["en"]) == (
        "payments.split",
        1,
        "Bill of CN¥10.00: 1 of 3 have paid",
    )
    assert body["data"]["paid_ids"] == [ada.id]
    wire.pushes()
    path = f"splits/{made['id']}/"
    key = str(uuid4())
    paid = Api(bo).ok("POST", f"{path}pay/", {}, key=key)
    owed = shares(made)[bo.id][0]
    assert (wallet(bo.user_id).balance_minor, wallet(ada.user_id).balance_minor) == (100_000 - owed, owed)
    again = Api(bo).call("POST", f"{path}pay/", {}, key=key)
    assert (again.status_code, again.json(), again["Idempotent-Replayed"]) == (200, paid, "true")
    assert refused(bo, f"{path}pay/", {}) == (409, "share_paid")
    assert wallet(bo.user_id).balance_minor == 100_000 - owed
    pushed = [frame["payload"] for _topics, frame in wire.pushes() if frame["type"] == "split.updated"]
    assert pushed == [paid] * 3
    deliver()
    assert card_of(conversation_id)["data"]["paid_ids"] == sorted([ada.id, bo.id])
    done = Api(cy).ok("POST", f"{path}pay/", {}, key=str(uuid4()))
    assert done["state"] == "completed"
    assert wallet(ada.user_id).balance_minor == 1_000 - shares(made)[ada.id][0]
    deliver()
    assert (card_of(conversation_id)["version"], card_of(conversation_id)["data"]["state"]) == (3, "completed")
    assert [notice.kind for notice in Notice.objects.filter(user_id=ada.user_id)] == ["payments.split_completed"]


def test_shares_may_be_said_and_add_up() -> None:
    ada, bo, cy, conversation_id = table()
    said = [{"user_id": bo.id, "amount": cny(700)}, {"user_id": cy.id, "amount": cny(300)}]
    made = split(ada, conversation_id, total=1_000, shares=said)
    assert shares(made) == {bo.id: (700, False), cy.id: (300, False)}
    body = {"conversation_id": str(conversation_id), "total": cny(1_001), "shares": said}
    for total, missing in ((1_001, 1), (900, -100)):
        answer = Api(ada).call("POST", "splits/", {**body, "total": cny(total)}, key=str(uuid4()))
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["details"]) == (
            422,
            "shares_uneven",
            {"missing": cny(missing)},
        )
    twice = [said[0], {**said[0], "amount": cny(301)}]
    euros = [said[0], {"user_id": cy.id, "amount": {"amount": 300, "currency": "EUR"}}]
    for wrong in (twice, euros, [], [{"user_id": bo.id, "amount": cny(0)}]):
        assert refused(ada, "splits/", {**body, "total": cny(1_000), "shares": wrong}) == (400, "invalid_input")
    both = {**body, "participant_ids": [bo.id]}
    neither = {"conversation_id": str(conversation_id), "total": cny(1_000)}
    same_person = {**neither, "participant_ids": [bo.id, bo.id]}
    for wrong in (both, neither, same_person):
        assert refused(ada, "splits/", wrong) == (400, "invalid_input")
    assert Split.objects.count() == 1


@given(total=st.integers(1, 10**12), count=st.integers(1, 100))
def test_equal_shares_are_equal_to_a_minor_unit(total: int, count: int) -> None:
    if total < count:
        return
    amounts = _shares(Money(total, "CNY"), range(1, count + 1), None)
    assert (sum(amounts.values()), len(amounts)) == (total, count)
    assert max(amounts.values()) - min(amounts.values()) <= 1


def test_a_key_splits_once() -> None:
    ada, bo, cy, conversation_id = table()
    key = str(uuid4())
    made = split(ada, conversation_id, bo, cy, key=key)
    assert split(ada, conversation_id, bo, cy, key=key) == made
    body = {"conversation_id": str(conversation_id), "total": cny(1_001), "participant_ids": [bo.id, cy.id]}
    assert Api(ada).refused("POST", "splits/", body, key=key) == (409, "idempotency_conflict")
    assert Split.objects.count() == 1


def test_only_members_of_a_group_split_and_share() -> None:
    ada, bo, cy, conversation_id = table()
    eve = rich("Eve")
    body = {"conversation_id": str(conversation_id), "total": cny(100), "participant_ids": [bo.id]}
    assert refused(eve, "splits/", body) == (404, "not_found")
    assert refused(ada, "splits/", {**body, "participant_ids": [bo.id, eve.id]}) == (422, "not_members")
    assert refused(ada, "splits/", {**body, "participant_ids": [ada.id]}) == (422, "not_members")
    assert refused(ada, "splits/", {**body, "total": cny(1), "participant_ids": [bo.id, cy.id]}) == (
        422,
        "split_too_small",
    )
    direct_id = messaging.direct_conversation(user_ids=(ada.user_id, bo.user_id))
    assert refused(ada, "splits/", {**body, "conversation_id": str(direct_id)}) == (422, "wrong_conversation")
    assert Split.objects.count() == 0
    path = f"splits/{split(ada, conversation_id, bo)['id']}/"
    assert Api(eve).refused("GET", path) == (404, "not_found")
    for verb in ("pay", "close", "remind"):
        assert refused(eve, f"{path}{verb}/", {} if verb == "pay" else None) == (404, "not_found")
    # A member without a share sees it, and has nothing to pay and nothing to say.
    seen = Api(cy).get(path)
    # Who owes how much is for those who share the bill.
    assert [(row["user"]["id"], row["amount"], row["paid_at"]) for row in seen["shares"]] == [(bo.id, None, None)]
    assert (seen["state"], seen["total"]) == ("open", cny(1_000))
    for who, verb in ((cy, "pay"), (ada, "pay"), (bo, "close"), (bo, "remind")):
        assert refused(who, f"{path}{verb}/", {} if verb == "pay" else None) == (403, "forbidden")


def test_whoever_has_left_still_pays_their_share() -> None:
    ada, bo, _cy, conversation_id = table()
    made = split(ada, conversation_id, bo)
    messaging.leave_group(actor_id=bo.user_id, conversation_id=conversation_id)
    Api(bo).ok("POST", f"splits/{made['id']}/pay/", {}, key=str(uuid4()))
    assert wallet(ada.user_id).balance_minor == 1_000


def test_what_is_closed_takes_no_more_money() -> None:
    ada, bo, cy, conversation_id = table()
    path = f"splits/{split(ada, conversation_id, bo, cy)['id']}/"
    Api(bo).ok("POST", f"{path}pay/", {}, key=str(uuid4()))
    closed = Api(ada).ok("POST", f"{path}close/")
    assert closed["state"] == "closed"
    assert Api(ada).ok("POST", f"{path}close/") == closed
    assert refused(cy, f"{path}pay/", {}) == (409, "split_ended")
    assert refused(ada, f"{path}remind/") == (409, "split_ended")
    assert (wallet(ada.user_id).balance_minor, wallet(cy.user_id).balance_minor) == (500, 100_000)
    deliver()
    assert card_of(conversation_id)["data"]["state"] == "closed"


def test_who_has_not_paid_is_reminded_and_not_too_often() -> None:
    ada, bo, cy, conversation_id = table()
    made = split(ada, conversation_id, ada, bo, cy)
    path = f"splits/{made['id']}/"
    Api(cy).ok("POST", f"{path}pay/", {}, key=str(uuid4()))

    def reminders() -> dict[str, int]:
        deliver()
        rows = Notice.objects.filter(kind="payments.split_reminder")
        return {one.id: rows.filter(user_id=one.user_id).count() for one in (ada, bo, cy)}

    for number in (1, 2, 3):
        Api(ada).ok("POST", f"{path}remind/", status=204)
        assert reminders() == {ada.id: 0, bo.id: number, cy.id: 0}
        assert refused(ada, f"{path}remind/") == (422, "reminded_already")
        Split.objects.update(reminded_at=F("reminded_at") - timedelta(hours=12))
    assert refused(ada, f"{path}remind/") == (422, "reminded_already")


def test_a_card_says_what_the_reader_owes() -> None:
    ada, bo, cy, conversation_id = table()
    made = split(ada, conversation_id, bo, total=500)
    live = {who.id: Api(who).rows(conversation_id)[-1]["mine"]["live"] for who in (ada, bo, cy)}
    assert live == {ada.id: None, bo.id: {"amount": cny(500), "is_paid": False}, cy.id: None}
    Api(bo).ok("POST", f"splits/{made['id']}/pay/", {}, key=str(uuid4()))
    assert Api(bo).rows(conversation_id)[-1]["mine"]["live"] == {"amount": cny(500), "is_paid": True}


def test_a_split_has_the_shape_that_it_is_said_to_have() -> None:
    ada, bo, _cy, conversation_id = table()
    made = split(ada, conversation_id, bo)
    assert set(made) == set(SplitOutput().fields)
    assert set(made["shares"][0]) == set(SplitOutput().fields["shares"].child.fields)  # type: ignore[attr-defined]


def test_the_database_refuses_shares_that_do_not_add_up() -> None:
    ada, bo, cy, conversation_id = table()
    made = split(ada, conversation_id, bo, cy)

    def at_commit(change: str) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(change, [made["id"]])
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    for change in (
        "UPDATE payments_split_share SET amount_minor = amount_minor + 1 WHERE split_id = %s",
        "DELETE FROM payments_split_share WHERE split_id = %s",
        "UPDATE payments_split SET total_minor = total_minor + 1 WHERE id = %s",
        "UPDATE payments_split_share SET amount_minor = 0 WHERE split_id = %s",
        "UPDATE payments_split SET paid_count = 3 WHERE id = %s",
        "UPDATE payments_split SET state = 'completed', ended_at = now() WHERE id = %s",
    ):
        with pytest.raises(IntegrityError):
            at_commit(change)
    with pytest.raises(IntegrityError), transaction.atomic():
        SplitShare.objects.filter(split_id=made["id"], user_id=bo.user_id).update(user_id=cy.user_id, paid_at=Now())


def test_who_may_not_speak_in_a_group_splits_nothing_there() -> None:
    ada, bo, cy, conversation_id = table()
    messaging.change_group(actor_id=ada.user_id, conversation_id=conversation_id, is_silenced=True)
    body = {"conversation_id": str(conversation_id), "total": cny(100), "participant_ids": [cy.id]}
    assert refused(bo, "splits/", body) == (403, "silenced")
    messaging.disband_group(actor_id=ada.user_id, conversation_id=conversation_id)
    assert refused(ada, "splits/", body) == (409, "conversation_closed")
    assert (Split.objects.count(), SplitShare.objects.count()) == (0, 0)


def test_nobody_floods_a_group_with_bills(settings: Any) -> None:
    settings.LIMITS_OVERRIDES = {"payments.split_bill.user": (2, 3600)}
    ada, bo, _cy, conversation_id = table()
    for _ in range(2):
        split(ada, conversation_id, bo)
    body = {"conversation_id": str(conversation_id), "total": cny(100), "participant_ids": [bo.id]}
    assert refused(ada, "splits/", body) == (429, "too_many_requests")
