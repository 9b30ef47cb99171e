"""The admin's pages of who has left and of copies of data: what stands there, and that a retry needs a reason."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from superapp.accounts import services
from superapp.accounts.models import DataExport, Erasure
from superapp.core.ids import new_id
from superapp.core.models import AuditEntry
from tests.accounts.people import PASSWORD, Person, new_handle, person
from tests.accounts.staffers import home, staff, verified
from tests.browser import DESKTOP, PHONE, Visit, chromium
from tests.processes import Gateway


@pytest.fixture(scope="module")
def server(committed_db: Any) -> Iterator[Gateway]:
    with Gateway(committed_db) as running:
        yield running


def left(**columns: Any) -> Person:
    ada = person(handle=new_handle(), password=PASSWORD)
    services.deactivate(actor_id=ada.id, password=PASSWORD)
    Erasure.objects.filter(user_id=ada.id).update(**columns)
    return ada


def failed_copy() -> DataExport:
    now = timezone.now()
    return DataExport.objects.create(
        id=new_id(),
        user_id=person().id,
        client_id=uuid4(),
        state="failed",
        attempts=5,
        error="Unavailable",
        done_rooms=["accounts"],
        due_at=now,
        expires_at=now + timedelta(days=7),
    )


@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_operator_retries_what_failed_with_a_reason(server: Gateway, device: str) -> None:
    now, operator = timezone.now(), staff("operator")
    left()
    failed = left(started_at=now, attempts=8, error="media: Unavailable", done_rooms=["messaging", "realtime"])
    copy = failed_copy()
    cookies: list[Any] = [
        {"name": cookie.key, "value": cookie.value, "url": server.url} for cookie in verified(operator).cookies.values()
    ]
    with chromium() as browser:
        visit = Visit(browser, viewport=DESKTOP if device == "desktop" else PHONE)
        visit.context.add_cookies(cookies)
        page = visit.page

        page.goto(f"{server.url}{home()}accounts/erasure/")
        assert page.get_by_text("can be taken back").first.is_visible()
        assert "media: Unavailable" in page.content()
        visit.shoot(f"admin-erasures-{device}")
        page.goto(f"{server.url}{home()}accounts/erasure/{failed.id}/change/")
        assert failed.phone not in page.content()
        visit.shoot(f"admin-erasure-{device}")
        assert not visit.is_wider_than_the_screen()
        page.goto(f"{server.url}{home()}accounts/erasure/{failed.id}/retry/")
        page.get_by_label("Reason").fill("Storage is back.")
        page.locator("form [type=submit]").last.click()
        page.wait_for_url(f"**/{failed.id}/change/")

        page.goto(f"{server.url}{home()}accounts/dataexport/")
        assert page.get_by_text("failed", exact=True).first.is_visible()
        visit.shoot(f"admin-copies-{device}")
        page.goto(f"{server.url}{home()}accounts/dataexport/{copy.id}/change/")
        visit.shoot(f"admin-copy-{device}")
        assert not visit.is_wider_than_the_screen()
        assert visit.complaints == []
        visit.close()
    erasure = Erasure.objects.get(user_id=failed.id)
    assert (erasure.attempts, erasure.state, erasure.done_rooms) == (0, "erasing", ["messaging", "realtime"])
    entry = AuditEntry.objects.get(action="accounts.erasure_retried", subject_id=str(failed.id))
    assert (entry.actor_id, entry.reason) == (operator.id, "Storage is back.")
