"""What a copy of somebody's data holds of their wallets, and that these have to be empty before they go.

Lines stay as they are. What stands behind them is in the copies of transfers, red packets and payments.
"""

from collections.abc import Iterator

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from payments import selectors
from payments.accounts import wallet_accounts
from payments.ledger import services as ledger
from payments.ledger.models import Account, Posting
from payments.registry import purposes
from payments.selectors import statements
from superapp.accounts.registry import Blocker, Json, Part, Rows
from superapp.core.api.fields import rfc3339
from superapp.core.money import Money

COVERS = {"ledger.Account": {"owner"}}
BATCH = 500


def copy_of_wallets(user_id: int) -> Iterator[Part]:
    """Others are in it by the references alone: what they call themselves is theirs."""
    yield "wallets", {"wallets": selectors.wallets_of(user_id)}
    yield "statement", Rows(_lines(user_id))


def money_left(user_id: int) -> list[Blocker]:
    left = [wallet for wallet in selectors.wallets_of(user_id) if wallet["balance"]["amount"]]
    if not left:
        return []
    message = _("There is still money in your wallet. Spend it or send it to somebody first.")
    return [Blocker("wallet_not_empty", message, {"balances": [wallet["balance"] for wallet in left]})]


def close_wallets(user_id: int) -> None:
    """What would come later, such as a refund, is refused rather than kept for nobody; also in currencies of which they
    had none, where the first money would open a wallet. Raises ``AccountNotEmpty`` when something has come since they
    were asked: then the erasure waits for a person."""
    for currency in settings.WALLET_CURRENCIES:
        wallet_accounts(user_ids=[user_id], currency=currency)
    for account in selectors.wallet_accounts_of(user_id):
        ledger.set_status(account_id=account.id, status=Account.Status.CLOSED)


def _lines(user_id: int) -> Iterator[Json]:
    for account in selectors.wallet_accounts_of(user_id):
        within = statements.Span(account.id, after=0, until=account.seq)
        after = 0
        while batch := statements.batch(within, after=after, size=BATCH):
            yield from map(_line, batch)
            after = batch[-1].seq or within.until


def _line(posting: Posting) -> Json:
    entry = posting.entry
    return {
        "id": str(entry.id),
        "posted_at": rfc3339(posting.posted_at),
        "amount": Money(posting.amount_minor, posting.currency).as_json(),
        "balance_after": Money(posting.balance_after_minor or 0, posting.currency).as_json(),
        "kind": purposes.kind_of(entry.purpose, entry.step),
        "purpose": entry.purpose,
        "reference": entry.reference,
        "step": entry.step,
    }
