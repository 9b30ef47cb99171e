"""Who pays whom: people who may, with the account in which each has money of one currency."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Subquery

from payments.accounts import wallet_accounts
from payments.ledger.errors import AccountClosed, AccountFrozen
from payments.ledger.models import Account
from payments.models import Wallet
from superapp.accounts import selectors as accounts
from superapp.core.errors import NotFound


@dataclass(frozen=True)
class Parties:
    """Two people, as ``accounts`` knows them, and their wallets."""

    payer: Any
    payee: Any
    payer_account_id: int
    #: None: there is none yet, and nothing comes in now.
    payee_account_id: int | None

    def check_payee(self) -> None:
        """Raises ``AccountFrozen`` and ``AccountClosed`` for the wallet of who is to be paid."""
        if self.payee.is_frozen or self.payee.account_status == Account.Status.FROZEN:
            raise AccountFrozen
        if self.payee.account_status == Account.Status.CLOSED:
            raise AccountClosed


def parties(*, payer_id: int, payee_id: int, currency: str, is_paid_at_once: bool) -> Parties:
    """One statement, where both have a wallet already. Whether the payee's lets money in is for ``check_payee``.

    Raises ``NotFound`` for a payee who is not active.
    """
    wallets = Account.objects.filter(kind=Account.Kind.WALLET, owner=OuterRef("id"), name="", currency=currency)
    rows = accounts.active_users([payer_id, payee_id]).annotate(
        account_id=Subquery(wallets.values("id")),
        account_status=Subquery(wallets.values("status")),
        # Who has none in this currency may be frozen all the same.
        is_frozen=Exists(Wallet.objects.filter(user_id=OuterRef("id"), frozen_at__isnull=False)),
    )
    people: dict[int, Any] = {row.id: row for row in rows}
    if payer_id not in people or payee_id not in people:
        raise NotFound
    payer, payee = people[payer_id], people[payee_id]
    needed = [payer, payee] if is_paid_at_once else [payer]
    missing = [one.id for one in needed if one.account_id is None]
    opened = wallet_accounts(user_ids=missing, currency=currency) if missing else {}
    return Parties(payer, payee, opened.get(payer_id, payer.account_id), opened.get(payee_id, payee.account_id))
