"""Somebody with a wallet leaves: what they take with them, what they have to do before, and what stays."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from payments import services
from payments.leaving import wallets
from payments.ledger import errors
from payments.ledger import services as ledger
from payments.ledger.models import Account, Posting
from payments.models import Wallet
from superapp.accounts import registry, selectors
from superapp.accounts import services as people
from superapp.accounts.models import Erasure, User
from superapp.accounts.registry import Rows
from superapp.core.ids import new_id
from tests.accounts.sessions import later
from tests.messaging.api import Api
from tests.messaging.test_statements import statements
from tests.payments import history, money
from tests.payments.history import Cafe, move
from tests.payments.paying import make_easy, payer_and_friend, send_money
from tests.payments.security import set_pin
from tests.realtime.people import Device, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> Device:
    return person("Ada")


def copy_of(who: Device) -> dict[str, Any]:
    """Parts of the copy, lists of rows as lists."""
    (room,) = [room for room in registry.privacy.rooms() if room.name == "payments"]
    return {
        path: list(content.rows) if isinstance(content, Rows) else content for path, content in room.export(who.user_id)
    }


def test_copy_has_every_wallet_and_every_line(ada: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    cafe = Cafe()
    history.register(cafe, monkeypatch)
    money.fund(ada.user_id, 1_000)
    money.fund(ada.user_id, 7, "USD")
    for number in range(3):
        move(ada.user_id, -10, reference=f"{ada.id}:{number}", step="refund")
    found = copy_of(ada)
    assert [wallet["balance"]["amount"] for wallet in found["wallets"]["wallets"]] == [970, 0, 7]
    shown = [
        line for currency in ("CNY", "USD") for line in reversed(Api(ada).all(f"wallet/statement/?currency={currency}"))
    ]
    cafe.asked.clear()
    for row, line in zip(found["statement"], shown, strict=True):
        assert row == {name: line[name] for name in row if name != "step"} | {"step": row["step"]}
    assert {"name", "title", "counterparty"} & set(found["statement"][0]) == set()
    # No product is asked for what stands in its own part.
    copy_of(ada)
    assert cafe.asked == []


def test_copy_has_the_same_parts_in_the_same_order_and_each_has_a_name_of_its_own(ada: Device) -> None:
    before = list(copy_of(ada))
    money.fund(ada.user_id, 1_000)
    set_pin(ada.user_id)
    # The wallet's row is there once somebody has a PIN: nothing before it changes its place.
    assert (before[-3:], list(copy_of(ada))) == (
        ["red_packets/opened", "limits", "known_payees"],
        [*before[:-2], "security", *before[-2:]],
    )
    (room,) = [room for room in registry.privacy.rooms() if room.name == "payments"]
    assert len([*room.export(ada.user_id)]) == len(before) + 1


def test_long_statement_is_copied_in_batches(ada: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wallets, "BATCH", 2)
    for amount in range(1, 6):
        move(ada.user_id, amount)
    assert [row["amount"]["amount"] for row in copy_of(ada)["statement"]] == [1, 2, 3, 4, 5]


def test_nothing_is_copied_and_nothing_blocks_where_nothing_was(ada: Device) -> None:
    assert copy_of(ada)["statement"] == []
    assert selectors.blockers_of(ada.user_id) == []


def test_money_has_to_go_first(ada: Device) -> None:
    money.fund(ada.user_id, 1_000)
    money.fund(ada.user_id, 7, "USD")
    (blocker,) = Api(ada).get("me/leaving/")["blockers"]
    assert (blocker["code"], blocker["details"]) == (
        "wallet_not_empty",
        {"balances": [{"amount": 1_000, "currency": "CNY"}, {"amount": 7, "currency": "USD"}]},
    )
    move(ada.user_id, -1_000)
    move(ada.user_id, -7, currency="USD")
    assert Api(ada).get("me/leaving/")["blockers"] == []


def test_what_is_held_or_frozen_is_money_too(ada: Device) -> None:
    account = money.fund(ada.user_id, 10)
    ledger.hold(
        account_id=account,
        amount_minor=10,
        currency="CNY",
        purpose=history.COFFEE,
        reference=str(new_id()),
        expires_at=timezone.now() + timedelta(hours=1),
    )
    assert [blocker.code for blocker in wallets.money_left(ada.user_id)] == ["wallet_not_empty"]
    ledger.set_status(account_id=account, status="frozen")
    assert [blocker.code for blocker in wallets.money_left(ada.user_id)] == ["wallet_not_empty"]


def test_asking_costs_one_statement(ada: Device) -> None:
    for currency in ("CNY", "EUR", "USD"):
        money.fund(ada.user_id, 5, currency)
    assert statements(lambda: wallets.money_left(ada.user_id)) == 1


def test_closed_wallets_take_nothing_more_and_their_lines_stay(ada: Device) -> None:
    money.fund(ada.user_id, 10)
    move(ada.user_id, -10)
    before = list(Posting.objects.filter(account__owner=ada.user_id).order_by("seq").values())
    for _again in range(2):
        wallets.close_wallets(ada.user_id)
    accounts = Account.objects.filter(owner=ada.user_id)
    assert set(accounts.values_list("status", flat=True)) == {"closed"}
    with pytest.raises(errors.AccountClosed), transaction.atomic():
        money.fund(ada.user_id, 10)
    assert list(Posting.objects.filter(account__owner=ada.user_id).order_by("seq").values()) == before


def test_nobody_is_paid_in_a_currency_of_which_they_had_nothing(ada: Device) -> None:
    """Their first euro would open a wallet, which nobody has any more."""
    money.fund(ada.user_id, 10)
    move(ada.user_id, -10)
    wallets.close_wallets(ada.user_id)
    with pytest.raises(errors.AccountClosed), transaction.atomic():
        money.fund(ada.user_id, 10, "EUR")


def test_money_that_came_at_the_last_moment_is_not_lost(ada: Device) -> None:
    money.fund(ada.user_id, 10)
    with pytest.raises(errors.AccountNotEmpty), transaction.atomic():
        wallets.close_wallets(ada.user_id)


# --- The whole way ----------------------------------------------------------------------------------------------------


def leave(who: Device) -> None:
    """They gave up their account just now."""
    now = timezone.now()
    User.objects.filter(id=who.user_id).update(is_active=False, deactivated_at=now)
    due_at = now + timedelta(days=30)
    Erasure.objects.create(user_id=who.user_id, requested_at=now, due_at=due_at, next_at=due_at)


def erase(who: Device) -> bool:
    with later(days=30, seconds=1):
        return people.erase(user_id=who.user_id)


def test_who_is_gone_is_a_deleted_person_in_the_statements_of_others(settings: Any) -> None:
    make_easy(settings)
    ada, bo, _chat = payer_and_friend(1_000)
    transfer = send_money(ada, bo, 1_000, note="the last of it")
    services.accept_transfer(actor_id=bo.user_id, transfer_id=int(transfer["id"]))
    leave(ada)
    assert erase(ada)
    (line,) = Api(bo).all("wallet/statement/?currency=CNY")
    assert (line["amount"]["amount"], line["counterparty"]["name"]) == (1_000, "Deleted person")
    assert not Wallet.objects.filter(user_id=ada.user_id).exists()
    assert set(Account.objects.filter(owner=ada.user_id).values_list("status", flat=True)) == {"closed"}


def test_money_that_comes_back_after_somebody_left_keeps_them_from_being_erased(ada: Device) -> None:
    move(ada.user_id, 10)
    move(ada.user_id, -10, reference=f"cup of {ada.id}")
    leave(ada)
    move(ada.user_id, 10, reference=f"cup of {ada.id}", step="refund:1")
    assert not erase(ada)
    assert Erasure.objects.get(user_id=ada.user_id).error == "blocked: wallet_not_empty"
    assert Account.objects.get(owner=ada.user_id).balance_minor == 10
