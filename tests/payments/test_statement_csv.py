"""A statement as a file: for people's spreadsheets, which run what looks like a formula."""

import csv
import io
import tempfile
import tracemalloc
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from django.db import OperationalError

from payments import statement_csv
from payments.errors import StatementTooLong
from payments.registry import ReceiptLine
from payments.selectors import statements as selectors
from payments.selectors.statements import Span
from superapp.accounts.models import User
from superapp.core.money import MAX_AMOUNT_MINOR, Money
from superapp.core.spreadsheets import csv_line
from tests.messaging.api import Api
from tests.messaging.test_statements import statements
from tests.payments import history, money
from tests.payments.history import Cafe, move
from tests.realtime.inside import inside_gateway
from tests.realtime.people import Device, person
from tests.realtime.sockets import PATIENCE_SECONDS
from tests.sizes import sizes

pytestmark = pytest.mark.usefixtures("committed_db")
HEAD = ["Time (UTC)", "Kind", "What it was", "With whom", "Note", "Amount", "Balance", "Currency", "Receipt"]


@pytest.fixture
def cafe(monkeypatch: pytest.MonkeyPatch) -> Cafe:
    made = Cafe()
    history.register(made, monkeypatch)
    return made


@pytest.fixture
def ada() -> Device:
    return person("Ada")


def asked(who: Device, **query: Any) -> Any:
    return Api(who).call("GET", f"wallet/statement.csv?{urlencode({'currency': 'CNY', **query})}")


def content(who: Device, **query: Any) -> bytes:
    response = asked(who, **query)
    assert response.status_code == 200, response.content
    return b"".join(response.streaming_content)


def rows(who: Device, **query: Any) -> list[list[str]]:
    found = list(csv.reader(io.StringIO(content(who, **query).decode("utf-8-sig"), newline="")))
    assert len({len(row) for row in found}) == 1
    return found


def test_file_is_what_the_list_shows_the_oldest_first(ada: Device, cafe: Cafe) -> None:
    money.fund(ada.user_id, 100_000)
    cafe.lines["7"] = ReceiptLine(title='Flat "white"', counterparty="Café, 北京", note="two\nlines")
    entry = move(ada.user_id, -1_205, reference="7")
    response = asked(ada)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="statement-CNY.csv"'
    assert response["Cache-Control"] == "no-store"
    text = b"".join(response.streaming_content)
    # What tells Excel that it is UTF-8, and the ends of lines as RFC 4180 has them.
    assert text.startswith(b"\xef\xbb\xbfTime")
    assert text.endswith(b"\r\n")
    head, first, second = rows(ada)
    assert head == HEAD
    assert first[1:8] == ["Corrections", "Opening balance", "", "", "1000.00", "1000.00", "CNY"]
    assert second[1:] == [
        "Payments", 'Flat "white"', "Café, 北京", "two\nlines", "-12.05", "987.95", "CNY", f"#{entry}",
    ]  # fmt: skip
    shown = reversed(Api(ada).all("wallet/statement/?currency=CNY"))
    assert [(row[8], row[0]) for row in (first, second)] == [
        (f"#{line['id']}", line["posted_at"][:19].replace("T", " ")) for line in shown
    ]


def test_words_and_times_are_the_readers(ada: Device) -> None:
    money.fund(ada.user_id, 1)
    history.at(ada.user_id, [datetime(2026, 11, 14, 16, 0, 1, tzinfo=UTC)])
    User.objects.filter(id=ada.user_id).update(language="zh-hans", time_zone="Asia/Shanghai")
    head, line = rows(ada)
    assert head[0] == "时间（Asia/Shanghai）"
    assert line[:3] == ["2026-11-15 00:00:01", "更正", "期初余额"]
    # A number is a number in every language.
    assert line[5] == "0.01"


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", "－1", '=HYPERLINK("https://example.org")'],
)
def test_nothing_that_others_wrote_is_a_formula(ada: Device, cafe: Cafe, text: str) -> None:
    reference = f"{ada.id}"
    cafe.lines[reference] = ReceiptLine(title=text, counterparty=text, note=text)
    move(ada.user_id, 5, reference=reference)
    (line,) = rows(ada)[1:]
    assert line[2:5] == [f"'{text}"] * 3
    move(ada.user_id, -5)
    # What is a number stays one, also below zero.
    assert [row[5] for row in rows(ada)[1:]] == ["0.05", "-0.05"]


@pytest.mark.parametrize("text", ["", "1+1", "a=b", "Tea - with milk", "me@example.org", "'quoted", "北京"])
def test_other_words_stay_as_they_are(text: str) -> None:
    assert next(csv.reader([csv_line([text, None, -5, Decimal("-0.50")])])) == [text, "", "-5", "-0.50"]


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (-5, "CNY", "-0.05"),
        (0, "EUR", "0.00"),
        (7, "JPY", "7"),
        (7, "KWD", "0.007"),
        (MAX_AMOUNT_MINOR, "USD", "90000000000000.00"),
    ],
)
def test_amounts_have_the_decimals_of_their_currency(amount: int, currency: str, shown: str) -> None:
    assert str(Money(amount, currency).as_decimal()) == shown


