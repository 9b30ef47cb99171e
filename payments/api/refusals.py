"""What whoever pays may be told, whatever they pay for."""

from payments.errors import ApprovalInvalid, ApprovalRequired, LimitExceeded, PinNotSet, WalletFrozen
from payments.ledger.errors import AccountClosed, AccountFrozen, BalanceTooHigh, InsufficientFunds, LedgerOutOfStep

PAYING = (
    AccountClosed,
    AccountFrozen,
    ApprovalInvalid,
    ApprovalRequired,
    BalanceTooHigh,
    InsufficientFunds,
    LedgerOutOfStep,
    LimitExceeded,
    PinNotSet,
    WalletFrozen,
)
