"""What people and products can read about money."""

from payments.selectors.security import wallet_security

__all__ = ["wallet_security"]
