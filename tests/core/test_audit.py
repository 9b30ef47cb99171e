"""The audit log: appended with the change it tells of, never changed, and without anybody's secrets."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import structlog
from django.db import DatabaseError, IntegrityError, connection, connections, transaction

from superapp.core import audit, requests
from superapp.core.models import AuditEntry

pytestmark = pytest.mark.django_db
SUBJECT = ("user", "77")


@pytest.fixture
def _request() -> Iterator[None]:
    requests.begin({"REMOTE_ADDR": "2001:db8:1:2:3::4"})
    with structlog.contextvars.bound_contextvars(request_id="the-request"):
        yield
    requests.end()


def record(**changes: Any) -> AuditEntry:
    """One entry, as it stands in the database."""
    values: dict[str, Any] = {"actor_id": 5, "action": "tests.thing_done", "subject": SUBJECT} | changes
    audit.record(**values)
    return audit.entries_about(*values["subject"])[0]


@pytest.mark.usefixtures("_request")
def test_entry_says_who_did_what_to_what_when_why_and_from_where() -> None:
    before = datetime.now(UTC)
    entry = record(organisation_id=9, before={"a": 1}, after={"a": 2}, reason=" They asked for it. ")
    assert (entry.actor_id, entry.action, entry.organisation_id) == (5, "tests.thing_done", 9)
    assert (entry.subject_kind, entry.subject_id) == SUBJECT
    assert (entry.before, entry.after, entry.reason) == ({"a": 1}, {"a": 2}, "They asked for it.")
    assert (entry.request_id, entry.client_address) == ("the-request", "2001:db8:1:2::/64")
    assert before <= entry.at <= datetime.now(UTC)


def test_entry_of_the_system_itself_needs_neither_actor_nor_request() -> None:
    entry = record(actor_id=None)
    assert (entry.actor_id, entry.organisation_id, entry.before, entry.after) == (None, None, None, None)
    assert (entry.reason, entry.request_id, entry.client_address) == ("", "", "")


def test_entry_goes_when_its_change_is_undone() -> None:
    with transaction.atomic():
        record()
        transaction.set_rollback(True)
    assert not audit.entries_about(*SUBJECT).exists()


def test_newest_entry_comes_first() -> None:
    for number in range(3):
        record(after=number)
    assert [entry.after for entry in audit.entries_about(*SUBJECT)] == [2, 1, 0]
    assert not audit.entries_about("user", "78").exists()


def test_secrets_are_left_out_however_deep_they_are() -> None:
    fields = {
        "password": "hunter2",
        "accessToken": "hunter2",
        "devices": [{"refresh_token": "hunter2", "name": "Phone"}],
        "pin": 1234,
        "sign-in code": "123456",
        "webhook_secret": {"current": "hunter2"},
        "code": None,
    }
    entry = record(before=fields, after={"country_code": "FR", "pin_changed_at": "today", "tokens_left": 3})
    assert "hunter2" not in str(entry.before)
    assert entry.before == {
        "password": "[redacted]",
        "accessToken": "[redacted]",
        "devices": [{"refresh_token": "[redacted]", "name": "Phone"}],
        "pin": "[redacted]",
        "sign-in code": "[redacted]",
        "webhook_secret": "[redacted]",
        "code": None,
    }
    assert entry.after == {"country_code": "FR", "pin_changed_at": "today", "tokens_left": 3}


def test_values_of_rows_are_taken_as_json() -> None:
    key = UUID(int=7)
    entry = record(after={"at": datetime(2026, 1, 2, tzinfo=UTC), "key": key, "ids": (1, 2), 3: True})
    assert entry.after == {"at": "2026-01-02T00:00:00Z", "key": "[redacted]", "ids": [1, 2], "3": True}
    with pytest.raises(TypeError):
        record(after=object())


def test_text_that_postgres_would_refuse_does_not_stop_the_work() -> None:
    entry = record(reason="a\0b\ud800", after="c\0\udfff")
    assert (entry.reason, entry.after) == ("ab?", "c?")


@pytest.mark.parametrize("changes", [{"action": ""}, {"subject": ("", "1")}])
def test_entry_that_says_nothing_is_refused_by_the_database(changes: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        record(**changes)


CHANGES = [
    "UPDATE core_audit SET reason = 'forged'",
    "DELETE FROM core_audit",
    "TRUNCATE core_audit",
    "INSERT INTO core_audit SELECT * FROM core_audit ON CONFLICT (id) DO UPDATE SET reason = 'forged'",
]


@pytest.mark.parametrize("statement", CHANGES)
def test_application_may_not_change_the_log(statement: str) -> None:
    record()
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_application_may_read_and_append_and_nothing_else() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT array_agg(right_ ORDER BY right_) FROM unnest("
            "array['SELECT','INSERT','UPDATE','DELETE','TRUNCATE','REFERENCES','TRIGGER']) AS right_"
            " WHERE has_table_privilege('core_audit', right_)"
        )
        assert cursor.fetchone()[0] == ["INSERT", "SELECT"]


@pytest.mark.django_db(databases=["default", "owner"])
@pytest.mark.parametrize("statement", CHANGES)
def test_owner_is_refused_too(statement: str) -> None:
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_audit (id, action, subject_kind, subject_id, reason, request_id, client_address)"
            " VALUES (1, 'a', 'b', 'c', '', '', '')"
        )
        with pytest.raises(DatabaseError, match="only ever appended to"):
            cursor.execute(statement)
        transaction.set_rollback(True, using="owner")


@pytest.mark.parametrize("index", ["core_audit_subject", "core_audit_actor", "core_audit_organisation"])
def test_each_way_to_look_has_an_index_that_gives_its_order(index: str) -> None:
    looked_up = {
        "core_audit_subject": "subject_kind = 'user' AND subject_id = '77'",
        "core_audit_actor": "actor_id = 5",
        "core_audit_organisation": "organisation_id = 9",
    }
    with transaction.atomic(), connection.cursor() as cursor:
        # Over the few rows of a test all ways cost the same: what is left is an index, which gives its order or not.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN SELECT * FROM core_audit WHERE {looked_up[index]} ORDER BY id DESC LIMIT 30")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert index in plan
    assert "Sort" not in plan
