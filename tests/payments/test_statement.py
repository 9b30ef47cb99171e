"""What has happened to somebody's money: lines, pages, filters, and one receipt."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import ProgrammingError

from payments.api.wallet_serializers import LineOutput, ReceiptOutput
from payments.ledger import services as ledger
from payments.registry import KINDS, ReceiptLine
from payments.selectors import statements as selectors
from superapp.accounts.models import User
from superapp.core.ids import new_id
from tests.messaging.api import Api
from tests.messaging.test_statements import statements
from tests.payments import history, money
from tests.payments.history import Cafe, move
from tests.realtime.people import Device, person
from tests.sizes import sizes

Json = dict[str, Any]
pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def cafe(monkeypatch: pytest.MonkeyPatch) -> Cafe:
    made = Cafe()
    history.register(made, monkeypatch)
    return made


@pytest.fixture
def ada() -> Device:
    return person("Ada")


def path(**query: Any) -> str:
    return f"wallet/statement/?{urlencode({'currency': 'CNY', **query})}"


def lines(who: Device, **query: Any) -> list[Json]:
    return list(Api(who).all(path(**query)))


def amounts(who: Device, **query: Any) -> list[int]:
    return [line["amount"]["amount"] for line in lines(who, **query)]


def refused(who: Device, address: str) -> set[str]:
    """The fields that were wrong."""
    response = Api(who).call("GET", address)
    assert response.status_code == 400, response.content
    return set(response.json()["error"]["details"]["fields"])


# --- Lines ------------------------------------------------------------------------------------------------------------


def test_lines_say_what_moved_and_what_was_there_then(ada: Device, cafe: Cafe) -> None:
    money.fund(ada.user_id, 1_000)
    cafe.lines["7"] = ReceiptLine(title="Flat white", counterparty="Bo", counterparty_id=12, note="Thanks!")
    entry = move(ada.user_id, -350, reference="7")
    newest, oldest = lines(ada)
    assert newest | {"posted_at": ""} == {
        "id": str(entry),
        "posted_at": "",
        "amount": {"amount": -350, "currency": "CNY"},
        "balance_after": {"amount": 650, "currency": "CNY"},
        "kind": "payment",
        "purpose": history.COFFEE,
        "reference": "7",
        "title": "Flat white",
        "counterparty": {"user_id": "12", "name": "Bo"},
        "note": "Thanks!",
    }
    assert (oldest["amount"]["amount"], oldest["balance_after"]["amount"]) == (1_000, 1_000)
    assert (oldest["kind"], oldest["title"], oldest["counterparty"], oldest["note"]) == (
        "adjustment", "Opening balance", None, "",
    )  # fmt: skip
    assert newest["posted_at"] > oldest["posted_at"]
    assert set(newest) == set(LineOutput().fields)


def test_nothing_has_happened_to_a_wallet_that_nobody_opened(ada: Device) -> None:
    assert Api(ada).get(path()) == {"results": [], "next": None, "previous": None}
    assert Api(ada).get(path(since="2026-01-01", until="2026-02-01", kind="refund"))["results"] == []


def test_currencies_have_statements_of_their_own(ada: Device) -> None:
    money.fund(ada.user_id, 1, "CNY")
    money.fund(ada.user_id, 2, "EUR")
    assert (amounts(ada), amounts(ada, currency="EUR"), amounts(ada, currency="USD")) == ([1], [2], [])
    assert refused(ada, "wallet/statement/") == {"currency"}
    assert refused(ada, path(currency="JPY")) == {"currency"}


def test_a_step_may_have_a_title_of_its_own(ada: Device, cafe: Cafe) -> None:
    cup = f"cup of {ada.id}"
    cafe.lines[cup] = ReceiptLine(title="Flat white", step_titles={"refund": "Flat white, taken back"})
    move(ada.user_id, 350, reference=cup)
    move(ada.user_id, -350, reference=cup, step="again")
    move(ada.user_id, 350, reference=cup, step="refund")
    assert [line["title"] for line in lines(ada)] == ["Flat white, taken back", "Flat white", "Flat white"]


def test_product_that_is_broken_leaves_its_lines_plain(ada: Device, cafe: Cafe) -> None:
    money.fund(ada.user_id, 1_000)
    entry = move(ada.user_id, -350)
    cafe.fails = True
    newest, oldest = lines(ada)
    assert (newest["title"], newest["counterparty"], newest["note"]) == ("Coffee", None, "")
    assert oldest["title"] == "Opening balance"
    receipt = Api(ada).get(f"wallet/statement/{entry}/")
    assert (receipt["title"], receipt["data"]) == ("Coffee", {})


def test_database_that_fails_is_no_broken_product(ada: Device, cafe: Cafe, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(references: Any, viewer_id: int) -> Any:
        raise ProgrammingError("away")

    monkeypatch.setattr(cafe, "describe", away)
    history.register(cafe, monkeypatch, purpose="tests.tea")
    move(ada.user_id, 5, purpose="tests.tea")
    within = selectors.span(user_id=ada.user_id, currency="CNY", since=None, until=None, zone="UTC")
    with pytest.raises(ProgrammingError):
        selectors.line_frames(selectors.lines(within), viewer_id=ada.user_id)


def test_purpose_that_no_product_knows_any_more_is_still_a_line(ada: Device) -> None:
    move(ada.user_id, 5, purpose="gone.since")
    (line,) = lines(ada)
    assert (line["kind"], line["title"], line["purpose"]) == ("payment", "gone.since", "gone.since")


def test_titles_are_in_the_language_of_the_reader(ada: Device) -> None:
    money.fund(ada.user_id, 1)
    User.objects.filter(id=ada.user_id).update(language="fr")
    assert [line["title"] for line in lines(ada)] == ["Solde initial"]


# --- Pages ------------------------------------------------------------------------------------------------------------


def test_pages_go_on_where_the_last_one_ended_whatever_came_since(ada: Device) -> None:
    for amount in range(1, 8):
        move(ada.user_id, amount)
    first = Api(ada).get(path(limit=3))
    move(ada.user_id, 8)
    second = Api(ada).get(first["next"])
    third = Api(ada).get(second["next"])
    found = [[line["amount"]["amount"] for line in page["results"]] for page in (first, second, third)]
    assert found == [[7, 6, 5], [4, 3, 2], [1]]
    assert third["next"] is None
    back = Api(ada).get(third["previous"])
    assert [line["amount"]["amount"] for line in back["results"]] == [4, 3, 2]


def test_filters_hold_on_every_page(ada: Device) -> None:
    for amount in range(1, 6):
        move(ada.user_id, 10 * amount)
        move(ada.user_id, -amount)
    assert amounts(ada, limit=2, direction="out") == [-5, -4, -3, -2, -1]
    assert amounts(ada, limit=2, direction="in") == [50, 40, 30, 20, 10]


def test_page_costs_the_same_for_one_line_and_for_a_hundred(ada: Device, cafe: Cafe) -> None:
    api, asked = Api(ada), path(limit=100)
    days = path(limit=100, since="2026-01-01", until="2099-12-31")
    move(ada.user_id, 1)
    one = statements(lambda: api.get(asked)), statements(lambda: api.get(days))
    assert len(cafe.asked) == 2
    for amount in range(2, 101):
        move(ada.user_id, amount)
    cafe.asked.clear()
    # Who asks, which account, its lines; and for each end of the time where it lies.
    assert (one, statements(lambda: api.get(asked)), statements(lambda: api.get(days))) == ((3, 5), 3, 5)
    assert [len(references) for references in cafe.asked] == [100, 100]


def test_each_purpose_is_asked_once_for_a_page(ada: Device, cafe: Cafe, monkeypatch: pytest.MonkeyPatch) -> None:
    tea = Cafe()
    history.register(tea, monkeypatch, purpose="tests.tea")
    for number in range(10):
        move(ada.user_id, 10, reference=f"{ada.id}:{number}")
        move(ada.user_id, -1, reference=f"{ada.id}:{number // 2}", purpose="tests.tea", step=f"{number}")
    lines(ada)
    assert (len(cafe.asked), len(tea.asked)) == (1, 1)
    assert tea.asked == [sorted(f"{ada.id}:{number}" for number in range(5))]


# --- Days -------------------------------------------------------------------------------------------------------------


def test_days_are_those_of_the_readers_clocks(ada: Device) -> None:
    for amount in (1, 2, 3, 4):
        move(ada.user_id, amount)
    history.at(
        ada.user_id,
        [
            datetime(2026, 11, 14, 15, 59, 59, 999999, tzinfo=UTC),
            # Midnight in Shanghai.
            datetime(2026, 11, 14, 16, tzinfo=UTC),
            datetime(2026, 11, 15, 15, 59, 59, 999999, tzinfo=UTC),
            datetime(2026, 11, 15, 16, tzinfo=UTC),
        ],
    )
    day = {"since": "2026-11-15", "until": "2026-11-15"}
    assert amounts(ada, **day) == [4, 3]
    User.objects.filter(id=ada.user_id).update(time_zone="Asia/Shanghai")
    assert amounts(ada, **day) == [3, 2]
    assert amounts(ada, since="2026-11-15") == [4, 3, 2]
    assert amounts(ada, until="2026-11-14") == [1]
    assert amounts(ada, since="2026-11-17") == amounts(ada, until="2026-11-13") == []


def test_day_on_which_clocks_change_is_as_long_as_it_is(ada: Device) -> None:
    """In Paris 2026-10-25 has twenty-five hours, and in Beirut 2026-03-29 begins at one o'clock."""
    for amount in (1, 2, 3, 4):
        move(ada.user_id, amount)
    history.at(
        ada.user_id,
        [
            datetime(2026, 3, 28, 21, 59, tzinfo=UTC),
            datetime(2026, 3, 28, 22, tzinfo=UTC),
            datetime(2026, 10, 24, 22, tzinfo=UTC),
            datetime(2026, 10, 25, 22, 59, tzinfo=UTC),
        ],
    )
    User.objects.filter(id=ada.user_id).update(time_zone="Europe/Paris")
    assert amounts(ada, since="2026-10-25", until="2026-10-25") == [4, 3]
    User.objects.filter(id=ada.user_id).update(time_zone="Asia/Beirut")
    assert amounts(ada, since="2026-03-29", until="2026-03-29") == [2]


