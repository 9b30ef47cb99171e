"""Money in the admin, by noun. Importing them registers their pages."""

from payments.admin.adjustments import AdjustmentAdmin
from payments.admin.money import VolumeAdmin
from payments.admin.records import (
    MoneyRequestAdmin,
    PaymentAdmin,
    RedPacketAdmin,
    RefundAdmin,
    SplitAdmin,
    TransferAdmin,
)
from payments.admin.wallets import WalletAdmin

__all__ = [
    "AdjustmentAdmin",
    "MoneyRequestAdmin",
    "PaymentAdmin",
    "RedPacketAdmin",
    "RefundAdmin",
    "SplitAdmin",
    "TransferAdmin",
    "VolumeAdmin",
    "WalletAdmin",
]
