from django.utils.translation import gettext_lazy as _

from superapp.core.errors import DomainError, Unavailable


class InsufficientFunds(DomainError):
    code, status, message = "insufficient_funds", 402, _("There is not enough money for this.")


class AccountFrozen(DomainError):
    code, status, message = "account_frozen", 403, _("One of the wallets is frozen, so no money can move.")


class AccountClosed(DomainError):
    code, status, message = "account_closed", 403, _("One of the wallets is closed, so no money can move.")


class InvalidAmount(DomainError):
    code, status, message = "invalid_amount", 400, _("This is no amount that can be moved.")


class CurrencyMismatch(DomainError):
    code, status, message = "currency_mismatch", 422, _("Money only moves between accounts of its own currency.")


class SameAccount(DomainError):
    code, status, message = "same_account", 422, _("Money cannot be moved to where it is.")


class BalanceTooHigh(DomainError):
    code, status, message = "balance_too_high", 422, _("The receiving wallet would hold more than it may.")


class AccountNotEmpty(DomainError):
    code, status, message = "account_not_empty", 422, _("There is still money in this account.")


class CaptureTooHigh(DomainError):
    code, status, message = "capture_too_high", 422, _("This is more than was held.")


class HoldTooLow(DomainError):
    code, status, message = "hold_too_low", 422, _("A hold can be raised, and not lowered.")


class HoldEnded(DomainError):
    code, status, message = "hold_ended", 409, _("This amount is no longer held.")


class AlreadyReversed(DomainError):
    code, status, message = "already_reversed", 409, _("This was taken back already.")


class LedgerOutOfStep(Unavailable):
    """The functions in the database are not those of this release: nothing moves until somebody has migrated."""

    code, message = "ledger_out_of_step", _("Payments are being looked after and will be back soon.")
