"""Money requests and shares of bills under real concurrency: threads, and commits."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models.functions import Now

from payments import services
from payments.models import MoneyRequest, Split, SplitShare
from superapp.core import leases
from superapp.core.errors import DomainError
from superapp.core.money import Money
from tests.messaging.threads import at_once
from tests.payments.money import wallet
from tests.payments.paying import make_easy, make_known, payer_and_friend, rich
from tests.realtime.people import Device, group, person
from tests.sizes import sizes

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture(autouse=True)
def _easy(settings: Any) -> None:
    make_easy(settings)


def ask(who: Device, payer: Device, amount_minor: int) -> MoneyRequest:
    return services.request_money(
        requester_id=who.user_id,
        payer_id=payer.user_id,
        amount_minor=amount_minor,
        currency="CNY",
        idempotency_key=uuid4(),
    )


def test_a_request_is_paid_once_whoever_does_what_at_the_same_moment() -> None:
    for _ in range(sizes.transfer_ends):
        ada, bo, _conversation = payer_and_friend(amount_minor=1_000)
        made = ask(bo, ada, 300)
        MoneyRequest.objects.filter(id=made.id).update(expires_at=Now() + timedelta(milliseconds=5))
        key = uuid4()
        lease = leases.claim(name="payments.requests", shard="0", ttl=timedelta(minutes=5))
        assert lease is not None

        def pay(key: Any, made: MoneyRequest = made, ada: Device = ada) -> Any:
            return services.pay_request(payer_id=ada.user_id, request_id=made.id, idempotency_key=key)

        work: list[Any] = [
            lambda: pay(key),  # noqa: B023
            lambda: pay(key),  # noqa: B023
            lambda: pay(uuid4()),
            lambda: services.decline_request(actor_id=ada.user_id, request_id=made.id),  # noqa: B023
            lambda: services.cancel_request(actor_id=bo.user_id, request_id=made.id),  # noqa: B023
            lambda: services.expire_requests(lease),  # noqa: B023
        ]
        answers = at_once(work)
        assert all(isinstance(answer, MoneyRequest | DomainError | int) for answer in answers), answers
        services.expire_requests(lease)
        state = MoneyRequest.objects.get(id=made.id).state
        there = (wallet(ada.user_id).balance_minor, wallet(bo.user_id).balance_minor)
        assert there == ((700, 300) if state == "paid" else (1_000, 0)), state


def test_a_share_is_paid_once_and_the_last_one_completes_the_bill() -> None:
    ada, *others = person("Ada"), *(rich(f"P{number}", 1_000) for number in range(6))
    for one in others:
        make_known(one, ada)
    conversation_id = group(ada, *others)
    made = services.split_bill(
        initiator_id=ada.user_id,
        conversation_id=conversation_id,
        total=Money(602, "CNY"),
        participant_ids=[one.user_id for one in others],
        idempotency_key=uuid4(),
    )

    def pay(who: Device) -> Any:
        return services.pay_share(payer_id=who.user_id, split_id=made.id, idempotency_key=uuid4())

    answers = at_once([lambda one=one: pay(one) for one in others * 3])  # type: ignore[misc]
    assert sum(isinstance(answer, Split) for answer in answers) == 6
    assert sum(isinstance(answer, DomainError) for answer in answers) == 12
    now = Split.objects.get(id=made.id)
    assert (now.state, now.paid_count, now.version) == ("completed", 6, 7)
    assert wallet(ada.user_id).balance_minor == 602
    assert sum(wallet(one.user_id).balance_minor for one in others) == 6_000 - 602
    assert not SplitShare.objects.filter(split=made, paid_at=None).exists()


def test_closing_and_paying_have_one_order() -> None:
    ada, bo, cy = person("Ada"), rich("Bo", 1_000), rich("Cy", 1_000)
    make_known(bo, ada)
    make_known(cy, ada)
    conversation_id = group(ada, bo, cy)
    for _ in range(4):
        before = wallet(ada.user_id).balance_minor
        made = services.split_bill(
            initiator_id=ada.user_id,
            conversation_id=conversation_id,
            total=Money(100, "CNY"),
            participant_ids=[bo.user_id, cy.user_id],
            idempotency_key=uuid4(),
        )
        ways: list[Any] = [
            lambda: services.pay_share(payer_id=bo.user_id, split_id=made.id, idempotency_key=uuid4()),  # noqa: B023
            lambda: services.close_split(actor_id=ada.user_id, split_id=made.id),  # noqa: B023
            lambda: services.pay_share(payer_id=cy.user_id, split_id=made.id, idempotency_key=uuid4()),  # noqa: B023
        ]
        answers = at_once(ways)
        assert all(isinstance(answer, Split | DomainError) for answer in answers), answers
        now = Split.objects.get(id=made.id)
        assert now.state in {"closed", "completed"}
        assert wallet(ada.user_id).balance_minor - before == 50 * now.paid_count
        assert SplitShare.objects.filter(split=now, paid_at__isnull=False).count() == now.paid_count