def test_lines_of_one_moment_are_on_the_same_side_of_it(ada: Device) -> None:
    moment = datetime(2026, 11, 15, tzinfo=UTC)
    for amount in range(1, 7):
        move(ada.user_id, amount)
    history.at(ada.user_id, [moment - timedelta(microseconds=1)] * 2 + [moment] * 3 + [moment + timedelta(days=1)])
    assert amounts(ada, until="2026-11-14") == [2, 1]
    assert amounts(ada, since="2026-11-15", until="2026-11-15") == [5, 4, 3]


@pytest.mark.parametrize(
    "day", ["15.11.2026", "2026-11-31", "2026-11", "1999-12-31", "2101-01-01", "", "2026-11-15T00:00"]
)
def test_what_is_no_day_is_refused(ada: Device, day: str) -> None:
    assert refused(ada, path(since=day)) == {"since"}
    assert refused(ada, path(until=day)) == {"until"}


def test_time_that_ends_before_it_begins_is_refused(ada: Device) -> None:
    assert refused(ada, path(since="2026-11-15", until="2026-11-14")) == {"until"}


# --- Kinds ------------------------------------------------------------------------------------------------------------


def test_kinds_divide_the_lines_among_them(ada: Device, cafe: Cafe, monkeypatch: pytest.MonkeyPatch) -> None:
    history.register(Cafe(), monkeypatch, purpose="tests.gift", kind="transfer")
    history.register(Cafe(), monkeypatch, purpose="tests.packet", kind="red_packet")
    money.fund(ada.user_id, 100)
    move(ada.user_id, -1)
    move(ada.user_id, 2, step="refund:1")
    move(ada.user_id, -3, purpose="tests.gift")
    move(ada.user_id, 4, purpose="tests.gift", step="refund")
    move(ada.user_id, -5, purpose="tests.packet")
    move(ada.user_id, -6, purpose="gone.since")
    found = {kind: amounts(ada, kind=kind) for kind in KINDS}
    assert found == {
        "transfer": [4, -3],
        "red_packet": [-5],
        "payment": [-6, -1],
        "refund": [2],
        "adjustment": [100],
    }
    for kind in KINDS:
        assert {line["kind"] for line in lines(ada, kind=kind)} == {kind}
    assert refused(ada, path(kind="rides")) == {"kind"}
    assert refused(ada, path(direction="up")) == {"direction"}
    assert amounts(ada, kind="transfer", direction="in") == [4]


