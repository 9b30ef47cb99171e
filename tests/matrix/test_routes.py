"""Every address of the product, asked by everybody: a new one without a row in ``rows.py`` fails the build."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client

from tests.core.catalogue import ENDPOINTS, OPERATIONS, routes
from tests.matrix.rows import ROWS, Row
from tests.matrix.world import ROLES, Role, World, build, contents
from tests.media import images

pytestmark = pytest.mark.django_db
#: Addresses that are no operations of the API, and who gets in. The admin's pages are walked in tests/accounts.
OUTSIDE = {
    "/": "everybody",
    "/healthz": "supervisors; says nothing but ok",
    "/readyz": "supervisors; names the part that is away",
    "/metrics": "whoever holds METRICS_TOKEN, or this machine alone: tests/core/test_metrics.py",
    "/l/{token}": "whoever holds the link; says what kind it is and no more: tests/core/test_links.py",
    "/media/{asset_id}/{name}": "whoever holds a signed link and may see the file: tests/media/test_links.py",
    "/api/schema/": "everybody, where API_DOCS is on",
    "/api/docs/": "everybody, where API_DOCS is on",
}
#: An id that nobody has been given.
ABSENT = "1"


@pytest.fixture(autouse=True)
def _no_limits(settings: Any) -> None:
    """Everybody calls from one address here."""
    settings.LIMITS_OVERRIDES = {"accounts.send_code.phone": (1_000_000, 1)}


def test_every_operation_has_a_row() -> None:
    assert {row.name for row in ROWS} == set(OPERATIONS)


def test_every_row_has_every_role() -> None:
    assert [str(row) for row in ROWS if set(row.expected) != set(ROLES)] == []


def test_rows_of_one_operation_are_told_apart() -> None:
    assert len({str(row) for row in ROWS}) == len(ROWS)


def test_every_other_address_is_known() -> None:
    others = {path for path, _view in routes() if path not in ENDPOINTS}
    # Who sees what of these is tests/accounts/test_staff_sign_in.py's and test_staff_access.py's affair.
    of_staff = (f"/{settings.ADMIN_PATH}", f"/{settings.ACCOUNT_PATH}")
    assert {path for path in others if not path.startswith(of_staff)} == set(OUTSIDE)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_everybody_gets_what_the_row_says(row: Row) -> None:
    world, found = build(), {}
    before = contents()
    for role in ROLES:
        with undone():
            response = ask(row, world, role)
            found[role] = response.status_code
            if response.status_code >= 400:
                assert b"secret" not in response.content
                changed = {table for table, content in contents().items() if content != before[table]}
                assert changed == set(row.counts), role
    assert found == row.expected


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.expected["stranger"] == 404 and "{" in row.name and not row.about], ids=str
)
def test_what_is_not_yours_looks_like_what_is_not_there(row: Row) -> None:
    world = build()
    with undone():
        theirs = ask(row, world, "stranger")
    nowhere = dict.fromkeys(re.findall(r"{(\w+)}", row.name), ABSENT)
    with undone():
        nothing = ask(row, world, "stranger", **nowhere)
    assert (theirs.status_code, theirs.content) == (nothing.status_code, nothing.content)
    assert set(theirs.headers) == set(nothing.headers)


def ask(row: Row, world: World, role: Role, **parts: Any) -> Any:
    """The answer to this row's request by somebody in ``role``."""
    method, _, path = row.name.partition(" ")
    owner = world.people["owner"]
    values = {**world.things, "owner_handle": owner.handle, **row.parts(world), **parts}
    path = (path + row.query).format(**values)
    headers = {"Idempotency-Key": str(uuid4()), **(world.people[role].header if role != "anonymous" else {})}
    client = Client(headers=headers, raise_request_exception=False)
    if row.form:
        return client.post(path, {**row.form(world), "file": SimpleUploadedFile("photo.jpg", images.jpeg())})
    content = {"data": row.body(world), "content_type": "application/json"} if row.body else {}
    return getattr(client, method.lower())(path, **content)


@contextmanager
def undone() -> Iterator[None]:
    """Every role meets the same world."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
