"""Transfers under real concurrency: threads, and commits."""

import random
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings as django_settings
from django.db.models import Sum
from django.db.models.functions import Now

from messaging.models import CardCopy, NewestCard
from payments import selectors, services
from payments.ledger.errors import InsufficientFunds
from payments.ledger.models import Account
from payments.models import LimitCounter, Transfer
from superapp.core import leases
from superapp.core.errors import DomainError, IdempotencyConflict
from superapp.core.leases import Lease
from superapp.core.links import LinkEnded
from superapp.core.money import Money
from tests.messaging.api import Api
from tests.messaging.threads import at_once, somebody_holds
from tests.payments.money import fund, wallet
from tests.payments.paying import EASY, make_known, payer_and_friend, rich, transfer_body
from tests.payments.security import set_pin
from tests.realtime.people import Device, befriend, person
from tests.sizes import sizes

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture(autouse=True)
def _easy(settings: Any) -> None:
    for name, value in EASY.items():
        setattr(settings, name, value)
    settings.WALLET_TIERS = {
        tier: dict.fromkeys(django_settings.WALLET_CURRENCIES, (10**12, 10**13, 10**14)) for tier in ("basic",)
    }


@pytest.fixture(autouse=True)
def _escrow_is_exact() -> Any:
    yield
    assert selectors.escrow_problems() == []


def send(payer: Device, payee: Device, amount_minor: int, key: UUID | None = None) -> Transfer:
    return services.create_transfer(
        payer_id=payer.user_id,
        payee_id=payee.user_id,
        amount_minor=amount_minor,
        currency="CNY",
        idempotency_key=key or uuid4(),
    )


def lease(shard: int = 0) -> Lease:
    found = leases.claim(name="payments.transfers", shard=str(shard), ttl=timedelta(minutes=5))
    assert found is not None
    return found


def test_the_same_key_sixty_times_at_once_is_one_debit_and_sixty_answers() -> None:
    ada, bo, conversation_id = payer_and_friend()
    key = str(uuid4())

    def ask() -> Any:
        response = Api(ada).call("POST", "transfers/", transfer_body(bo), key=key)
        return response.status_code, response.json(), response.get("Idempotent-Replayed")

    answers = at_once([ask] * 60)
    assert {status for status, _body, _replayed in answers} == {201}
    assert all(body == answers[0][1] for _status, body, _replayed in answers)
    assert sorted(replayed or "first" for _status, _body, replayed in answers) == ["first"] + ["true"] * 59
    assert (wallet(ada.user_id).balance_minor, Transfer.objects.filter(payer_id=ada.user_id).count()) == (98_750, 1)
    assert CardCopy.objects.filter(conversation_id=conversation_id).count() == 1


def test_one_key_with_two_amounts_at_once_moves_one_of_them() -> None:
    ada, bo, _ = payer_and_friend()
    key = uuid4()
    answers = at_once([lambda amount=amount: send(ada, bo, amount, key) for amount in (100, 200) * 10])  # type: ignore[misc]
    conflicts = [answer for answer in answers if isinstance(answer, IdempotencyConflict)]
    moved = {answer.amount_minor for answer in answers if isinstance(answer, Transfer)}
    assert (len(conflicts), len(moved)) == (10, 1)
    assert wallet(ada.user_id).balance_minor == 100_000 - moved.pop()


def test_of_fifty_at_once_as_many_pass_as_there_is_money_for() -> None:
    ada, bo, _ = payer_and_friend(amount_minor=100)
    answers = at_once([lambda: send(ada, bo, 10)] * 50)
    assert sum(isinstance(answer, Transfer) for answer in answers) == 10
    assert sum(isinstance(answer, InsufficientFunds) for answer in answers) == 40
    assert wallet(ada.user_id).balance_minor == 0
    # What was refused counts against nobody's limit.
    assert set(LimitCounter.objects.filter(user_id=ada.user_id).values_list("spent_minor", flat=True)) == {100}


