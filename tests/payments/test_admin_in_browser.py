"""Money as staff see it, on a desk and on a phone."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from payments.ledger import services as ledger
from payments.ledger.models import Posting
from payments.models import Volume, Wallet
from superapp.accounts.models import User
from superapp.core.ids import new_id
from tests.accounts.people import person
from tests.accounts.staffers import home, staff, verified
from tests.browser import DESKTOP, PHONE, Visit, chromium
from tests.payments.money import account, fund, wallet
from tests.payments.security import set_pin
from tests.processes import Gateway


@pytest.fixture(scope="module")
def server(committed_db: Any) -> Iterator[Gateway]:
    with Gateway(committed_db) as running:
        yield running


def cookies_of(user: User, server: Gateway) -> list[Any]:
    """The way in is tests/accounts/test_staff_in_browser.py's."""
    return [
        {"name": cookie.key, "value": cookie.value, "url": server.url} for cookie in verified(user).cookies.values()
    ]


@pytest.mark.parametrize(("device", "scheme"), [("desktop", "light"), ("phone", "dark")])
def test_pages_of_the_ledger_fit_every_screen(server: Gateway, device: str, scheme: Any) -> None:
    ada, bo = fund(person().id, 1_234_567), account(person().id)
    for number in range(12):
        key = {"purpose": "payments.transfer", "reference": str(uuid4()), "step": "send"}
        ledger.transfer(debit_account_id=ada, credit_account_id=bo, amount_minor=100 + number, currency="CNY", **key)
    hold_id = ledger.hold(
        account_id=ada, amount_minor=2_000, currency="CNY", purpose="taxi.fare", reference=str(uuid4()), step="hold",
        expires_at=timezone.now() + timedelta(hours=1),
    )  # fmt: skip
    entry_id = Posting.objects.filter(account_id=ada, seq=5).get().entry_id
    world = ledger.house_account("world", "CNY", "opening")
    cookies = cookies_of(staff("finance"), server)
    with chromium() as browser:
        visit = Visit(browser, viewport=DESKTOP if device == "desktop" else PHONE, color_scheme=scheme)
        visit.context.add_cookies(cookies)
        for name, path in {
            "ledger-accounts": "account/",
            "ledger-account": f"account/{ada}/change/",
            "ledger-world": f"account/{world}/change/",
            "ledger-entries": "entry/",
            "ledger-entry": f"entry/{entry_id}/change/",
            "ledger-hold": f"hold/{hold_id}/change/",
        }.items():
            visit.page.goto(f"{server.url}{home()}ledger/{path}")
            visit.shoot(f"{name}-{device}")
            assert not visit.is_wider_than_the_screen(), name
        assert visit.complaints == []
        visit.close()


@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_what_one_proposes_another_approves_and_the_person_has_it(server: Gateway, device: str) -> None:
    ada = person(display_name="Ada Lovelace")
    fund(ada.id, 12_345)
    set_pin(ada.id)
    first, second = (cookies_of(staff("finance"), server) for _ in range(2))
    with chromium() as browser:
        visit = Visit(browser, viewport=DESKTOP if device == "desktop" else PHONE)
        page = visit.page
        visit.context.add_cookies(first)
        page.goto(f"{server.url}{home()}payments/wallet/{ada.id}/change/")
        visit.shoot(f"wallet-{device}")
        assert not visit.is_wider_than_the_screen()
        page.get_by_role("link", name="Correct this wallet").click()
        page.get_by_label("Amount").fill("450.00")
        page.get_by_label("Text for the person").fill("For the ride that never came.")
        page.get_by_label("Reason").fill("The driver's log says so.")
        visit.shoot(f"correction-form-{device}")
        assert not visit.is_wider_than_the_screen()
        page.get_by_role("button", name="Go on").click()
        page.get_by_text("Ada Lovelace").first.wait_for()
        visit.shoot(f"correction-check-{device}")
        page.get_by_role("button", name="Give CN¥450.00").click()
        page.wait_for_url(re.compile("adjustment/[0-9]+/change"))
        visit.shoot(f"correction-waiting-{device}")
        visit.context.clear_cookies()
        visit.context.add_cookies(second)
        page.goto(f"{server.url}{home()}payments/adjustment/?q={ada.id}")
        visit.shoot(f"corrections-{device}")
        assert not visit.is_wider_than_the_screen()
        page.get_by_role("link", name=re.compile("[0-9]{15}")).first.click()
        press(visit, device, "Approve")
        page.get_by_label("Reason").fill("Seen the log.")
        page.locator("form [type=submit]").last.click()
        page.wait_for_url(re.compile("adjustment/[0-9]+/change"))
        visit.shoot(f"correction-done-{device}")
        assert visit.complaints == []
        visit.close()
    assert wallet(ada.id).balance_minor == 57_345


