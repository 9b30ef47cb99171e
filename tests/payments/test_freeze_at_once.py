"""Freezing while money moves, in threads that really commit: one comes after the other, and nothing moves after it."""

from functools import partial
from uuid import uuid4

import pytest
from django.db import transaction

from payments import services
from payments.errors import WalletFrozen
from payments.ledger import services as ledger
from payments.ledger.errors import AccountFrozen
from superapp.core.models import AuditEntry
from tests.messaging.threads import at_once
from tests.payments import money
from tests.payments.security import approve, set_pin
from tests.realtime.people import person

pytestmark = pytest.mark.usefixtures("committed_db")
KIND, AMOUNT = "payments.adjustment", 10


def somebody() -> int:
    user_id = person().user_id
    set_pin(user_id)
    money.fund(user_id, 1_000)
    return user_id


def pay(payer_id: int, payee_id: int) -> None:
    approval = approve(payer_id, KIND, f"user:{payee_id}", AMOUNT)
    with transaction.atomic():
        services.authorise(
            payer_id=payer_id,
            kind=KIND,
            payee=f"user:{payee_id}",
            amount_minor=AMOUNT,
            currency="CNY",
            approval=approval,
        )
        ledger.transfer(
            debit_account_id=money.account(payer_id),
            credit_account_id=money.account(payee_id),
            amount_minor=AMOUNT,
            currency="CNY",
            purpose=KIND,
            reference=str(uuid4()),
            step="pay",
        )


def test_payments_come_before_the_freeze_or_are_refused() -> None:
    for _ in range(3):
        ada, bo = somebody(), somebody()
        out, into = [partial(pay, ada, bo)] * 6, [partial(pay, bo, ada)] * 6
        freeze = partial(services.freeze_wallet, user_id=ada, actor_id=None, reason="A rule.")
        answers = at_once([*out, freeze, freeze, *into])
        assert answers[6:8] == [None, None]
        sent, received = answers[:6], answers[8:]
        assert {type(answer) for answer in sent} <= {type(None), WalletFrozen, AccountFrozen}
        assert {type(answer) for answer in received} <= {type(None), AccountFrozen}
        net = AMOUNT * (received.count(None) - sent.count(None))
        # A frozen wallet shows what it has as held.
        assert money.wallet(ada).balance_minor == 1_000 + net
        assert money.wallet(bo).balance_minor == 1_000 - net
        assert AuditEntry.objects.filter(subject_id=str(ada), action="payments.wallet_frozen").count() == 1
        with pytest.raises(WalletFrozen):
            pay(ada, bo)
        with pytest.raises(AccountFrozen):
            pay(bo, ada)


def test_freezing_and_lifting_at_once_leave_wallet_and_accounts_in_step() -> None:
    for _ in range(4):
        ada, bo = somebody(), somebody()
        freeze = partial(services.freeze_wallet, user_id=ada, actor_id=7, reason="Reported.")
        lift = partial(services.unfreeze_wallet, user_id=ada, actor_id=7, reason="Found.")
        assert at_once([freeze, lift] * 4) == [None] * 8
        try:
            pay(ada, bo)
            is_frozen = False
        except WalletFrozen:
            is_frozen = True
        if is_frozen:
            with pytest.raises(AccountFrozen):
                pay(bo, ada)
        else:
            pay(bo, ada)
