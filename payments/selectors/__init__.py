"""What people and products can read about money."""

from payments.selectors.adjustments import adjustment_lines, free_in_wallet
from payments.selectors.lines import line_frame, said_of
from payments.selectors.payments import overdue_holds, payment_frame, payment_of_entry
from payments.selectors.red_packets import (
    claims_of,
    look_again,
    overdue_red_packets,
    red_packet,
    red_packet_card_live,
    red_packet_lines,
    red_packet_opened_frame,
    red_packet_problems,
    red_packet_year,
    red_packets_received,
    red_packets_sent,
    show_openers,
    show_senders,
)
from payments.selectors.requests import money_request_of, money_requests, request_lines, show_request_people
from payments.selectors.security import wallet_security
from payments.selectors.splits import live_splits, show_shares, split_frame, split_lines, split_of
from payments.selectors.statements import receipt
from payments.selectors.transfers import (
    escrow_problems,
    overdue_transfers,
    show_parties,
    transfer_lines,
    transfer_of,
    transfers,
)
from payments.selectors.volumes import Days, counted_until, money_by_account_kind, money_of_the_house, volume_by_day
from payments.selectors.wallets import wallet_account, wallet_accounts_of, wallets_in, wallets_of

__all__ = [
    "Days",
    "adjustment_lines",
    "claims_of",
    "counted_until",
    "escrow_problems",
    "free_in_wallet",
    "line_frame",
    "live_splits",
    "look_again",
    "money_by_account_kind",
    "money_of_the_house",
    "money_request_of",
    "money_requests",
    "overdue_holds",
    "overdue_red_packets",
    "overdue_transfers",
    "payment_frame",
    "payment_of_entry",
    "receipt",
    "red_packet",
    "red_packet_card_live",
    "red_packet_lines",
    "red_packet_opened_frame",
    "red_packet_problems",
    "red_packet_year",
    "red_packets_received",
    "red_packets_sent",
    "request_lines",
    "said_of",
    "show_openers",
    "show_parties",
    "show_request_people",
    "show_senders",
    "show_shares",
    "split_frame",
    "split_lines",
    "split_of",
    "transfer_lines",
    "transfer_of",
    "transfers",
    "volume_by_day",
    "wallet_account",
    "wallet_accounts_of",
    "wallet_security",
    "wallets_in",
    "wallets_of",
]