def test_two_who_pay_one_another_never_wait_for_ever() -> None:
    ada, bo, _ = payer_and_friend()
    set_pin(bo.user_id)
    fund(bo.user_id, 100_000)
    make_known(bo, ada)

    def there_and_back(payer: Device, payee: Device) -> None:
        for _ in range(sizes.transfers_each_way // 8):
            made = send(payer, payee, random.randint(1, 50))
            services.accept_transfer(actor_id=payee.user_id, transfer_id=made.id)

    work = [lambda: there_and_back(ada, bo), lambda: there_and_back(bo, ada)] * 8
    assert at_once(work) == [None] * 16
    assert wallet(ada.user_id).balance_minor + wallet(bo.user_id).balance_minor == 200_000


def test_the_last_second_belongs_to_one_of_them() -> None:
    """Accepted at 23:59:59 while the loop comes at 24:00:00: the money is with one of the two, never both, never
    none."""
    outcomes = set()
    for _ in range(sizes.transfer_ends):
        ada, bo, _ = payer_and_friend(amount_minor=500)
        made = send(ada, bo, 500)
        Transfer.objects.filter(id=made.id).update(
            expires_at=Now() + timedelta(milliseconds=random.choice([-1, 1, 3, 6, 12]))
        )
        mine = lease()

        def sweep(mine: Lease = mine) -> int:
            return sum(services.return_expired_transfers(mine) for _ in range(10))

        def accept(made: Transfer = made, bo: Device = bo) -> Transfer:
            return services.accept_transfer(actor_id=bo.user_id, transfer_id=made.id)

        def cancel(made: Transfer = made, ada: Device = ada) -> Transfer:
            return services.cancel_transfer(actor_id=ada.user_id, transfer_id=made.id)

        answers = at_once([accept, sweep, accept, cancel])
        services.return_expired_transfers(mine)
        assert all(isinstance(answer, Transfer | DomainError | int) for answer in answers), answers
        state = Transfer.objects.get(id=made.id).state
        there = (wallet(ada.user_id).balance_minor, wallet(bo.user_id).balance_minor)
        assert there == ((0, 500) if state == "accepted" else (500, 0)), state
        outcomes.add(state)
    assert outcomes <= {"accepted", "returned", "cancelled"}


def test_every_way_out_at_once_is_taken_once() -> None:
    ada, bo, _ = payer_and_friend(amount_minor=500)
    made = send(ada, bo, 500)
    ways = [
        lambda: services.accept_transfer(actor_id=bo.user_id, transfer_id=made.id),
        lambda: services.decline_transfer(actor_id=bo.user_id, transfer_id=made.id),
        lambda: services.cancel_transfer(actor_id=ada.user_id, transfer_id=made.id),
    ]
    answers = at_once(ways * 6)
    states = {answer.state for answer in answers if isinstance(answer, Transfer)}
    assert states == {Transfer.objects.get(id=made.id).state}
    assert sum(isinstance(answer, DomainError) for answer in answers) == 12
    assert wallet(ada.user_id).balance_minor + wallet(bo.user_id).balance_minor == 500


def test_a_reminder_that_cannot_be_given_keeps_no_other_waiting() -> None:
    ada, bo, _ = payer_and_friend()
    first, second = send(ada, bo, 100), send(ada, bo, 200)
    for minutes, transfer in ((5, first), (10, second)):
        Transfer.objects.filter(id=transfer.id).update(expires_at=Now() + timedelta(minutes=minutes))
    with somebody_holds(NewestCard.objects.filter(reference=str(first.id))):
        assert services.return_expired_transfers(lease()) == 1
    assert services.return_expired_transfers(lease()) == 1


def test_two_sweepers_return_each_transfer_once() -> None:
    ada, bo, _ = payer_and_friend()
    made = [send(ada, bo, 10) for _ in range(20)]
    Transfer.objects.filter(id__in=[one.id for one in made]).update(expires_at=Now())
    first, second = lease(0), lease(1)
    sweep = services.return_expired_transfers
    done = at_once([lambda: sweep(first), lambda: sweep(second)])
    left = sweep(first)
    assert sum(done) + left == 20
    assert set(Transfer.objects.filter(payer_id=ada.user_id).values_list("state", flat=True)) == {"returned"}
    assert wallet(ada.user_id).balance_minor == 100_000


def test_transfers_of_many_at_once_lose_and_make_nothing() -> None:
    crowd = [rich(f"P{number}", 10_000) for number in range(4)]
    for one in crowd:
        for other in crowd:
            if one.user_id < other.user_id:
                befriend(one, other)
            if one is not other:
                make_known(one, other)

    def live(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(sizes.transfers_each_way // 16):
            payer, payee = chance.sample(crowd, 2)
            try:
                made = send(payer, payee, chance.randint(1, 3_000))
                chance.choice([services.accept_transfer, services.decline_transfer])(
                    actor_id=payee.user_id, transfer_id=made.id
                )
            except InsufficientFunds:
                continue

    assert at_once([lambda seed=seed: live(seed) for seed in range(8)]) == [None] * 8  # type: ignore[misc]
    rows = Account.objects.filter(owner__in=[one.user_id for one in crowd])
    assert rows.aggregate(all=Sum("balance_minor"))["all"] == 40_000


def test_a_code_paid_with_one_key_thirty_times_at_once_is_paid_once() -> None:
    ada, bo = rich("Ada", 1_000), rich("Bo", 1)
    make_known(ada, bo)
    code, key = services.receive_code(actor_id=bo.user_id), uuid4()

    def pay() -> Transfer:
        return services.pay_by_code(payer_id=ada.user_id, code=code, money=Money(300, "CNY"), idempotency_key=key)

    answers = at_once([pay] * 30)
    assert {answer.id for answer in answers} == {answers[0].id}
    assert (wallet(ada.user_id).balance_minor, wallet(bo.user_id).balance_minor) == (700, 301)


def test_a_code_reset_by_many_at_once_is_one_code_in_the_end() -> None:
    bo = person("Bo")
    old = services.receive_code(actor_id=bo.user_id)
    answers = at_once([lambda: services.reset_receive_code(actor_id=bo.user_id)] * 6)
    assert not [answer for answer in answers if isinstance(answer, Exception)], answers
    newest = services.receive_code(actor_id=bo.user_id)
    assert newest in answers
    assert newest != old
    ada = rich("Ada", 1_000)
    make_known(ada, bo)
    for code in {old, *answers} - {newest}:
        with pytest.raises(LinkEnded):
            services.pay_by_code(payer_id=ada.user_id, code=code, money=Money(1, "CNY"), idempotency_key=uuid4())
    assert wallet(ada.user_id).balance_minor == 1_000
