"""What goes in and what comes out, over every operation: nothing can be slipped in, nothing private slips out."""

from collections.abc import Iterator
from typing import Any

import pytest
from rest_framework import serializers

from tests.core.catalogue import OPERATIONS
from tests.matrix.rows import ROWS, Row
from tests.matrix.test_routes import _no_limits, ask, undone  # noqa: F401  (the first is a fixture)
from tests.matrix.world import build, contents

pytestmark = pytest.mark.django_db

#: Columns that decide over people and money. No body may name one that its operation does not declare.
SLIPPED_IN = {
    "id": "1",
    "user_id": "1",
    "owner_id": "1",
    "sender_id": "1",
    "is_staff": True,
    "is_superuser": True,
    "is_active": True,
    "role": "owner",
    "state": "ready",
    "status": "posted",
    "balance": 10**6,
    "fee": 0,
    "verified": True,
    "phone": "+33612345678",
    "created_at": "2020-01-01T00:00:00Z",
    "groups": [1],
}
#: Names under which no answer shows anything, whoever asks.
NEVER_SHOWN = {
    "password",
    "password_hash",
    "token_hash",
    "digest",
    "code_hash",
    "pin",
    "is_staff",
    "is_superuser",
    "groups",
    "last_login",
    "client_address",
    "request_hash",
    "storage_key",
    "email",
}
#: Only one's own, or whoever acts for an organisation.
OWN_ONLY = {"phone", "birth_date"}
SHOWS_OWN: set[str] = {"MeOutput", "StaffInvitationOutput", "NewStaffInvitationOutput"}


@pytest.mark.parametrize("row", [row for row in ROWS if row.body and not row.about], ids=str)
def test_fields_that_were_not_declared_are_refused(row: Row) -> None:
    world = build()
    before = contents()
    body = row.body(world) if row.body else {}
    declared = set(OPERATIONS[row.name].input().fields)
    for name, value in SLIPPED_IN.items():
        if name in declared:
            continue
        with undone():
            slipped = Row(row.name, row.expected, body=lambda _world, name=name, value=value: {**body, name: value})
            response = ask(Row(**{**vars(slipped), "parts": row.parts, "query": row.query}), world, "owner")
            assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_input"), name
            assert contents() == before, name


def test_no_answer_shows_what_is_private() -> None:
    for name, operation in OPERATIONS.items():
        for owner, field in fields_of(operation.output() if operation.output else None):
            assert field not in NEVER_SHOWN, f"{name} shows {field}"
            assert field not in OWN_ONLY or owner in SHOWS_OWN, f"{name} shows {owner}.{field}"


def fields_of(shape: Any) -> Iterator[tuple[str, str]]:
    """Every field of a shape and of the shapes within it, with the shape's name."""
    if isinstance(shape, serializers.ListSerializer | serializers.ListField):
        yield from fields_of(shape.child)
    elif isinstance(shape, serializers.Serializer):
        for name, field in shape.fields.items():
            yield type(shape).__name__, name
            yield from fields_of(field)
