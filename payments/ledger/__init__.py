"""The double-entry ledger under the wallet. Imports nothing above ``superapp.core``."""
