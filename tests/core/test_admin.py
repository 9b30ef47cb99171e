"""The admin's base: it shows, finds by index, and writes only where somebody says why."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin import site as everybodys_site
from django.contrib.auth.models import Permission
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext, isolate_apps
from django.utils import timezone
from pytest_django import Settings

from superapp.accounts import services
from superapp.accounts.models import User
from superapp.core import audit
from superapp.core.admin import ReadOnlyAdmin, paginator
from superapp.core.admin.paginator import EstimatedPaginator
from superapp.core.admin.read_only import leads_an_index
from superapp.core.models import AuditEntry, OutboxEvent
from tests.accounts.people import new_handle, new_phone
from tests.core.admin_site import site

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.core.admin_site")]
OUTBOX, AUDIT = "/admin/core/outboxevent/", "/admin/core/auditentry/"


@pytest.fixture(autouse=True)
def _bare_site(settings: Settings) -> None:
    """Only what Django's admin itself needs: who may come near it at all is not this room's affair."""
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
    settings.SESSION_SAVE_EVERY_REQUEST = False
    settings.MIDDLEWARE = [
        "superapp.core.middleware.RequestLog",
        "superapp.core.middleware.ErrorBoundary",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ]


def staff(*permissions: str) -> User:
    user = services.create_user(phone=new_phone(), display_name="Staff", handle=new_handle())
    User.objects.filter(id=user.id).update(is_staff=True)
    for permission in permissions:
        room, _, name = permission.partition(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=room, codename=name))
    return user


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


VIEW, RETRY = "core.view_outboxevent", "core.retry_outboxevent"


@pytest.fixture
def operator() -> User:
    return staff(VIEW, RETRY, "core.view_auditentry")


@pytest.fixture
def parked() -> OutboxEvent:
    return row(attempts=10, error="ValueError: no")


def row(**values: Any) -> OutboxEvent:
    given = {"handler": "tests.handler", "key": "k", "shard": 0, "event": {"key": "k"}, "due_at": timezone.now()}
    return OutboxEvent.objects.create(**given | values)


def entries() -> list[AuditEntry]:
    return list(AuditEntry.objects.order_by("id"))


def said(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


# --- Looking ----------------------------------------------------------------------------------------------------------


def test_everything_of_a_row_is_shown_and_nothing_can_be_typed(operator: User, parked: OutboxEvent) -> None:
    page = browser(operator).get(f"{OUTBOX}{parked.id}/change/").content.decode()
    for field in OutboxEvent._meta.concrete_fields:
        assert str(field.verbose_name).capitalize() in page
    assert "ValueError: no" in page
    assert 'name="handler"' not in page
    assert "deletelink" not in page


@pytest.mark.parametrize("path", [OUTBOX + "add/", OUTBOX + "{id}/delete/"])
def test_nobody_adds_or_deletes_not_even_a_superuser(path: str, parked: OutboxEvent) -> None:
    root = staff()
    User.objects.filter(id=root.id).update(is_superuser=True)
    client = browser(root)
    assert client.get(path.format(id=parked.id)).status_code == 403
    assert client.post(path.format(id=parked.id), {"post": "yes"}).status_code == 403
    assert client.post(f"{OUTBOX}{parked.id}/change/", {"handler": "x"}).status_code == 403
    parked.refresh_from_db()
    assert parked.handler == "tests.handler"


def test_who_lacks_the_permission_sees_nothing(parked: OutboxEvent) -> None:
    client = browser(staff("core.view_auditentry", RETRY))
    for path in (
        OUTBOX,
        f"{OUTBOX}{parked.id}/change/",
        f"{OUTBOX}{parked.id}/history/",
        f"{OUTBOX}{parked.id}/retry/",
    ):
        assert client.get(path).status_code == 403
    assert entries() == []


def test_opening_something_sensitive_is_written_down(operator: User, parked: OutboxEvent) -> None:
    browser(operator).get(f"{OUTBOX}{parked.id}/change/")
    (entry,) = entries()
    assert (entry.actor_id, entry.action) == (operator.id, "core.outboxevent_viewed")
    assert (entry.subject_kind, entry.subject_id) == ("outboxevent", str(parked.id))
    assert entry.client_address == "127.0.0.1"
    assert entry.request_id
    # A row of the audit log is not: reading it would fill it.
    browser(operator).get(f"{AUDIT}{entry.id}/change/")
    assert entries() == [entry]


def test_history_is_what_the_audit_log_knows(operator: User, parked: OutboxEvent) -> None:
    audit.record(actor_id=operator.id, action="outbox.retried", subject=("outboxevent", str(parked.id)), reason="mine")
    audit.record(actor_id=operator.id, action="outbox.retried", subject=("outboxevent", "7"), reason="another's")
    page = browser(operator).get(f"{OUTBOX}{parked.id}/history/", follow=True).content.decode()
    assert "mine" in page
    assert "another" not in page


def test_secrets_of_a_row_are_not_shown() -> None:
    class People(ReadOnlyAdmin):
        hidden_fields = frozenset({"time_zone"})

    names = People(User, site).get_fields(None)  # type: ignore[arg-type]
    assert {"phone", "handle", "created_at"} <= set(names)
    assert not {"password", "time_zone"} & set(names)


# --- Finding ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("term", "number"),
    [("{id}", 1), (" {id} ", 1), ("0", 0), ("x", 0), ("99999999999999999999", 0), ("-1", 0), ("", 3), ("%", 0)],
)
def test_search_finds_exactly_what_was_typed(operator: User, term: str, number: int) -> None:
    rows = [row() for _ in range(3)]
    response = browser(operator).get(OUTBOX, {"q": term.format(id=rows[1].id)})
    assert response.status_code == 200
    assert len(response.context["cl"].result_list) == number


def test_audit_log_is_searched_by_person_organisation_and_subject(operator: User) -> None:
    audit.record(actor_id=5, action="a", subject=("user", "77"), organisation_id=9)
    audit.record(actor_id=6, action="b", subject=("user", "78"))
    for term, actions in {"5": ["a"], "9": ["a"], "user:78": ["b"], "user: 77": ["a"], "user:": [], "77": []}.items():
        found = browser(operator).get(AUDIT, {"q": term}).context["cl"].result_list
        assert [entry.action for entry in found] == actions, term


@isolate_apps("tests.core")
def test_search_without_an_index_is_refused_when_the_project_starts() -> None:
    class Thing(models.Model):
        name = models.CharField(max_length=10)
        slug = models.CharField(max_length=10, unique=True)
        owner_id = models.BigIntegerField()
        number = models.IntegerField()

        class Meta:
            app_label = "facts"
            indexes = [models.Index(fields=["-owner_id", "id"], name="thing_owner")]

    class Things(ReadOnlyAdmin):
        search_fields = ("pk", "slug", "owner_id", "name")

    assert [leads_an_index(Thing, name) for name in ("pk", "id", "slug", "owner_id", "name", "number")] == [
        *[True] * 4,
        False,
        False,
    ]
    assert [error.id for error in Things(Thing, site).check()] == ["superapp.admin.E001"]


@pytest.mark.parametrize(("state", "number"), [("parked", 1), ("open", 2), ("", 3)])
def test_outbox_is_filtered_by_state(operator: User, parked: OutboxEvent, state: str, number: int) -> None:
    row()
    row(done_at=timezone.now())
    assert len(browser(operator).get(OUTBOX, {"state": state}).context["cl"].result_list) == number


def test_list_costs_the_same_for_one_row_and_for_many(operator: User, django_assert_max_num_queries: Any) -> None:
    row()
    client = browser(operator)
    with CaptureQueriesContext(connection) as few:
        client.get(OUTBOX)
    for _ in range(20):
        row()
    with CaptureQueriesContext(connection) as many:
        client.get(OUTBOX)
    assert len(many) == len(few) <= 8


def test_every_page_of_the_product_is_read_only_and_unannotated(rf: Any) -> None:
    request = rf.get("/")
    request.user = staff()
    ours = [page for page in everybodys_site._registry.values() if type(page).__module__.split(".")[0] != "django"]
    assert {OutboxEvent, AuditEntry} <= {page.model for page in ours if isinstance(page, ReadOnlyAdmin)}
    for page in ours:
        if isinstance(page, ReadOnlyAdmin):
            assert not page.get_queryset(request).query.annotations, page


# --- Counting ---------------------------------------------------------------------------------------------------------


def test_small_tables_and_answers_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        row(shard=number % 2)
    assert EstimatedPaginator(OutboxEvent.objects.order_by("id"), 2).count == 5
    assert EstimatedPaginator(OutboxEvent.objects.order_by("id"), 2).num_pages == 3
    monkeypatch.setattr(paginator, "MOST_ROWS", 2)
    filtered = EstimatedPaginator(OutboxEvent.objects.filter(shard=0).order_by("id"), 2)
    # Three there are; that there are more than two is all that is looked at.
    assert (filtered.count, filtered.num_pages) == (3, 1)


def test_large_tables_are_as_large_as_postgres_believes(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        row()
    monkeypatch.setattr(paginator, "MOST_ROWS", 2)
    monkeypatch.setattr(EstimatedPaginator, "_believed", lambda self: 1_000_000)
    whole = EstimatedPaginator(OutboxEvent.objects.order_by("id"), 1)
    assert (whole.count, whole.num_pages) == (1_000_000, 2)


def test_belief_of_postgres_is_read_from_its_statistics() -> None:
    assert EstimatedPaginator(OutboxEvent.objects.order_by("id"), 1)._believed() >= -1


def test_list_never_counts_a_whole_table(operator: User) -> None:
    row()
    with CaptureQueriesContext(connection) as queries:
        browser(operator).get(OUTBOX)
    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"]]
    assert counts
    assert all("LIMIT 10001" in sql for sql in counts)


# --- Taking away ------------------------------------------------------------------------------------------------------


def test_export_asks_why_is_written_down_and_holds_what_the_list_shows() -> None:
    auditor = staff("core.view_auditentry", "core.export_auditentry")
    audit.record(actor_id=5, action="a.b", subject=("user", "7"), reason='=HYPERLINK("x")')
    audit.record(actor_id=6, action="a.c", subject=("user", "8"), reason="plain, 北京")
    client, path = browser(auditor), f"{AUDIT}export/"
    assert path in client.get(AUDIT).content.decode()
    assert client.get(path).status_code == client.post(path, {"reason": " "}).status_code == 200
    assert len(entries()) == 2
    response = client.post(path + "?actor_id=5", {"confirmed": "yes", "reason": "The court asks."})
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="auditentry-')
    header, line = response.content.decode().splitlines()
    assert header == "at,actor_id,action,subject_kind,subject_id,organisation_id,reason"
    assert line.endswith(',5,a.b,user,7,,"\'=HYPERLINK(""x"")"')
    entry = entries()[-1]
    assert (entry.actor_id, entry.action, entry.reason) == (auditor.id, "core.auditentry_exported", "The court asks.")
    assert (entry.after["rows"], entry.after["filter"]) == (1, "actor_id=5")


def test_who_may_only_look_takes_nothing_away() -> None:
    client = browser(staff("core.view_auditentry"))
    assert "/export/" not in client.get(AUDIT).content.decode()
    assert client.post(f"{AUDIT}export/", {"confirmed": "yes", "reason": "because"}).status_code == 403
    assert entries() == []


# --- Doing ------------------------------------------------------------------------------------------------------------


def test_action_asks_first_and_changes_nothing_until_there_is_a_reason(operator: User, parked: OutboxEvent) -> None:
    client = browser(operator)
    path = f"{OUTBOX}{parked.id}/retry/"
    page = client.get(path)
    assert page.status_code == 200
    assert "tests.handler" in page.content.decode()
    for body in ({}, {"confirmed": "yes"}, {"confirmed": "yes", "reason": "  "}, {"reason": "without confirming"}):
        page = client.post(path, body)
        assert page.status_code == 200
    assert client.post(path, {"confirmed": "yes", "reason": "x" * 501}).status_code == 200
    # As a link somewhere else would have it.
    assert client.get(path, {"confirmed": "yes", "reason": "because"}).status_code == 200
    parked.refresh_from_db()
    assert parked.attempts == 10
    assert entries() == []


def test_confirmed_action_is_done_and_written_down(operator: User, parked: OutboxEvent) -> None:
    response = browser(operator).post(f"{OUTBOX}{parked.id}/retry/", {"confirmed": "yes", "reason": " It is mended. "})
    assert response.headers["Location"] == f"{OUTBOX}{parked.id}/change/"
    parked.refresh_from_db()
    assert parked.attempts == 0
    (entry,) = entries()
    assert (entry.actor_id, entry.action, entry.reason) == (operator.id, "outbox.retried", "It is mended.")
    assert (entry.before, entry.after) == ({"attempts": 10, "error": "ValueError: no"}, {"attempts": 0})


def test_refusal_is_shown_and_leaves_nothing_behind(operator: User) -> None:
    waiting = row(attempts=3)
    response = browser(operator).post(
        f"{OUTBOX}{waiting.id}/retry/", {"confirmed": "yes", "reason": "because"}, follow=True
    )
    assert said(response) == [f"{waiting}: Only parked rows can be retried."]
    waiting.refresh_from_db()
    assert waiting.attempts == 3
    assert [entry.action for entry in entries()] == ["core.outboxevent_viewed"]


def test_chosen_rows_are_confirmed_together_and_done_one_by_one(operator: User, parked: OutboxEvent) -> None:
    waiting, other = row(attempts=3), row(attempts=12)
    client = browser(operator)
    chosen = {"action": "retry", "_selected_action": [parked.id, waiting.id, other.id]}
    page = client.post(OUTBOX, chosen | {"index": "0"})
    assert page.status_code == 200
    assert page.content.decode().count('name="_selected_action"') == 3
    assert entries() == []
    response = client.post(OUTBOX, chosen | {"confirmed": "yes", "reason": "all mended"}, follow=True)
    assert said(response) == [f"{waiting}: Only parked rows can be retried.", "Retry: done for 2."]
    assert sorted(entry.subject_id for entry in entries()) == sorted([str(parked.id), str(other.id)])


def test_more_than_a_page_can_show_is_not_done_at_once(operator: User) -> None:
    rows = [row(attempts=10) for _ in range(41)]
    chosen = {"action": "retry", "_selected_action": [rows[0].id], "select_across": "1"}
    chosen |= {"confirmed": "yes", "reason": "all"}
    response = browser(operator).post(OUTBOX, chosen, follow=True)
    assert said(response) == ["Choose at most 40 at once."]
    assert OutboxEvent.objects.filter(attempts=10).count() == 41


def test_whole_page_can_be_chosen(operator: User) -> None:
    chosen = {"action": "retry", "_selected_action": [row(attempts=10).id for _ in range(40)]}
    client = browser(operator)
    assert client.post(OUTBOX, chosen | {"index": "0", "select_across": "0"}).status_code == 200
    client.post(OUTBOX, chosen | {"confirmed": "yes", "reason": "all"})
    assert OutboxEvent.objects.filter(attempts=0).count() == 40


@pytest.mark.parametrize(
    "run",
    [
        lambda client, row: client.post(f"{OUTBOX}{row.id}/retry/", {"confirmed": "yes", "reason": "because"}),
        lambda client, row: client.post(
            OUTBOX, {"action": "retry", "_selected_action": [row.id], "confirmed": "yes", "reason": "because"}
        ),
    ],
    ids=["one", "chosen"],
)
def test_who_may_only_look_is_neither_offered_the_action_nor_obeyed(
    run: Callable[[Client, OutboxEvent], Any], parked: OutboxEvent
) -> None:
    client = browser(staff(VIEW))
    assert "/retry/" not in client.get(f"{OUTBOX}{parked.id}/change/").content.decode()
    assert "retry" not in client.get(OUTBOX).content.decode()
    run(client, parked)
    parked.refresh_from_db()
    assert parked.attempts == 10
    assert "outbox.retried" not in {entry.action for entry in entries()}


def test_action_on_what_is_not_there_finds_nothing(operator: User) -> None:
    for identifier in ("999999", "x", "99999999999999999999"):
        assert browser(operator).get(f"{OUTBOX}{identifier}/retry/").status_code == 404


def test_actions_are_offered_where_they_can_be_run(operator: User, parked: OutboxEvent) -> None:
    client = browser(operator)
    assert f"{OUTBOX}{parked.id}/retry/" in client.get(f"{OUTBOX}{parked.id}/change/").content.decode()
    page = client.get(OUTBOX).content.decode()
    assert 'value="retry"' in page
    assert "delete_selected" not in page
