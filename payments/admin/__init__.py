"""Money in the admin, by noun. Importing them registers their pages."""

from payments.admin.adjustments import AdjustmentAdmin
from payments.admin.money import VolumeAdmin
from payments.admin.records import PaymentAdmin, RedPacketAdmin, RefundAdmin, TransferAdmin
from payments.admin.wallets import WalletAdmin

__all__ = [
    "AdjustmentAdmin",
    "PaymentAdmin",
    "RedPacketAdmin",
    "RefundAdmin",
    "TransferAdmin",
    "VolumeAdmin",
    "WalletAdmin",
]
