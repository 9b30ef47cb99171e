"""A month added up is what its lines add up to."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payments.api.wallet_serializers import MonthOutput
from payments.registry import KINDS
from superapp.accounts.models import User
from tests.messaging.api import Api
from tests.messaging.test_statements import statements
from tests.payments import history
from tests.payments.history import Cafe, move
from tests.realtime.people import Device, person

Json = dict[str, Any]
pytestmark = pytest.mark.usefixtures("committed_db")
GIFT = "tests.gift"


@pytest.fixture(autouse=True)
def _products(monkeypatch: pytest.MonkeyPatch) -> None:
    history.register(Cafe(), monkeypatch)
    history.register(Cafe(), monkeypatch, purpose=GIFT, kind="transfer")


@pytest.fixture
def ada() -> Device:
    return person("Ada")


def month(who: Device, name: str = "2026-11", currency: str = "CNY") -> Json:
    return dict(Api(who).get(f"wallet/summary/?currency={currency}&month={name}"))


def numbers(summary: Json) -> tuple[int, ...]:
    """Opening, in, out, closing, and how many lines."""
    return (
        *(summary[part]["amount"] for part in ("opening", "money_in", "money_out", "closing")),
        summary["count"],
    )


def test_month_has_what_came_in_and_what_went_out_by_kind(ada: Device) -> None:
    for amount, purpose, step in (
        (500, history.COFFEE, "pay"),  # in October
        (1_000, GIFT, "pay"),
        (-300, history.COFFEE, "pay"),
        (-200, history.COFFEE, "again"),
        (50, history.COFFEE, "refund:1"),
        (-7, GIFT, "pay"),
        (9, GIFT, "pay"),  # in December
    ):
        move(ada.user_id, amount, purpose=purpose, step=step)
    history.at(
        ada.user_id,
        [
            datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC),
            *(datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2, 3, 4, 30)),
            datetime(2026, 12, 1, tzinfo=UTC),
        ],
    )
    found = month(ada)
    assert numbers(found) == (500, 1_050, 507, 1_043, 5)
    assert (found["month"], found["currency"]) == ("2026-11", "CNY")
    assert [
        (kind["kind"], kind["label"], kind["money_in"]["amount"], kind["money_out"]["amount"], kind["count"])
        for kind in found["kinds"]
    ] == [("transfer", "Transfers", 1_000, 7, 2), ("payment", "Payments", 0, 500, 2), ("refund", "Refunds", 50, 0, 1)]
    assert numbers(month(ada, "2026-10")) == (0, 500, 0, 500, 1)
    assert numbers(month(ada, "2026-12")) == (1_043, 9, 0, 1_052, 1)
    assert numbers(month(ada, "2027-02")) == (1_052, 0, 0, 1_052, 0)
    assert numbers(month(ada, "2026-09")) == (0, 0, 0, 0, 0)
    assert set(found) == set(MonthOutput().fields)


def test_months_are_those_of_the_readers_clocks(ada: Device) -> None:
    move(ada.user_id, 5)
    history.at(ada.user_id, [datetime(2026, 11, 30, 16, tzinfo=UTC)])
    assert (month(ada)["count"], month(ada, "2026-12")["count"]) == (1, 0)
    User.objects.filter(id=ada.user_id).update(time_zone="Asia/Shanghai")
    assert (month(ada)["count"], month(ada, "2026-12")["count"]) == (0, 1)


def test_months_of_others_and_of_other_currencies_are_none_of_mine(ada: Device) -> None:
    move(ada.user_id, 5)
    now = f"{datetime.now(UTC):%Y-%m}"
    assert numbers(month(ada, now)) == (0, 5, 0, 5, 1)
    assert numbers(month(ada, now, "EUR")) == numbers(month(person("Bo"), now)) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    "name", ["", "2026", "2026-13", "2026-1", "2026-11-01", "1999-12", "2101-01", "November", "2026-1１"]
)
def test_what_is_no_month_is_refused(ada: Device, name: str) -> None:
    response = Api(ada).call("GET", f"wallet/summary/?currency=CNY&month={name}")
    assert (response.status_code, set(response.json()["error"]["details"]["fields"])) == (400, {"month"})


def test_month_costs_the_same_for_one_line_and_for_a_hundred(ada: Device) -> None:
    now = f"{datetime.now(UTC):%Y-%m}"
    move(ada.user_id, 1)
    one = statements(lambda: month(ada, now))
    for amount in range(99):
        move(ada.user_id, amount + 1)
    # Who asks, which account, where the month begins and ends, and what is in it.
    assert (one, statements(lambda: month(ada, now))) == (5, 5)


moments = st.integers(0, 120 * 24 * 60).map(
    lambda minutes: datetime(2026, 9, 15, tzinfo=UTC) + timedelta(minutes=minutes)
)
movements = st.tuples(
    st.integers(-100_000, 100_000).filter(bool),
    st.sampled_from([history.COFFEE, GIFT, "gone.since"]),
    st.sampled_from(["pay", "again", "refund", "refund:2"]),
)


@settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    happened=st.lists(st.tuples(moments, movements), max_size=25),
    zone=st.sampled_from(["UTC", "Asia/Shanghai", "America/New_York", "Europe/Paris", "Pacific/Kiritimati"]),
)
def test_every_month_is_the_sum_of_its_lines(happened: list[Any], zone: str) -> None:
    ada = person("Ada")
    User.objects.filter(id=ada.user_id).update(time_zone=zone)
    move(ada.user_id, 10_000_000, step="at first")
    for _moment, (amount, purpose, step) in sorted(happened, key=lambda one: one[0]):
        move(ada.user_id, amount, purpose=purpose, step=step)
    history.at(ada.user_id, [datetime(2026, 9, 1, 12, tzinfo=UTC), *sorted(moment for moment, _what in happened)])
    closing = 0
    for name, last in (("2026-09", 30), ("2026-10", 31), ("2026-11", 30), ("2026-12", 31), ("2027-01", 31)):
        lines = Api(ada).all(f"wallet/statement/?currency=CNY&limit=100&since={name}-01&until={name}-{last}")
        found = month(ada, name)
        assert found["opening"]["amount"] == closing
        closing = lines[0]["balance_after"]["amount"] if lines else closing
        assert numbers(found)[1:] == (*_added(lines), closing, len(lines))
        assert {kind["kind"]: numbers_of(kind) for kind in found["kinds"]} == {
            kind: (*_added(some), len(some))
            for kind in KINDS
            if (some := [line for line in lines if line["kind"] == kind])
        }
    assert closing == Api(ada).get("wallet/")["results"][0]["balance"]["amount"]


def _added(lines: list[Json]) -> tuple[int, int]:
    amounts = [line["amount"]["amount"] for line in lines]
    return sum(amount for amount in amounts if amount > 0), -sum(amount for amount in amounts if amount < 0)


def numbers_of(kind: Json) -> tuple[int, int, int]:
    return kind["money_in"]["amount"], kind["money_out"]["amount"], kind["count"]