def test_file_is_narrowed_down_as_the_list_is(ada: Device) -> None:
    for amount in (1, -1, 2, 3):
        move(ada.user_id, amount)
    history.at(ada.user_id, [datetime(2026, 11, day, 12, tzinfo=UTC) for day in (1, 2, 3, 4)])
    days = {"since": "2026-11-02", "until": "2026-11-03"}
    assert [row[5] for row in rows(ada, **days)[1:]] == ["-0.01", "0.02"]
    assert [row[5] for row in rows(ada, **days, direction="in")[1:]] == ["0.02"]
    assert rows(ada, kind="refund") == [HEAD]
    name = 'attachment; filename="statement-CNY-2026-11-02-2026-11-03.csv"'
    assert asked(ada, **days)["Content-Disposition"] == name
    assert asked(ada, currency="XYZ").status_code == 400


def test_file_of_a_wallet_that_nobody_opened_has_its_head(ada: Device) -> None:
    assert rows(ada) == [HEAD]


def test_file_is_read_in_batches_and_never_as_a_whole(ada: Device, cafe: Cafe) -> None:
    move(ada.user_id, 1)
    history.many(ada.user_id, sizes.statement_lines - 1)
    batches = -(-sizes.statement_lines // statement_csv.BATCH)
    within = selectors.span(user_id=ada.user_id, currency="CNY", since=None, until=None, zone="UTC")

    def peak(part: Span) -> int:
        """Bytes in use at most while the file is made."""
        tracemalloc.start()
        try:
            for _piece in statement_csv.pieces(part, viewer_id=ada.user_id, zone="UTC"):
                # What the café remembers of it is no part of the file.
                cafe.asked.clear()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    # One batch is there while the next one is read.
    small = Span(within.account_id, after=0, until=3 * statement_csv.BATCH)
    peak(small)
    assert peak(within) < 1.3 * peak(small)
    cafe.asked.clear()
    # Who asks, which account; the batches, and that there is no more.
    assert statements(lambda: content(ada)) == 2 + batches + 1
    assert [len(references) for references in cafe.asked] == [statement_csv.BATCH] * batches
    found = rows(ada)
    assert len(found) == 1 + sizes.statement_lines
    assert [Decimal(row[6]) for row in found[1:]] == [Decimal(n) / 100 for n in range(1, sizes.statement_lines + 1)]


def test_what_comes_meanwhile_is_not_in_the_file(ada: Device) -> None:
    move(ada.user_id, 1)
    within = selectors.span(user_id=ada.user_id, currency="CNY", since=None, until=None, zone="UTC")
    pieces = statement_csv.pieces(within, viewer_id=ada.user_id, zone="UTC")
    next(pieces)
    move(ada.user_id, 2)
    assert b"".join(pieces).count(b"\r\n") == 1


def test_file_is_all_there_or_not_at_all(ada: Device, cafe: Cafe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a statement looks like a whole one."""
    move(ada.user_id, 1)
    monkeypatch.setattr(statement_csv, "BATCH", 2)
    for amount in range(2, 6):
        move(ada.user_id, amount)
    response = asked(ada)
    assert int(response["Content-Length"]) == len(b"".join(response.streaming_content))

    def away(references: Any, viewer_id: int) -> Any:
        raise OperationalError("away")

    monkeypatch.setattr(cafe, "describe", away)
    history.register(cafe, monkeypatch, purpose="tests.tea")
    move(ada.user_id, 6, purpose="tests.tea")
    cafe.asked.clear()
    response = asked(ada)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "unavailable")
    # What was sold before had been written by then.
    assert len(cafe.asked) == 3


def test_disk_without_room_is_no_failure_of_ours(ada: Device, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    assert asked(ada).status_code == 503


def test_too_much_for_one_file_is_refused_before_it_begins(ada: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    statement_csv.check_length(Span(1, after=7, until=7 + statement_csv.MOST_LINES))
    with pytest.raises(StatementTooLong):
        statement_csv.check_length(Span(1, after=7, until=8 + statement_csv.MOST_LINES))
    for amount in (1, 2, 3):
        move(ada.user_id, amount)
    monkeypatch.setattr(statement_csv, "MOST_LINES", 2)
    response = asked(ada)
    assert response.status_code == 422
    error = response.json()["error"]
    assert (error["code"], error["details"]) == ("statement_too_long", {"lines": 3, "most": 2})
    assert rows(ada, until="2026-01-01") == [HEAD]


def test_files_are_few_an_hour(ada: Device, settings: Any) -> None:
    settings.LIMITS_OVERRIDES = {"payments.export_statement.user": (2, 3600)}
    assert [asked(ada).status_code for _ in range(3)] == [200, 200, 429]


def test_file_comes_over_the_wire_as_it_was_written(ada: Device) -> None:
    move(ada.user_id, 1)
    history.many(ada.user_id, 1_500)
    with inside_gateway() as server:
        address = f"{server.url}/api/v1/wallet/statement.csv?currency=CNY"
        response = httpx.get(address, headers=ada.header, timeout=PATIENCE_SECONDS)
    assert (response.status_code, response.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert len(response.content) == int(response.headers["content-length"])
    assert response.content == content(ada)
    assert response.content.count(b"\r\n") == 1_502