def test_wallet_is_frozen_with_a_reason_from_a_phone(server: Gateway) -> None:
    ada = person(display_name="Ada Lovelace")
    fund(ada.id, 12_345)
    set_pin(ada.id)
    cookies = cookies_of(staff("finance"), server)
    with chromium() as browser:
        visit = Visit(browser, viewport=PHONE, color_scheme="dark")
        visit.context.add_cookies(cookies)
        visit.page.goto(f"{server.url}{home()}payments/wallet/{ada.id}/change/")
        press(visit, "phone", "Freeze")
        visit.page.get_by_label("Reason").fill("The phone was stolen.")
        visit.shoot("wallet-freeze-phone")
        visit.page.locator("form [type=submit]").last.click()
        visit.page.wait_for_url(re.compile("change/$"))
        visit.shoot("wallet-frozen-phone")
        assert not visit.is_wider_than_the_screen()
        assert visit.complaints == []
        visit.close()
    found = Wallet.objects.get(user_id=ada.id)
    assert (found.frozen_by, found.frozen_reason) == ("staff", "The phone was stolen.")


def press(visit: Visit, device: str, name: str) -> None:
    """What can be done is behind three dots on a phone."""
    if device == "phone":
        visit.page.get_by_text("more_horiz").first.click()
    visit.page.get_by_role("link", name=name, exact=True).locator("visible=true").first.click()
    visit.page.wait_for_url(re.compile(name.lower()))


@pytest.mark.parametrize(("device", "scheme"), [("desktop", "light"), ("phone", "dark")])
def test_chart_of_what_moves_has_its_table_and_fits_every_screen(server: Gateway, device: str, scheme: Any) -> None:
    today = timezone.now().date()
    for ago in range(0, 40):
        for kind, weight in (("transfer", 37), ("red_packet", 11), ("payment", 23), ("refund", 2), ("adjustment", 1)):
            amount = weight * (1_000 + 457 * (ago * 7 % 13)) * (ago % 9 > 0)
            if amount:
                Volume.objects.get_or_create(
                    day=today - timedelta(days=ago), currency="EUR", kind=kind, account_kind="wallet",
                    defaults={"id": new_id(), "in_minor": amount, "out_minor": amount, "postings": 2},
                )  # fmt: skip
    cookies = cookies_of(staff("finance"), server)
    with chromium() as browser:
        visit = Visit(browser, viewport=DESKTOP if device == "desktop" else PHONE, color_scheme=scheme)
        visit.context.add_cookies(cookies)
        visit.page.goto(f"{server.url}{home()}payments/volume/")
        visit.page.get_by_role("link", name="EUR").click()
        visit.page.get_by_role("link", name="90 days").click()
        assert visit.page.get_by_role("img", name=re.compile("moved from")).is_visible()
        assert visit.page.get_by_role("region", name="Volume by day").is_visible()
        visit.shoot(f"money-{device}")
        assert not visit.is_wider_than_the_screen()
        assert visit.complaints == []
        visit.close()
