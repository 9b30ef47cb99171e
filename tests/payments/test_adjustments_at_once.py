"""Corrections proposed and approved by several at the same time, in threads that really commit."""

from functools import partial
from uuid import uuid4

import pytest

from payments import services
from payments.errors import AdjustmentDecided
from payments.ledger.models import Entry
from payments.models import Adjustment, AdjustmentDay
from superapp.core.ids import new_id
from tests.accounts.people import person
from tests.messaging.threads import at_once
from tests.payments.adjustments import AT_ONCE, IN_A_DAY, propose, waiting
from tests.payments.money import wallet

pytestmark = pytest.mark.usefixtures("committed_db")


def test_approved_by_several_at_once_it_is_done_once() -> None:
    ada = person()
    for _round in range(5):
        adjustment = waiting(ada.id, 30_000)
        approve = [
            partial(services.approve_adjustment, adjustment_id=adjustment.id, actor_id=new_id(), reason="Seen.")
            for _ in range(4)
        ]
        answers = at_once(approve)
        assert sorted(type(answer).__name__ for answer in answers) == ["Adjustment", *["AdjustmentDecided"] * 3]
        assert Entry.objects.filter(purpose="payments.adjustment", reference=str(adjustment.id)).count() == 1
    assert wallet(ada.id).balance_minor == 150_000


def test_approved_and_refused_at_once_it_is_one_of_the_two() -> None:
    for _round in range(5):
        ada = person()
        adjustment = waiting(ada.id, 30_000)
        decide = {"adjustment_id": adjustment.id, "reason": "Seen."}
        answers = at_once(
            [
                partial(services.approve_adjustment, actor_id=new_id(), **decide),
                partial(services.refuse_adjustment, actor_id=new_id(), **decide),
            ]
        )
        assert [isinstance(answer, AdjustmentDecided) for answer in answers].count(True) == 1
        state = Adjustment.objects.get(id=adjustment.id).state
        assert wallet(ada.id).balance_minor == (30_000 if state == "done" else 0)


def test_many_small_ones_at_once_are_no_more_than_a_day_allows() -> None:
    keeper = new_id()
    people = [person() for _ in range(8)]
    at_once([partial(propose, one.id, AT_ONCE, keeper) for one in people])
    done = Adjustment.objects.filter(proposed_by_id=keeper, state="done").count()
    assert (done, Adjustment.objects.filter(proposed_by_id=keeper, state="waiting").count()) == (
        IN_A_DAY // AT_ONCE,
        8 - IN_A_DAY // AT_ONCE,
    )
    assert AdjustmentDay.objects.get(staff_id=keeper).amount_minor == IN_A_DAY
    assert sum(wallet(one.id).balance_minor for one in people) == IN_A_DAY


def test_sent_several_times_at_once_it_is_one_correction() -> None:
    ada, keeper, key = person(), new_id(), uuid4()
    answers = at_once([partial(propose, ada.id, 500, keeper, idempotency_key=key)] * 6)
    assert len({answer.id for answer in answers}) == 1
    assert wallet(ada.id).balance_minor == 500
