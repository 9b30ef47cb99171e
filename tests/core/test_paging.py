"""Cursor paging: walked in either direction, a list shows every row once, whatever is added meanwhile."""

import base64
import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from superapp.core.models import OutboxEvent
from tests.accounts.people import Caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.core.endpoints")]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
_keys = itertools.count()


def add(*seconds: float, key: str = "") -> list[int]:
    """Rows that are due so many seconds after noon; their ids."""
    rows = [
        OutboxEvent(
            handler="rows", key=key or f"row-{next(_keys):06}", shard=0, event={}, due_at=NOON + timedelta(seconds=at)
        )
        for at in seconds
    ]
    return [row.id for row in OutboxEvent.objects.bulk_create(rows)]


def page(path: str, **query: Any) -> dict[str, Any]:
    response = Caller().get(path, query)
    assert response.status_code == 200, response.content
    return response.json()


def ids(body: dict[str, Any]) -> list[int]:
    return [row["id"] for row in body["results"]]


def walk(first: dict[str, Any], direction: str) -> list[list[int]]:
    """The ids of every page from ``first`` on in one direction."""
    pages, body = [ids(first)], first
    while body[direction]:
        body = page(body[direction])
        pages.append(ids(body))
        assert len(pages) < 100
    return pages


def test_empty_list_has_no_neighbours() -> None:
    assert page("/rows/") == {"results": [], "next": None, "previous": None}


def test_list_of_exactly_one_page_has_no_neighbours() -> None:
    made = add(1, 2, 3)
    body = page("/rows/", limit=3)
    assert (ids(body), body["next"], body["previous"]) == (made, None, None)


@pytest.mark.parametrize(("path", "reverse"), [("/rows/", False), ("/rows/newest/", True)])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_both_directions_show_every_row_once_and_in_order(path: str, reverse: bool, limit: int) -> None:
    # Equal times, so that the second field of the order decides.
    made = add(5, 1, 1, 1, 3, 3, 2)
    at = dict(zip(made, [5, 1, 1, 1, 3, 3, 2], strict=True))
    expected = sorted(made, key=lambda row: (at[row], row), reverse=reverse)

    pages = walk(page(path, limit=limit), "next")
    assert [row for rows in pages for row in rows] == expected
    assert [len(rows) for rows in pages[:-1]] == [limit] * (len(pages) - 1)

    body = page(path, limit=limit)
    while body["next"]:
        body = page(body["next"])
    back = walk(body, "previous")
    assert [row for rows in reversed(back) for row in rows] == expected


def test_there_and_back_is_the_same_page() -> None:
    add(*range(9))
    first = page("/rows/", limit=3)
    second = page(first["next"])
    third = page(second["next"])
    assert page(third["previous"])["results"] == second["results"]
    assert page(second["previous"])["results"] == first["results"]
    assert page(page(second["previous"])["next"])["results"] == second["results"]


def test_links_stay_on_the_list_and_keep_its_query() -> None:
    add(*range(5))
    link = urlsplit(page("/rows/", limit=2)["next"])
    assert (link.scheme, link.netloc, link.path) == ("", "", "/rows/")
    assert set(parse_qs(link.query)) == {"cursor", "limit"}
    assert parse_qs(link.query)["limit"] == ["2"]


def test_rows_added_between_pages_are_neither_shown_twice_nor_push_others_out() -> None:
    made = add(1, 2, 3, 4, 5, 6)
    newest_first = list(reversed(made))
    first = page("/rows/newest/", limit=2)
    assert ids(first) == newest_first[:2]
    newer, between, older = add(9)[0], add(3.5)[0], add(0)[0]
    rest = [row for rows in walk(page(first["next"]), "next") for row in rows]
    # What came behind the cursor is shown in its place; what came before it is for the next refresh.
    assert rest == [newest_first[2], between, *newest_first[3:], older]
    assert newer not in rest
    assert newer in ids(page(page(first["next"])["previous"], limit=3))


