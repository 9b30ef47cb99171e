from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _

from payments.ledger import selectors as ledger
from payments.ledger.models import Account
from payments.models import Adjustment
from payments.registry import ReceiptLine


def adjustment_lines(references: Sequence[str], viewer_id: int) -> Mapping[str, ReceiptLine]:
    """What the person reads about corrections: that it was one, and the text that was written for them."""
    wanted = [int(reference) for reference in references if reference.isdecimal()]
    rows = Adjustment.objects.filter(id__in=wanted, user_id=viewer_id).values_list("id", "public_text")
    return {str(id): ReceiptLine(title=_("Correction"), note=text) for id, text in rows}


def free_in_wallet(*, user_id: int, currency: str) -> int:
    """What could be taken from it, frozen or not, in minor units; nothing is opened where there is no account yet."""
    accounts = ledger.accounts_of(owner_ids=[user_id], kind=Account.Kind.WALLET).filter(currency=currency, name="")
    return sum(account.balance_minor - account.held_minor for account in accounts)
