"""The admin as staff see it: the whole way in, a list, an action with its reason, on a desk and on a phone."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from superapp.accounts.models import User
from superapp.accounts.services.staff import current_code
from superapp.core.models import AuditEntry
from tests.accounts.people import person
from tests.accounts.staffers import PASSWORD, SIGN_IN, home, staff
from tests.browser import DESKTOP, PHONE, Visit, chromium
from tests.processes import Gateway


@pytest.fixture(scope="module")
def server(committed_db: Any) -> Iterator[Gateway]:
    with Gateway(committed_db) as running:
        yield running


@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_staff_set_up_their_second_factor_and_ban_somebody_with_a_reason(server: Gateway, device: str) -> None:
    moderator, troll = staff("moderator", with_second_factor=False), person(display_name="Troll")
    with chromium() as browser:
        visit = Visit(browser, viewport=DESKTOP if device == "desktop" else PHONE)
        page = visit.page

        page.goto(server.url + home())
        assert page.url.startswith(server.url + SIGN_IN)
        visit.shoot(f"sign-in-{device}")
        page.get_by_label("Handle").fill(str(moderator.handle))
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Continue").click()

        secret = str(page.locator("[data-secret]").get_attribute("data-secret"))
        visit.shoot(f"second-factor-{device}")
        assert not visit.is_wider_than_the_screen()
        page.get_by_role("textbox", name="Code").fill(current_code(secret))
        page.get_by_role("button", name="Turn it on").click()
        page.wait_for_url(re.compile("recovery-codes|" + home()))
        page.goto(server.url + home())
        assert page.url == server.url + home()
        visit.shoot(f"admin-home-{device}")
        assert not visit.is_wider_than_the_screen()

        page.goto(f"{server.url}{home()}accounts/user/")
        visit.shoot(f"admin-people-{device}")
        page.get_by_role("link", name="Troll").first.click()
        page.wait_for_url(re.compile(f"{troll.id}/change"))
        assert page.get_by_text("active", exact=True).first.is_visible()
        visit.shoot(f"admin-person-{device}")
        if device == "phone":
            page.get_by_text("more_horiz").first.click()
        page.get_by_role("link", name="Ban", exact=True).locator("visible=true").first.click()
        page.wait_for_url(re.compile("ban"))
        visit.shoot(f"admin-confirm-{device}")
        page.get_by_label("Reason").fill("Sells what does not exist.")
        page.locator("form [type=submit]").last.click()
        page.wait_for_url(re.compile(f"{troll.id}/change"))
        visit.shoot(f"admin-banned-{device}")
        assert visit.complaints == []
        visit.close()
    assert not User.objects.get(id=troll.id).is_active
    entry = AuditEntry.objects.filter(subject_kind="user", subject_id=str(troll.id), reason__gt="").latest("id")
    assert (entry.actor_id, entry.reason) == (moderator.id, "Sells what does not exist.")