def test_row_that_was_deleted_takes_nobody_with_it() -> None:
    made = add(1, 2, 3, 4, 5)
    first = page("/rows/", limit=2)
    OutboxEvent.objects.filter(id__in=[made[1], made[2]]).delete()
    assert walk(page(first["next"]), "next") == [[made[3], made[4]]]


def test_before_the_first_row_there_is_nothing() -> None:
    made = add(1, 2, 3)
    second = page(page("/rows/", limit=1)["next"])
    OutboxEvent.objects.filter(id=made[0]).delete()
    assert page(second["previous"]) == {"results": [], "next": None, "previous": None}


@pytest.mark.parametrize("limit", ["0", "-1", "101", "1000000", "ten", "1.5", "", "1e1", str(10**30)])
def test_limit_out_of_bounds_is_refused(limit: str) -> None:
    response = Caller().get("/rows/", {"limit": limit})
    assert response.status_code == 400
    assert set(response.json()["error"]["details"]["fields"]) == {"limit"}


def test_page_has_thirty_rows_unless_told_and_a_hundred_at_most() -> None:
    add(*range(120))
    assert len(ids(page("/rows/"))) == 30
    assert len(ids(page("/rows/", limit=100))) == 100


def cursor(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


FOREIGN_CURSORS = [
    "x",
    "!!!!",
    "é",
    "\x00",
    "e30",
    cursor(),
    cursor(0),
    cursor(0, "2026-03-01T12:00:00+00:00"),
    cursor(0, "2026-03-01T12:00:00+00:00", 1, 1),
    cursor(0, 1, "2026-03-01T12:00:00+00:00"),
    cursor(0, "yesterday", 1),
    cursor(0, "2026-03-01", 1),
    cursor(0, "2026-03-01T12:00:00", 1),
    cursor(0, "2026-13-01T12:00:00+00:00", 1),
    cursor(0, "2026-03-01T12:00:00+00:00", "x"),
    cursor(0, "2026-03-01T12:00:00+00:00", None),
    cursor(0, None, 1),
    cursor(0, "2026-03-01T12:00:00+00:00", [1]),
    cursor(0, "2026-03-01T12:00:00+00:00", {"a": 1}),
    cursor(0, "2026-03-01T12:00:00+00:00", float("inf")),
    cursor(0, "2026-03-01T12:00:00+00:00", float("nan")),
    base64.urlsafe_b64encode(b"[" * 140).decode(),
    base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    "A" * 201,
]


@pytest.mark.parametrize("text", FOREIGN_CURSORS)
def test_cursor_that_this_list_did_not_give_is_refused(text: str) -> None:
    add(1, 2, 3)
    response = Caller().get("/rows/", {"cursor": text})
    assert response.status_code == 400, response.content
    assert set(response.json()["error"]["details"]["fields"]) == {"cursor"}


@pytest.mark.parametrize(
    "values",
    [
        (0, "2026-03-01T12:00:00+00:00", 10**30),
        (1, "2026-03-01T12:00:00+00:00", -(10**30)),
        (0, "0001-01-01T00:00:00+14:00", 1),
        (0, "9999-12-31T23:59:59-14:00", 1),
        (0, "2026-03-01T12:00:00+23:59", 1),
        (1, "2026-03-01T12:00:00-16:00", 1),
        (True, "2026-03-01T12:00:00Z", True),
        ("back", "2026-03-01T12:00:00+00:00", "5"),
    ],
)
def test_forged_cursor_of_the_right_shape_is_a_page_or_a_refusal(values: tuple[Any, ...]) -> None:
    """It grants nothing: the list is filtered first."""
    add(1, 2, 3)
    assert Caller().get("/rows/", {"cursor": cursor(*values)}).status_code in {200, 400}


def test_forged_text_in_a_cursor_is_refused() -> None:
    add(1)
    for forged in ("\x00", "a\x00b", "\ud800"):
        response = Caller().get("/rows/by-key/", {"cursor": cursor(0, forged, 1)})
        assert response.status_code == 400, response.content


def test_lists_ordered_by_text_page_as_well() -> None:
    made = add(1, 1, 1, key="same") + add(1, key="zz")
    assert walk(page("/rows/by-key/", limit=2), "next") == [made[:2], made[2:]]