# --- Receipts ---------------------------------------------------------------------------------------------------------


def test_receipt_says_all_and_what_else_happened_to_the_same_thing(ada: Device, cafe: Cafe) -> None:
    money.fund(ada.user_id, 1_000)
    cup = f"cup of {ada.id}"
    cafe.lines[cup] = ReceiptLine(title="Flat white", counterparty="Café", data={"beans": "arabica"})
    paid = move(ada.user_id, -350, reference=cup)
    given_back = move(ada.user_id, 50, reference=cup, step="refund:1")
    receipt = Api(ada).get(f"wallet/statement/{paid}/")
    shown = {line["id"]: line for line in lines(ada)}
    assert receipt == {
        **shown[str(paid)], "data": {"beans": "arabica"}, "payment_id": None, "related": [shown[str(given_back)]],
    }  # fmt: skip
    assert set(receipt) == set(ReceiptOutput().fields)
    assert [line["id"] for line in Api(ada).get(f"wallet/statement/{given_back}/")["related"]] == [str(paid)]


def test_receipt_is_its_owners_and_shows_their_side(ada: Device) -> None:
    bo, eve = person("Bo"), person("Eve")
    accounts = [money.account(who.user_id) for who in (ada, bo)]
    money.fund(ada.user_id, 100)
    entry = ledger.transfer(
        debit_account_id=accounts[0],
        credit_account_id=accounts[1],
        amount_minor=30,
        currency="CNY",
        purpose=history.COFFEE,
        reference=str(new_id()),
        step="pay",
    ).entry_id
    sides = [Api(who).get(f"wallet/statement/{entry}/") for who in (ada, bo)]
    assert [side["amount"]["amount"] for side in sides] == [-30, 30]
    assert [side["balance_after"]["amount"] for side in sides] == [70, 30]
    assert Api(eve).refused("GET", f"wallet/statement/{entry}/") == (404, "not_found")
    assert Api(eve).refused("GET", f"wallet/statement/{new_id()}/") == (404, "not_found")
    assert amounts(eve) == []


