"""The queue of reports as a moderator sees it, on a desk and on a phone."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from messaging import services as messaging
from superapp.accounts.models import User
from superapp.safety.models import Report
from tests.accounts.staffers import home, staff, verified
from tests.browser import DESKTOP, PHONE, Visit, chromium
from tests.processes import Gateway
from tests.realtime.people import friends, say


@pytest.fixture(scope="module")
def server(committed_db: Any) -> Iterator[Gateway]:
    with Gateway(committed_db) as running:
        yield running


@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_a_moderator_reads_a_report_and_bans_its_author(server: Gateway, device: str) -> None:
    moderator = staff("moderator")
    ada, eve, conversation_id = friends("Ada", "Eve")
    for words in ("Hello!", "Do I know you?", "Send me 500 and I send you 5,000 back, I promise. " * 4, "No."):
        seq = say(eve if words.startswith("Send") else ada, conversation_id, words)
    report_id = messaging.report_message(
        reporter_id=ada.user_id, conversation_id=conversation_id, seq=seq - 1, reason="fraud", comment="Please look."
    )
    # The way in is tests/accounts/test_staff_in_browser.py's.
    cookies: list[Any] = [
        {"name": cookie.key, "value": cookie.value, "url": server.url}
        for cookie in verified(moderator).cookies.values()
    ]
    with chromium() as browser:
        visit = Visit(browser, viewport=DESKTOP if device == "desktop" else PHONE)
        page = visit.page
        visit.context.add_cookies(cookies)
        page.goto(f"{server.url}{home()}safety/report/")
        visit.shoot(f"reports-{device}")
        assert not visit.is_wider_than_the_screen()
        page.goto(f"{server.url}{home()}safety/report/{report_id}/change/")
        assert page.get_by_text("Send me 500").first.is_visible()
        visit.shoot(f"report-{device}")
        assert not visit.is_wider_than_the_screen()
        if device == "phone":
            page.get_by_text("more_horiz").first.click()
        page.get_by_role("link", name="Resolve", exact=True).locator("visible=true").first.click()
        page.wait_for_url(re.compile("resolve"))
        page.get_by_label("What is done").select_option("ban_author")
        page.get_by_label("Reason").fill("Asks for money.")
        visit.shoot(f"report-resolve-{device}")
        page.locator("form [type=submit]").last.click()
        page.wait_for_url(re.compile(f"{report_id}/change"))
        visit.shoot(f"report-resolved-{device}")
        assert visit.complaints == []
        visit.close()
    assert Report.objects.get(id=report_id).state == "resolved"
    assert not User.objects.get(id=eve.user_id).is_active
