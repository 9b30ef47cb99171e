"""What people and products can do with money."""

from payments.legs import ESCROW, FEE, Leg, Party
from payments.services.adjustments import (
    approve_adjustment,
    erase_adjustments,
    expire_adjustments,
    propose_adjustment,
    refuse_adjustment,
)
from payments.services.approvals import IssuedApproval, authorise, issue_approval
from payments.services.instant import pay_by_code
from payments.services.limits import forget_old_security, give_back_limit
from payments.services.pins import (
    begin_pin_reset,
    cancel_pin_reset,
    change_pin,
    complete_pin_reset,
    lower_limits,
    set_pin,
)
from payments.services.products import capture, hold, pay, raise_hold, release, settle
from payments.services.receive_codes import ShownCode, create_receive_code, receive_code, reset_receive_code
from payments.services.red_packets import open_red_packet, return_unopened, send_red_packet, tell_ends
from payments.services.refunds import refund
from payments.services.requests import (
    cancel_request,
    decline_request,
    expire_requests,
    pay_request,
    register_request_loop,
    request_money,
)
from payments.services.splits import close_split, pay_share, remind_of_split, split_bill
from payments.services.transfers import (
    accept_transfer,
    cancel_transfer,
    create_transfer,
    decline_transfer,
    register_transfer_loop,
    return_expired_transfers,
)
from payments.services.volumes import count_volumes, recount_volumes
from payments.services.wallets import (
    erase_security,
    freeze_wallet,
    set_tier,
    unfreeze_own_wallet,
    unfreeze_wallet,
    unlock_pin,
)

__all__ = [
    "ESCROW",
    "FEE",
    "IssuedApproval",
    "Leg",
    "Party",
    "ShownCode",
    "accept_transfer",
    "approve_adjustment",
    "authorise",
    "begin_pin_reset",
    "cancel_pin_reset",
    "cancel_request",
    "cancel_transfer",
    "capture",
    "change_pin",
    "close_split",
    "complete_pin_reset",
    "count_volumes",
    "create_receive_code",
    "create_transfer",
    "decline_request",
    "decline_transfer",
    "erase_adjustments",
    "erase_security",
    "expire_adjustments",
    "expire_requests",
    "forget_old_security",
    "freeze_wallet",
    "give_back_limit",
    "hold",
    "issue_approval",
    "lower_limits",
    "open_red_packet",
    "pay",
    "pay_by_code",
    "pay_request",
    "pay_share",
    "propose_adjustment",
    "raise_hold",
    "receive_code",
    "recount_volumes",
    "refund",
    "refuse_adjustment",
    "register_request_loop",
    "register_transfer_loop",
    "release",
    "remind_of_split",
    "request_money",
    "reset_receive_code",
    "return_expired_transfers",
    "return_unopened",
    "send_red_packet",
    "set_pin",
    "set_tier",
    "settle",
    "split_bill",
    "tell_ends",
    "unfreeze_own_wallet",
    "unfreeze_wallet",
    "unlock_pin",
]
