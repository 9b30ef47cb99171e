"""What moves by day: added up as the ledger grows, and always what the postings come to."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from payments import selectors, services, tasks
from payments.admin.money import nice_top
from payments.ledger import selectors as ledger_selectors
from payments.ledger import services as ledger
from payments.ledger.models import Account, Posting
from payments.models import Volume, VolumeMark
from superapp.core import ids
from superapp.core.ids import first_id_of
from tests.accounts.people import person
from tests.accounts.staffers import staff, verified
from tests.payments import shop
from tests.payments.adjustments import propose
from tests.payments.money import account, fund
from tests.payments.payers import payer
from tests.payments.paying import make_easy, payer_and_friend, send_money

pytestmark = pytest.mark.django_db
#: Far from those of tests that run beside these.
_nodes = cycle(range(900, 1_000))
#: A day on which nobody else moves anything, and one after it.
DAY = datetime(2027, 3, 14, tzinfo=UTC)


def move(amount: int, purpose: str = "payments.transfer", step: str = "send", currency: str = "CNY") -> None:
    """From one wallet to another that has nothing else."""
    first, second = fund(person().id, amount, currency), account(person().id, currency)
    ledger.transfer(
        debit_account_id=first, credit_account_id=second, amount_minor=amount, currency=currency, purpose=purpose,
        reference=str(uuid4()), step=step,
    )  # fmt: skip


@contextmanager
def at(hour: float, days: int = 0) -> Iterator[None]:
    """Then, with ids of then: those of a process never go back otherwise, not even for those who come after."""
    usual, ids._generator = ids._generator, ids.IdGenerator(node=lambda: next(_nodes))
    try:
        with time_machine.travel(DAY + timedelta(days=days, hours=hour), tick=True):
            yield
    finally:
        ids._generator = usual


def count(hour: float = 0, days: int = 2) -> None:
    services.count_volumes(until=DAY + timedelta(days=days, hours=hour))


def shown(currency: str = "CNY") -> dict[str, int]:
    """What the page says of that day, without what is zero."""
    (amounts,) = selectors.volume_by_day(currency=currency, last=DAY.date(), days=1).amounts
    return {kind: amount for kind, amount in amounts.items() if amount}


def of_postings(**only: Any) -> dict[tuple[str, str], int]:
    """What the postings say, by kind of account and currency."""
    rows = Posting.objects.filter(**only).values_list("account__kind", "currency").annotate(total=Sum("amount_minor"))
    return {(kind, currency): int(total) for kind, currency, total in rows if total}


def of_volumes() -> dict[tuple[str, str], int]:
    found = selectors.money_by_account_kind()
    return {(kind, currency): amount for kind, by in found.items() for currency, amount in by.items() if amount}


def test_everything_that_moved_is_in_it_once_however_often_it_is_counted(settings: Settings) -> None:
    make_easy(settings)
    with at(9):
        move(100)
        move(250, "payments.red_packet")
        ada, bo, _conversation_id = payer_and_friend()
        send_money(ada, bo, 1_250)
        payment = shop.pay(payer(800), shop.to_merchant(shop.new_merchant(), 700), shop.fee(100))
        shop.refund(payment, 300)
        propose(person().id, 40)
        ada_id = person().id
        fund(ada_id, 70)
        propose(ada_id, -30)
        move(60, currency="EUR")
    for hour in (9.05, 9.5, 12, 24, 24, 30):
        count(hour, days=0)
    assert shown() == {
        "transfer": 100 + 1_250, "red_packet": 250, "payment": 800, "refund": 300, "adjustment": 40 + 30
    }  # fmt: skip
    assert shown("EUR") == {"transfer": 60}
    assert of_volumes() == of_postings()
    assert not any(sum(by.values()) for by in _by_currency(of_volumes()).values())


def _by_currency(found: dict[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    by: dict[str, dict[str, int]] = {}
    for (kind, currency), amount in found.items():
        by.setdefault(currency, {})[kind] = amount
    return by


def test_each_day_has_its_own_also_around_midnight() -> None:
    for hour, amount in ((-0.001, 1), (0.001, 20), (23.999, 300), (24.001, 4_000)):
        with at(hour):
            move(amount)
    count()
    found = selectors.volume_by_day(currency="CNY", last=DAY.date() + timedelta(days=1), days=3)
    assert [amounts["transfer"] for amounts in found.amounts] == [1, 320, 4_000]
    assert found.totals["transfer"] == 4_321
    assert of_volumes() == of_postings()


def test_what_comes_after_it_was_counted_is_added() -> None:
    with at(9):
        move(100)
    count(10, days=0)
    assert shown() == {"transfer": 100}
    with at(11):
        move(11)
    count(11.5, days=0)
    # Never back: what was counted once is not counted again.
    count(9, days=0)
    assert shown() == {"transfer": 111}
    assert VolumeMark.objects.get().counted_until == DAY + timedelta(hours=11.5)


def test_day_is_counted_anew_with_what_came_too_late() -> None:
    with at(9):
        move(100)
    count()
    with at(8):
        move(7)
    count()
    assert shown() == {"transfer": 100}
    services.recount_volumes(day=DAY.date())
    assert shown() == {"transfer": 107}
    assert of_volumes() == of_postings()


def test_day_that_is_not_over_is_not_counted_anew() -> None:
    with at(9):
        move(100)
    count(9.5, days=0)
    with at(10):
        move(7)
    services.recount_volumes(day=DAY.date())
    assert shown() == {"transfer": 100}
    count()
    assert shown() == {"transfer": 107}


def test_counting_reads_what_is_new_and_nothing_else() -> None:
    with at(9):
        move(100)
    count(10, days=0)
    with CaptureQueriesContext(connection) as queries:
        count(11, days=0)
    read = [query["sql"] for query in queries if "ledger_" in query["sql"]]
    assert len(read) == 1
    assert str(first_id_of(DAY + timedelta(hours=10))) in read[0]


def test_nothing_is_counted_that_may_not_be_complete_yet() -> None:
    assert timedelta(seconds=59) <= timezone.now() - ledger_selectors.complete_until() < timedelta(minutes=5)
    move(5)
    services.count_volumes()
    assert not Volume.objects.exists()


def test_tasks_of_the_schedule_do_it() -> None:
    with at(9, days=-1):
        move(100)
    with at(1):
        # As far as the database's clock allows, which is not turned.
        tasks.count_volumes()
    count()
    Volume.objects.update(in_minor=0)
    with at(6):
        tasks.recount_yesterday()
        tasks.expire_adjustments()
    assert of_volumes() == of_postings()


# --- The page ---------------------------------------------------------------------------------------------------------


def page(**query: Any) -> str:
    response = verified(staff("finance")).get(reverse("admin:payments_volume_changelist"), query)
    assert response.status_code == 200
    return str(response.content.decode())


def test_page_shows_volume_places_and_that_it_adds_up() -> None:
    with at(9, days=-1):
        move(123_456)
        move(777, currency="EUR")
    count()
    with at(1):
        shown_in_cny, shown_in_eur = page(), page(currency="EUR", days="90")
    for words in ("CN¥1,234.56", "03/13/2027", "Σ"):
        assert words in shown_in_cny
    assert shown_in_cny.count('class="sa-day"') == 30
    assert shown_in_eur.count('class="sa-day"') == 90
    assert "€7.77" in shown_in_eur
    assert "sa-bad" not in shown_in_cny
    world = ledger.house_account("world", "CNY", "opening")
    assert reverse("admin:ledger_account_change", args=[world]) in shown_in_cny


def test_page_says_when_it_does_not_add_up() -> None:
    move(100)
    count()
    Volume.objects.filter(account_kind=Account.Kind.WALLET, currency="CNY").update(in_minor=5)
    assert 'class="sa-bad"' in page()


def test_empty_page_says_so() -> None:
    assert "Nothing has moved in these days." in page(currency="XXX", days="7")


def test_page_costs_the_same_for_one_day_and_for_many() -> None:
    client, address = verified(staff("finance")), reverse("admin:payments_volume_changelist")

    def look() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        assert not any('FROM "ledger_posting"' in query["sql"] for query in queries)
        return len(queries)

    few = look()
    for number in range(5):
        with at(9, days=-number):
            move(100)
    count()
    assert look() == few <= 16


@pytest.mark.parametrize(("most", "top"), [(0, 2), (1, 2), (2, 2), (3, 5), (6, 10), (99, 100), (101, 200), (200, 200)])
def test_scale_ends_at_a_round_number(most: int, top: int) -> None:
    assert nice_top(most) == top
