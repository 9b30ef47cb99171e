"""The check of the ledger, for the end of a test."""

from django.db import connection

from payments.ledger import check


def problems() -> list[str]:
    """What is wrong with the books, in sentences; nothing where a refusal ended the test's own transaction."""
    return [] if connection.needs_rollback else list(check.check().problems())
