"""Frozen wallets: nothing is paid out of them or into them, and what comes back reaches them."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from messaging.models import Notice
from payments import services
from payments.errors import WalletFrozen
from payments.ledger import services as ledger
from payments.ledger.errors import AccountFrozen
from payments.models import Wallet
from superapp.core.errors import Forbidden
from superapp.core.models import AuditEntry
from tests.messaging.api import Api
from tests.payments import money
from tests.payments.security import PIN, approve, set_pin
from tests.realtime.people import person

pytestmark = pytest.mark.django_db
FREEZE, UNFREEZE, SECURITY = "wallet/freeze/", "wallet/unfreeze/", "wallet/security/"


@pytest.fixture
def ada() -> Api:
    api = Api(person())
    set_pin(api.device.user_id)
    money.fund(api.device.user_id, 10_000)
    return api


def authorise(user_id: int) -> None:
    approval = approve(user_id, "payments.transfer", "user:5", 5)
    with transaction.atomic():
        services.authorise(
            payer_id=user_id,
            kind="payments.transfer",
            payee="user:5",
            amount_minor=5,
            currency="CNY",
            approval=approval,
        )


def move(debit: int, credit: int, *, returns: bool = False) -> None:
    with transaction.atomic():
        ledger.transfer(
            debit_account_id=debit,
            credit_account_id=credit,
            amount_minor=5,
            currency="CNY",
            purpose="payments.adjustment",
            reference=str(uuid4()),
            step="move",
            returns=returns,
        )


def logged(user_id: int) -> list[tuple[str, int | None, str]]:
    rows = AuditEntry.objects.filter(subject_kind="wallet", subject_id=str(user_id)).order_by("id")
    return list(rows.values_list("action", "actor_id", "reason"))


def test_owner_freezes_without_the_pin_and_lifts_it_with(ada: Api) -> None:
    user_id = ada.device.user_id
    for _ in range(2):
        assert ada.ok("POST", FREEZE)["frozen"]["by"] == "owner"
    with pytest.raises(WalletFrozen):
        authorise(user_id)
    payment = {"kind": "payments.transfer", "payee": "user:5", "amount": {"amount": 5, "currency": "CNY"}}
    assert ada.refused("POST", "wallet/approvals/", {"pin": PIN, **payment}) == (403, "wallet_frozen")
    assert ada.refused("POST", UNFREEZE, {"pin": "394026"}) == (403, "pin_wrong")
    assert ada.get(SECURITY)["frozen"] is not None
    for _ in range(2):
        assert ada.ok("POST", UNFREEZE, {"pin": PIN})["frozen"] is None
    authorise(user_id)
    assert logged(user_id) == [
        ("payments.wallet_frozen", user_id, ""),
        ("payments.wallet_unfrozen", user_id, ""),
    ]


def test_what_staff_froze_only_staff_lift(ada: Api) -> None:
    user_id = ada.device.user_id
    # Also where the owner had done it before.
    ada.ok("POST", FREEZE)
    services.freeze_wallet(user_id=user_id, actor_id=7, reason="Reported as stolen.")
    assert ada.get(SECURITY)["frozen"]["by"] == "staff"
    ada.ok("POST", FREEZE)
    assert ada.refused("POST", UNFREEZE, {"pin": PIN}) == (403, "forbidden")
    with pytest.raises(Forbidden):
        services.unfreeze_wallet(user_id=user_id, actor_id=user_id, reason="")
    assert ada.get(SECURITY)["frozen"]["by"] == "staff"
    services.unfreeze_wallet(user_id=user_id, actor_id=7, reason="It was found.")
    assert ada.get(SECURITY)["frozen"] is None
    assert logged(user_id)[1:] == [
        ("payments.wallet_frozen", 7, "Reported as stolen."),
        ("payments.wallet_unfrozen", 7, "It was found."),
    ]
    # The reason is for those who look after it.
    assert "stolen" not in str(Notice.objects.filter(user_id=user_id).values_list("params", flat=True))


def test_money_neither_leaves_nor_comes_but_comes_back(ada: Api) -> None:
    mine, other = money.account(ada.device.user_id), money.fund(person().user_id, 100)
    services.freeze_wallet(user_id=ada.device.user_id, actor_id=None, reason="A rule.")
    for debit, credit in ((mine, other), (other, mine)):
        with pytest.raises(AccountFrozen):
            move(debit, credit)
    move(ledger.house_account("world", "CNY", "adjustments"), mine, returns=True)
    assert money.wallet(ada.device.user_id).balance_minor == 10_005
    services.unfreeze_wallet(user_id=ada.device.user_id, actor_id=None, reason="")
    move(mine, other)
    move(other, mine)


def test_accounts_in_every_currency_are_frozen_opened_or_not(ada: Api) -> None:
    services.freeze_wallet(user_id=ada.device.user_id, actor_id=None, reason="A rule.")
    for currency in ("CNY", "EUR", "USD"):
        mine = money.account(ada.device.user_id, currency)
        with pytest.raises(AccountFrozen), transaction.atomic():
            ledger.transfer(
                debit_account_id=ledger.house_account("world", currency, "opening"),
                credit_account_id=mine,
                amount_minor=1,
                currency=currency,
                purpose="payments.opening",
                reference=str(uuid4()),
                step="open",
            )


def test_wallet_of_somebody_without_a_pin_can_be_frozen() -> None:
    bo = Api(person())
    assert bo.ok("POST", FREEZE)["has_pin"] is False
    assert bo.refused("POST", UNFREEZE, {"pin": PIN}) == (403, "pin_not_set")
    # They choose one, and lift it.
    bo.ok("POST", "wallet/pin/", {"pin": PIN}, status=201)
    assert bo.ok("POST", UNFREEZE, {"pin": PIN})["frozen"] is None
    assert Wallet.objects.get(user_id=bo.device.user_id).frozen_by == ""


def test_freezing_stops_a_reset_that_a_thief_may_have_begun(ada: Api) -> None:
    now = timezone.now()
    Wallet.objects.filter(user_id=ada.device.user_id).update(
        reset_begun_at=now, reset_ready_at=now, reset_ends_at=now + timedelta(days=1)
    )
    assert ada.get(SECURITY)["pin_reset"] is not None
    assert ada.ok("POST", FREEZE)["pin_reset"] is None


def test_person_is_told(ada: Api) -> None:
    services.freeze_wallet(user_id=ada.device.user_id, actor_id=None, reason="A rule.")
    texts = [one["text"] for one in ada.get("notices/")["results"]]
    assert texts == ["Your wallet has been frozen by us. Please contact us."]