def test_receipt_costs_the_same_however_much_is_related(ada: Device, cafe: Cafe) -> None:
    cup = f"costly cup of {ada.id}"
    entry = move(ada.user_id, 1, reference=cup)
    address = f"wallet/statement/{entry}/"
    one = statements(lambda: Api(ada).get(address))
    for number in range(100):
        move(ada.user_id, 1, reference=cup, step=f"{number}")
    # Who asks, the line, its payment, and what is related to it.
    assert (one, statements(lambda: Api(ada).get(address))) == (4, 4)
    assert len(Api(ada).get(address)["related"]) == 50


# --- What it costs ----------------------------------------------------------------------------------------------------


def plan_of(rows: Any) -> str:
    """How the database reads a list, in its words."""
    return str(rows.explain())


def test_every_list_is_read_off_the_index_of_the_account(ada: Device, cafe: Cafe) -> None:
    """Nothing is sorted and nothing but the account's own postings is read, however many others there are."""
    for who in (ada, person("Bo"), person("Cy")):
        move(who.user_id, 1)
        history.many(who.user_id, sizes.statement_lines)
    history.analyse()
    everything = selectors.span(user_id=ada.user_id, currency="CNY", since=None, until=None, zone="UTC")
    month = selectors.span(
        user_id=ada.user_id, currency="CNY", since=date(2026, 1, 1), until=date(2099, 1, 1), zone="UTC"
    )
    for within in (everything, month):
        for narrowed in ({}, {"kind": "payment"}, {"kind": "refund"}, {"kind": "transfer"}, {"direction": "out"}):
            found = selectors.lines(within, **narrowed).order_by("-seq")[:31]
            plan = plan_of(found)
            assert "ledger_posting_place" in plan, plan
            assert "Sort" not in plan, plan
            assert "Seq Scan on ledger_posting" not in plan, plan
