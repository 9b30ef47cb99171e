"""Money in the admin, by noun. Importing them registers their pages."""

from payments.admin.adjustments import AdjustmentAdmin
from payments.admin.wallets import WalletAdmin

__all__ = ["AdjustmentAdmin", "WalletAdmin"]
