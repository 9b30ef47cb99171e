"""What staff see of the ledger, and that they can do nothing to it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from payments.ledger import services as ledger
from payments.ledger.check import check
from payments.ledger.models import Account, Entry, Hold
from payments.ledger.watch import record
from superapp.core.models import AuditEntry
from tests.accounts.people import person
from tests.accounts.staffers import staff, verified
from tests.payments.money import account, fund

pytestmark = pytest.mark.django_db
ACCOUNTS, ENTRIES, HOLDS = "ledger_account", "ledger_entry", "ledger_hold"


@pytest.fixture
def finance() -> Client:
    return verified(staff("finance"))


def send(debit: int, credit: int, amount: int, **given: Any) -> int:
    key = {"purpose": "tests.send", "reference": str(uuid4()), "step": "send", "currency": "CNY"} | given
    return ledger.transfer(debit_account_id=debit, credit_account_id=credit, amount_minor=amount, **key).entry_id


def hold(account_id: int, amount: int, **given: str) -> int:
    expires_at = timezone.now() + timedelta(hours=1)
    key = {"purpose": "tests.hold", "reference": str(uuid4()), "currency": "CNY"} | given
    return ledger.hold(account_id=account_id, amount_minor=amount, expires_at=expires_at, **key)


def page(client: Client, model: str, identifier: int) -> str:
    response = client.get(reverse(f"admin:{model}_change", args=[identifier]))
    assert response.status_code == 200
    return str(response.content.decode())


def found(client: Client, model: str, **query: str) -> list[int]:
    response = client.get(reverse(f"admin:{model}_changelist"), query)
    assert response.status_code == 200
    return [row.pk for row in response.context["cl"].result_list]


def test_page_of_an_account_shows_what_is_in_it_and_how_it_came(finance: Client) -> None:
    ada, bo = person(), person()
    first = fund(ada.id, 123_456)
    entry_id = send(first, account(bo.id), 1_234)
    hold_id = hold(first, 2_000)
    shown = page(finance, ACCOUNTS, first)
    # All there is, what is promised, what is left; each movement and hold with the way to its page.
    for words in ("CN¥1,222.22", "CN¥20.00", "CN¥1,202.22", "-CN¥12.34", "CN¥1,234.56", "tests.send"):
        assert words in shown
    for name, identifier in ((ENTRIES, entry_id), (HOLDS, hold_id), ("accounts_user", ada.id)):
        assert reverse(f"admin:{name}_change", args=[identifier]) in shown


def test_page_of_an_account_of_the_house_shows_what_waits_to_be_counted(finance: Client) -> None:
    fund(person().id, 777)
    world = ledger.house_account("world", "CNY", "opening")
    assert "-CN¥7.77" in (shown := page(finance, ACCOUNTS, world))
    assert "not folded in yet" in shown
    ledger.fold(account_id=world)
    assert Account.objects.get(id=world).balance_minor == -777
    assert "the house" in page(finance, ACCOUNTS, world)


def test_page_of_an_account_shows_its_last_fifty_postings_in_as_many_statements_as_two(finance: Client) -> None:
    few, many = fund(person().id, 100), fund(person().id, 10_000)
    other = account(person().id)
    for amount in range(1, 60):
        send(many, other, amount)
    with CaptureQueriesContext(connection) as for_few:
        page(finance, ACCOUNTS, few)
    with CaptureQueriesContext(connection) as for_many:
        shown = page(finance, ACCOUNTS, many)
    assert len(for_many) == len(for_few)
    assert "-CN¥0.59" in shown
    assert "-CN¥0.09<" not in shown


def test_page_of_an_entry_shows_its_legs_and_what_took_it_back(finance: Client) -> None:
    first, second = fund(person().id, 500), account(person().id)
    reference = str(uuid4())
    entry_id = send(first, second, 300, reference=reference)
    back = ledger.reverse(entry_id=entry_id, purpose="tests.send", reference=reference, step="return").entry_id
    shown = page(finance, ENTRIES, entry_id)
    for words in ("-CN¥3.00", "CN¥3.00", "tests.send", reference):
        assert words in shown
    for model, identifier in ((ACCOUNTS, first), (ACCOUNTS, second), (ENTRIES, back)):
        assert reverse(f"admin:{model}_change", args=[identifier]) in shown
    assert reverse(f"admin:{ENTRIES}_change", args=[entry_id]) in page(finance, ENTRIES, back)


def test_page_of_a_hold_shows_how_it_was_raised_and_captured(finance: Client) -> None:
    first, second = fund(person().id, 1_000), account(person().id)
    hold_id = hold(first, 400)
    ledger.raise_hold(hold_id=hold_id, amount_minor=600, step="longer")
    ledger.capture(
        hold_id=hold_id, lines=[ledger.Line(second, 550)], purpose="tests.hold", reference=str(uuid4()), step="pay"
    )
    shown = page(finance, HOLDS, hold_id)
    for words in ("CN¥6.00", "CN¥5.50", "longer", "captured"):
        assert words in shown


def test_accounts_are_found_by_owner_kind_and_state(finance: Client) -> None:
    ada = person()
    mine, other = fund(ada.id, 100), fund(person().id, 100)
    assert found(finance, ACCOUNTS, q=str(ada.id)) == found(finance, ACCOUNTS, q=str(mine)) == [mine]
    ledger.set_status(account_id=other, status="frozen")
    assert found(finance, ACCOUNTS, status__exact="frozen") == [other]
    assert set(found(finance, ACCOUNTS, kind__exact="world", currency="EUR")) == {
        ledger.house_account("world", "EUR", name) for name in ("opening", "adjustments", "cards", "banks")
    }


def test_entries_and_holds_are_found_by_reference_and_purpose(finance: Client) -> None:
    first, second = fund(person().id, 500), account(person().id)
    entry_id, hold_id = send(first, second, 1, reference="r1"), hold(first, 1, reference="r1")
    send(first, second, 1, reference="r2")
    for model, identifier, purpose in ((ENTRIES, entry_id, "tests.send"), (HOLDS, hold_id, "tests.hold")):
        for term in ("r1", f"{purpose}:r1", f"{purpose}: r1", str(identifier)):
            assert found(finance, model, q=term) == [identifier], term
        assert found(finance, model, q="another.purpose:r1") == []
    assert found(finance, HOLDS, state="open") == [hold_id]
    assert found(finance, HOLDS, state="overdue") == []


@pytest.mark.parametrize("model", [ACCOUNTS, ENTRIES, HOLDS])
def test_lists_cost_the_same_for_one_row_and_for_many(finance: Client, model: str) -> None:
    hold(fund(person().id, 100), 1)
    with CaptureQueriesContext(connection) as few:
        found(finance, model)
    for _ in range(15):
        hold(fund(person().id, 100), 1)
    with CaptureQueriesContext(connection) as many:
        found(finance, model)
    assert len(many) == len(few) <= 14


@pytest.mark.parametrize("model", [ACCOUNTS, ENTRIES, HOLDS])
def test_nobody_changes_or_deletes_anything_and_each_look_is_written_down(model: str) -> None:
    root = staff(is_superuser=True)
    client = verified(root)
    client.handler.enforce_csrf_checks = False
    hold(fund(person().id, 100), 1)
    one = {ACCOUNTS: Account, ENTRIES: Entry, HOLDS: Hold}[model].objects.order_by("-pk")[0]
    before = type(one).objects.filter(pk=one.pk).values().get()
    for name in ("change", "delete"):
        response = client.post(reverse(f"admin:{model}_{name}", args=[one.pk]), {"post": "yes", "status": "closed"})
        assert response.status_code == 403
    assert client.post(reverse(f"admin:{model}_add"), {}).status_code == 403
    assert type(one).objects.filter(pk=one.pk).values().get() == before
    page(client, model, one.pk)
    entry = AuditEntry.objects.get(actor_id=root.id)
    assert (entry.action, entry.subject_id) == (f"{model.replace('_', '.')}_viewed", str(one.pk))


def test_last_look_at_the_books_is_shown_with_what_it_found(finance: Client) -> None:
    fund(person().id, 100)
    sound = record(check())
    assert "sound" in page(finance, "ledger_check", sound.id)
    progress = check()
    progress.found("sum_zero", "Entry 5 adds up to CNY 3 <script>.")
    unsound = record(progress)
    shown = page(finance, "ledger_check", unsound.id)
    assert "problems: 1" in shown
    assert "Entry 5 adds up to CNY 3 &lt;script&gt;." in shown
    assert found(finance, "ledger_check") == [unsound.id, sound.id]
    money = finance.get(reverse("admin:payments_volume_changelist")).content.decode()
    assert reverse("admin:ledger_check_change", args=[unsound.id]) in money
    assert "sa-bad" in money
    operator = verified(staff("operator"))
    assert "found by the last check" in operator.get(reverse("admin:index")).content.decode()
