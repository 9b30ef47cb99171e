"""Everything that moves money, at once and between few people: nobody waits for somebody who waits for them."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.db.models.functions import Now

from payments import services
from payments.accounts import merchant_account
from payments.ledger import services as ledger
from payments.models import Hold, MoneyRequest, Payment, RedPacket, Split, Transfer
from payments.services.red_packets import LOCK_NOT_AVAILABLE
from superapp.core import leases
from superapp.core.errors import DomainError
from superapp.core.ids import new_id
from superapp.core.money import Money
from tests.messaging.threads import at_once
from tests.payments import packets, shop
from tests.payments.paying import EASY, make_known, rich
from tests.payments.shop import kept, to_merchant, to_user
from tests.realtime.people import befriend, group
from tests.sizes import sizes

pytestmark = pytest.mark.usefixtures("committed_db")
THREADS = 12


@pytest.fixture(autouse=True)
def _nobody_is_refused_for_too_much(settings: Any) -> None:
    for name, value in EASY.items():
        setattr(settings, name, value)
    most = dict.fromkeys(django_settings.WALLET_CURRENCIES, (10**12, 10**13, 10**14))
    settings.WALLET_TIERS = {"basic": most}
    settings.ADJUSTMENT_ALONE = dict.fromkeys(django_settings.WALLET_CURRENCIES, (10**6, 10**9))


def some(rows: Any) -> Any:
    """One of the newest, so that several are often at the same one. Where there is none nothing happens."""
    found = list(rows.order_by("-id")[:10])
    return random.choice(found) if found else None


def lease(name: str) -> leases.Lease:
    found = leases.claim(name=name, shard="0", ttl=timedelta(minutes=5))
    assert found is not None
    return found


class Town:
    """Four people who know each other, a merchant, and somebody of the staff."""

    def __init__(self) -> None:
        people = [rich(name) for name in ("Ada", "Bo", "Cy", "Di")]
        self.ids = [one.user_id for one in people]
        for number, one in enumerate(people):
            for other in people[:number]:
                befriend(one, other)
                make_known(one, other)
                make_known(other, one)
        self.group = group(*people)
        for one in people:
            make_known(one, f"conversation:{self.group}")
        self.merchant, self.staff = shop.new_merchant(), new_id()
        self.orders = [shop.new_reference() for _ in range(6)]

    @property
    def deeds(self) -> list[Callable[[], Any]]:
        return [
            getattr(self, name)
            for name in dir(self)
            if name.startswith(("from_", "to_", "of_", "by_")) and callable(getattr(self, name))
        ]

    def one(self) -> int:
        return random.choice(self.ids)

    # --- Transfers ---

    def from_one_to_another(self) -> None:
        payer_id, payee_id = random.sample(self.ids, 2)
        services.create_transfer(
            payer_id=payer_id,
            payee_id=payee_id,
            amount_minor=random.randint(1, 900),
            currency="CNY",
            idempotency_key=uuid4(),
        )

    def of_transfers_one_ends(self) -> None:
        if one := some(Transfer.objects.filter(state="pending")):
            end: Any = random.choice([services.accept_transfer, services.decline_transfer, services.cancel_transfer])
            actor_id = one.payer_id if end is services.cancel_transfer else one.payee_id
            end(actor_id=actor_id, transfer_id=one.id)

    def of_transfers_those_that_are_late(self) -> None:
        if one := some(Transfer.objects.filter(state="pending")):
            Transfer.objects.filter(id=one.id, state="pending").update(expires_at=Now())
        services.return_expired_transfers(lease("payments.transfers"))

    def by_request(self) -> None:
        one, other = random.sample(self.ids, 2)
        asked = services.request_money(
            requester_id=one, payer_id=other, amount_minor=50, currency="CNY", idempotency_key=uuid4()
        )
        at_it = some(MoneyRequest.objects.filter(state="pending")) or asked
        services.pay_request(payer_id=at_it.payer_id, request_id=at_it.id, idempotency_key=uuid4())

    def by_split(self) -> None:
        split = some(Split.objects.filter(state="open")) or services.split_bill(
            initiator_id=self.one(),
            conversation_id=self.group,
            total=Money(400, "CNY"),
            participant_ids=self.ids,
            idempotency_key=uuid4(),
        )
        services.pay_share(payer_id=self.one(), split_id=split.id, idempotency_key=uuid4())

    # --- Red packets ---

    def to_the_group(self) -> None:
        services.send_red_packet(
            sender_id=self.one(),
            conversation_id=self.group,
            kind="random",
            total_minor=300,
            parts=3,
            idempotency_key=uuid4(),
            currency="CNY",
        )

    def of_packets_a_part(self) -> None:
        if one := some(RedPacket.objects.filter(state="open")):
            services.open_red_packet(actor_id=self.one(), packet_id=one.id)

    def of_packets_those_that_are_late(self) -> None:
        if one := some(RedPacket.objects.filter(state="open")):
            packets.end_day(one)
        services.return_unopened(lease("payments.red_packets"))

    # --- Staff ---

    def by_staff_frozen_for_a_moment(self) -> None:
        user_id = self.one()
        services.freeze_wallet(user_id=user_id, actor_id=self.staff, reason="lost")
        services.unfreeze_wallet(user_id=user_id, actor_id=self.staff, reason="found")

    def by_staff_corrected(self) -> None:
        services.propose_adjustment(
            actor_id=self.staff,
            user_id=self.one(),
            amount_minor=random.choice([-1, 1]) * random.randint(1, 50),
            reason="counted anew",
            reference="",
            public_text="",
            idempotency_key=uuid4(),
            currency="CNY",
        )

    # --- Products ---

    def to_products(self) -> None:
        payer_id, other = random.sample(self.ids, 2)
        legs = [kept(random.randint(1, 60)), to_merchant(self.merchant, 40), to_user(other, 9)]
        shop.pay(payer_id, *legs, reference=random.choice(self.orders), step=uuid4().hex[:12])

    def of_products_settled(self) -> None:
        legs = [to_merchant(self.merchant, 9), to_user(self.one(), 3)]
        shop.settle(random.choice(self.orders), *legs, step=uuid4().hex[:12])

    def of_products_refunded(self) -> None:
        if one := some(Payment.objects.all()):
            shop.refund(one, random.randint(1, 30), uuid4().hex[:12])

    def by_hold(self) -> None:
        shop.hold(self.one(), random.randint(3, 50), expires_at=shop.soon(milliseconds=random.randint(100, 900)))

    def of_holds_one_goes_on(self) -> None:
        if one := some(Hold.objects.filter(state="open")):
            legs = [to_merchant(self.merchant, 1), kept(1), to_user(self.one(), 1)]
            ways: list[Callable[[], Any]] = [
                lambda: shop.raise_hold(one, one.amount_minor + 5, uuid4().hex[:8]),
                lambda: services.capture(hold_id=one.id, legs=legs),
                lambda: services.release(hold_id=one.id),
            ]
            random.choice(ways)()

    def of_holds_those_that_are_late(self) -> None:
        shop.expire()

    def of_the_merchant_what_waits(self) -> None:
        ledger.fold(account_id=merchant_account(organisation_id=self.merchant, currency="CNY"))


def test_nobody_waits_in_a_circle_and_everything_adds_up() -> None:
    """That everything adds up afterwards is what the check of the books says, as after each test here."""
    town = Town()
    deeds = town.deeds
    done: set[str] = set()
    broken: list[Exception] = []

    def work() -> None:
        for _ in range(sizes.deeds_of_each):
            deed = random.choice(deeds)
            try:
                deed()
                done.add(deed.__name__)
            except (DomainError, leases.LeaseLost):
                # Loops here take turns, and whose turn is over is refused like anybody else.
                pass
            except Exception as error:
                # Where all wait for a slow machine, some give up; who waits in a circle is told so much sooner.
                if getattr(error.__cause__, "pgcode", "") != LOCK_NOT_AVAILABLE:
                    broken.append(error)

    at_once([work] * THREADS)
    assert broken == []
    assert len(done) > len(deeds) // 2
