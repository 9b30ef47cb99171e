"""Money as staff see it, on a desk and on a phone."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from payments.ledger import services as ledger
from payments.ledger.models import Posting
from superapp.accounts.models import User
from tests.accounts.people import person
from tests.accounts.staffers import home, staff, verified
from tests.browser import DESKTOP, PHONE, Visit, chromium
from tests.payments.money import account, fund
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
