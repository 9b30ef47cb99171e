"""Tables, by noun."""

from payments.models.approvals import Approval
from payments.models.limits import KnownPayee, LimitCounter, PaceCounter
from payments.models.red_packets import RedPacket, RedPacketClaim
from payments.models.transfers import Transfer
from payments.models.wallets import Wallet

__all__ = ["Approval", "KnownPayee", "LimitCounter", "PaceCounter", "RedPacket", "RedPacketClaim", "Transfer", "Wallet"]
