"""Tables, by noun."""

from payments.models.approvals import Approval
from payments.models.limits import KnownPayee, LimitCounter, PaceCounter
from payments.models.transfers import Transfer
from payments.models.wallets import Wallet

__all__ = ["Approval", "KnownPayee", "LimitCounter", "PaceCounter", "Transfer", "Wallet"]
