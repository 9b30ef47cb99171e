"""Organisations in the admin: found, looked at, and decided on with a reason."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from superapp.accounts import services
from superapp.accounts.models import Organisation
from superapp.core.models import AuditEntry
from tests.accounts.organisations import join, organisation, requested
from tests.accounts.people import new_handle, person
from tests.accounts.staffers import home, staff, submit, verified
from tests.browser import DESKTOP, PHONE, Visit, chromium
from tests.processes import Gateway

LIST = "admin:accounts_organisation_changelist"


def page_of(made: Organisation) -> str:
    return reverse("admin:accounts_organisation_change", args=[made.id])


def step(made: Organisation, name: str) -> str:
    return reverse(f"admin:accounts_organisation_{name}", args=[made.id])


def found(client: Client, **query: str) -> set[str]:
    names = re.findall(r"Shop \w+", client.get(reverse(LIST), query).content.decode())
    return set(names)


@pytest.mark.django_db
def test_list_is_filtered_by_state_and_searched_by_words_and_ids() -> None:
    client = verified(staff("verifier"))
    ada = person()
    waits, works = requested(ada, name="Shop Alpha"), organisation(person(), name="Shop Beta")
    assert found(client) == {"Shop Alpha", "Shop Beta"}
    assert found(client, state__exact="requested") == {"Shop Alpha"}
    assert found(client, q="alph sho") == {"Shop Alpha"}
    assert found(client, q=str(works.id)) == {"Shop Beta"}
    assert found(client, q=str(ada.id)) == {"Shop Alpha"}
    assert found(client, q="nothing of the kind") == set()
    assert f'href="{reverse(LIST)}?state__exact=requested"' in client.get(reverse("admin:index")).content.decode()
    assert Organisation.objects.get(id=waits.id).state == "requested"


@pytest.mark.django_db
def test_page_shows_who_works_there_and_no_numbers() -> None:
    ada = person(handle=new_handle(), display_name="<b>Ada</b>")
    made = organisation(ada)
    bo = join(made, ada, "manager", "finance")
    services.invite_staff(
        actor_id=ada.id, organisation_id=made.id, roles=["cashier"], client_id=uuid4(), phone="+33612000077"
    )
    troll = join(made, ada, "cashier")
    services.ban_user(user_id=troll.id)
    client = verified(staff("support"))
    page = client.get(page_of(made)).content.decode()
    assert page.count(">banned<") == 1
    assert "&lt;b&gt;Ada&lt;/b&gt;" in page
    assert "<b>Ada" not in page
    assert f"@{bo.handle}" in page
    assert "Manager, Finance" in page
    assert "+33612000077" not in page
    assert not {ada.phone, bo.phone} & set(re.findall(r"\+\d+", page))


@pytest.mark.django_db
def test_page_asks_as_much_however_many_work_there() -> None:
    ada = person()
    made, client = organisation(ada), verified(staff("support"))
    counts = []
    for newcomers in (1, 4):
        for _ in range(newcomers):
            join(made, ada, "cashier")
        with CaptureQueriesContext(connection) as asked:
            client.get(page_of(made))
        counts.append(len(asked))
    assert counts[0] == counts[1]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("state", "offered"),
    [("requested", {"approve", "refuse"}), ("active", {"suspend"}), ("suspended", {"reinstate"}), ("refused", set())],
)
def test_page_offers_what_can_be_done_now(state: str, offered: set[str]) -> None:
    made = requested(person())
    Organisation.objects.filter(id=made.id).update(state=state)
    page = verified(staff(is_superuser=True)).get(page_of(made)).content.decode()
    assert {name for name in ("approve", "refuse", "suspend", "reinstate") if step(made, name) in page} == offered


@pytest.mark.django_db
def test_decision_needs_a_reason_and_is_written_down_once() -> None:
    verifier, made = staff("verifier"), requested(person())
    client = verified(verifier)
    assert b'name="reason"' in submit(client, step(made, "approve"), {"reason": ""}).content
    assert Organisation.objects.get(id=made.id).state == "requested"
    answer = submit(client, step(made, "approve"), {"reason": "Register entry 7 seen."})
    assert (answer.status_code, answer.headers["Location"]) == (302, page_of(made))
    assert Organisation.objects.get(id=made.id).state == "active"
    (entry,) = AuditEntry.objects.filter(action="accounts.organisation_approved")
    assert (entry.actor_id, entry.reason) == (verifier.id, "Register entry 7 seen.")
    assert (entry.organisation_id, entry.subject_kind, entry.subject_id) == (made.id, "organisation", str(made.id))


@pytest.mark.django_db
def test_decision_that_comes_late_changes_nothing() -> None:
    made, client = requested(person()), verified(staff("verifier"))
    services.refuse_organisation(organisation_id=made.id, actor_id=None, reason="no papers")
    submit(client, step(made, "approve"), {"reason": "Looks well."})
    assert Organisation.objects.get(id=made.id).state == "refused"
    assert not AuditEntry.objects.filter(action="accounts.organisation_approved").exists()


# --- In a browser -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(committed_db: Any) -> Iterator[Gateway]:
    with Gateway(committed_db) as running:
        yield running


@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_verifier_finds_a_request_and_approves_it(server: Gateway, device: str) -> None:
    Organisation.objects.filter(state="requested").update(state="refused")
    verifier = staff("verifier")
    ada = person(handle=new_handle(), display_name="Ada Okafor")
    for kind, name in [("brand", "Tea & Co"), ("studio", "Night Shift Games"), ("merchant", "周家面馆")]:
        made = organisation(ada, kind=kind, name=name)
    for roles in (["manager"], ["cashier"], ["cashier", "finance"]):
        join(made, ada, *roles)
    waits = services.request_organisation(
        actor_id=ada.id, kind="merchant", name="Boulangerie Petit", legal_name="Petit & Filles SARL", client_id=uuid4()
    )
    # The way in is test_staff_in_browser.py's.
    cookies: list[Any] = [
        {"name": cookie.key, "value": cookie.value, "url": server.url} for cookie in verified(verifier).cookies.values()
    ]
    with chromium() as browser:
        visit = Visit(browser, viewport=DESKTOP if device == "desktop" else PHONE)
        page = visit.page
        visit.context.add_cookies(cookies)
        page.goto(server.url + home())
        visit.shoot(f"admin-home-verifier-{device}")
        page.get_by_role("link", name="1", exact=True).first.click()
        page.wait_for_url(re.compile("state__exact=requested"))
        visit.shoot(f"admin-organisations-requested-{device}")
        assert not visit.is_wider_than_the_screen()
        page.goto(server.url + reverse(LIST))
        visit.shoot(f"admin-organisations-{device}")
        page.goto(server.url + page_of(made))
        visit.shoot(f"admin-organisation-staff-{device}")
        assert not visit.is_wider_than_the_screen()
        page.goto(server.url + page_of(waits))
        visit.shoot(f"admin-organisation-requested-{device}")
        if device == "phone":
            page.get_by_text("more_horiz").first.click()
        page.get_by_role("link", name="Approve", exact=True).locator("visible=true").first.click()
        page.wait_for_url(re.compile("approve"))
        visit.shoot(f"admin-organisation-approve-{device}")
        page.get_by_label("Reason").fill("Register entry 7 seen.")
        page.locator("form [type=submit]").last.click()
        page.wait_for_url(re.compile(f"{waits.id}/change"))
        visit.shoot(f"admin-organisation-approved-{device}")
        assert visit.complaints == []
        visit.close()
    assert Organisation.objects.get(id=waits.id).state == "active"
    entry = AuditEntry.objects.get(action="accounts.organisation_approved", subject_id=str(waits.id))
    assert (entry.actor_id, entry.reason) == (verifier.id, "Register entry 7 seen.")
