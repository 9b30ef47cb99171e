"""Tables, by noun."""

from payments.models.adjustments import Adjustment, AdjustmentDay
from payments.models.approvals import Approval
from payments.models.limits import KnownPayee, LimitCounter, PaceCounter
from payments.models.payments import MOST_REFUNDS, Escrow, Hold, Payment, PaymentLeg, Refund
from payments.models.receive_codes import ReceiveCode
from payments.models.red_packets import RedPacket, RedPacketClaim
from payments.models.requests import MoneyRequest
from payments.models.splits import Split, SplitShare
from payments.models.transfers import Transfer
from payments.models.volumes import Volume, VolumeMark
from payments.models.wallets import Wallet

__all__ = [
    "MOST_REFUNDS",
    "Adjustment",
    "AdjustmentDay",
    "Approval",
    "Escrow",
    "Hold",
    "KnownPayee",
    "LimitCounter",
    "MoneyRequest",
    "PaceCounter",
    "Payment",
    "PaymentLeg",
    "ReceiveCode",
    "RedPacket",
    "RedPacketClaim",
    "Refund",
    "Split",
    "SplitShare",
    "Transfer",
    "Volume",
    "VolumeMark",
    "Wallet",
]
