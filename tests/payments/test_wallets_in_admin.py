"""What staff see of somebody's wallet, and what they do to it."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from payments import services
from payments.models import LimitCounter, Wallet
from superapp.core.models import AuditEntry
from tests.accounts.people import Caller, person
from tests.accounts.staffers import staff, submit, verified
from tests.payments.adjustments import propose
from tests.payments.money import fund
from tests.payments.security import set_pin

pytestmark = pytest.mark.django_db
ROWS = "payments_wallet"


@pytest.fixture
def ada() -> Caller:
    found = person(display_name="Ada Lovelace", handle="ada_with_a_wallet")
    fund(found.id, 12_345)
    set_pin(found.id)
    return found


def page(client: Client, user_id: int) -> str:
    response = client.get(reverse(f"admin:{ROWS}_change", args=[user_id]))
    assert response.status_code == 200
    return str(response.content.decode())


def act(client: Client, action: str, user_id: int, **given: str) -> Any:
    address = reverse(f"admin:{ROWS}_{action}", args=[user_id])
    return submit(client, address, {"confirmed": "yes", "reason": "Asked by phone."} | given)


def offers(shown: str) -> set[str]:
    return {name for name in ("freeze", "unfreeze", "unlock_pin", "change_tier") if f"/{name}/" in shown}


def test_page_shows_money_limits_and_the_pin_but_never_its_hash(ada: Caller) -> None:
    LimitCounter.objects.create(
        user_id=ada.id, period=f"day:{timezone.now():%Y-%m-%d}", currency="CNY", spent_minor=4_200
    )
    shown = page(verified(staff("support")), ada.id)
    for words in ("Ada Lovelace", "CN¥123.45", "CN¥42.00 / CN¥10,000.00", "CN¥5,000.00", "basic"):
        assert words in shown
    assert "argon2" not in shown
    assert Wallet.objects.get(user_id=ada.id).pin_hash not in shown


def test_frozen_wallet_pays_nothing_until_the_freeze_is_lifted(ada: Caller) -> None:
    keeper = staff("finance")
    client = verified(keeper)
    assert offers(page(client, ada.id)) == {"freeze", "change_tier"}
    act(client, "freeze", ada.id)
    wallet = Wallet.objects.get(user_id=ada.id)
    assert (wallet.frozen_by, wallet.frozen_reason) == ("staff", "Asked by phone.")
    shown = page(client, ada.id)
    assert "Asked by phone." in shown
    assert offers(shown) == {"unfreeze", "change_tier"}
    entry = AuditEntry.objects.get(action="payments.wallet_frozen")
    assert (entry.actor_id, entry.subject_id, entry.reason) == (keeper.id, str(ada.id), "Asked by phone.")
    act(client, "unfreeze", ada.id)
    assert Wallet.objects.get(user_id=ada.id).frozen_at is None


def test_what_its_owner_froze_staff_can_freeze_as_well(ada: Caller) -> None:
    services.freeze_wallet(user_id=ada.id, actor_id=ada.id, reason="")
    client = verified(staff("finance"))
    assert offers(page(client, ada.id)) == {"freeze", "unfreeze", "change_tier"}
    act(client, "freeze", ada.id)
    assert Wallet.objects.get(user_id=ada.id).frozen_by == "staff"


def test_locked_pin_is_unlocked_and_no_other(ada: Caller) -> None:
    client = verified(staff("support"))
    act(client, "unlock_pin", ada.id)
    assert not AuditEntry.objects.filter(action="payments.pin_unlocked").exists()
    Wallet.objects.filter(user_id=ada.id).update(
        pin_failures=5, pin_locks=2, pin_locked_until=timezone.now() + timedelta(hours=1)
    )
    shown = page(client, ada.id)
    assert "PIN locked" in shown
    assert offers(shown) == {"unlock_pin"}
    act(client, "unlock_pin", ada.id)
    wallet = Wallet.objects.get(user_id=ada.id)
    assert (wallet.pin_failures, wallet.pin_locks, wallet.pin_locked_until) == (0, 0, None)
    assert AuditEntry.objects.get(action="payments.pin_unlocked").before["locks"] == 2


def test_tier_is_changed_with_before_and_after(ada: Caller) -> None:
    act(verified(staff("finance")), "change_tier", ada.id, tier="verified")
    assert Wallet.objects.get(user_id=ada.id).tier == "verified"
    entry = AuditEntry.objects.get(action="payments.tier_changed")
    assert (entry.before, entry.after) == ({"tier": "basic"}, {"tier": "verified"})


def test_wallet_of_somebody_without_a_pin_can_be_frozen_too() -> None:
    client, bo = verified(staff("moderator")), person(handle="bo_without_a_pin")
    address = reverse(f"admin:{ROWS}_freeze_somebody")
    assert "Nobody is known under that." in submit(client, address, {"person": "@x", "reason": "R."}).content.decode()
    assert submit(client, address, {"person": "@bo_without_a_pin", "reason": "A court asks."}).status_code == 302
    wallet = Wallet.objects.get(user_id=bo.id)
    assert (wallet.frozen_by, wallet.frozen_reason, wallet.pin_set_at) == ("staff", "A court asks.", None)


def test_nobody_freezes_their_own_wallet_by_its_name_either() -> None:
    keeper = staff("moderator")
    page = submit(
        verified(keeper), reverse(f"admin:{ROWS}_freeze_somebody"), {"person": str(keeper.id), "reason": "R."}
    )
    assert "Nobody does this to their own wallet." in page.content.decode()
    assert not Wallet.objects.exists()


@pytest.mark.parametrize("action", ["freeze", "unfreeze", "unlock_pin", "change_tier"])
def test_nobody_does_anything_to_their_own_wallet(action: str) -> None:
    keeper = staff("finance")
    Wallet.objects.create(user_id=keeper.id)
    before = Wallet.objects.filter(user_id=keeper.id).values().get()
    act(verified(keeper), action, keeper.id, tier="full")
    assert Wallet.objects.filter(user_id=keeper.id).values().get() == before
    assert not AuditEntry.objects.filter(subject_id=str(keeper.id), action__startswith="payments.tier").exists()


@pytest.mark.parametrize("term", ["id", "phone", "handle"])
def test_wallets_are_found_by_what_their_people_are_known_under(ada: Caller, term: str) -> None:
    set_pin(person().id)
    client = verified(staff("support"))
    query = {"id": str(ada.id), "phone": ada.phone, "handle": "@ada_with_a_wallet"}[term]
    response = client.get(reverse(f"admin:{ROWS}_changelist"), {"q": query})
    assert [one.pk for one in response.context["cl"].result_list] == [ada.id]


@pytest.mark.parametrize("model", [ROWS, "payments_adjustment"])
def test_lists_cost_the_same_for_one_row_and_for_many(ada: Caller, model: str) -> None:
    client, address = verified(staff("finance")), reverse(f"admin:{model}_changelist")

    def look() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address, {"state": "all"}).status_code == 200
        return len(queries)

    propose(ada.id, 5)
    few = look()
    for _ in range(10):
        one = person()
        set_pin(one.id)
        propose(one.id, 5)
    assert look() == few <= 15


def test_frozen_wallets_are_a_filter_away(ada: Caller) -> None:
    set_pin(person().id)
    services.freeze_wallet(user_id=ada.id, actor_id=None, reason="A rule.")
    response = verified(staff("finance")).get(reverse(f"admin:{ROWS}_changelist"), {"state": "frozen"})
    assert [one.pk for one in response.context["cl"].result_list] == [ada.id]
