"""What people and products can read about money."""

from payments.selectors.security import wallet_security
from payments.selectors.transfers import escrow_problems, show_parties, transfer_lines, transfer_of, transfers

__all__ = ["escrow_problems", "show_parties", "transfer_lines", "transfer_of", "transfers", "wallet_security"]
