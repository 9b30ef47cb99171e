"""Attempts at a password, counted per person or per name that somebody types, whether or not that name exists."""

import hashlib

from django.conf import settings
from django.db import connection
from django.utils import timezone

from superapp.accounts.models import PasswordAttempts
from superapp.core.errors import TooManyRequests


def count(subject: str) -> None:
    """Count before checking, in one statement: the cap holds for parallel guesses and when this process dies.

    Call it outside a transaction: a refusal that rolls back must not take the count with it.
    Raises ``TooManyRequests`` with the seconds until the next attempt counts.
    """
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO accounts_password_attempts AS counted (identifier_hash, failures, counted_until)
            VALUES (%(subject)s, 1, %(until)s)
            ON CONFLICT (identifier_hash) DO UPDATE SET
                failures = CASE WHEN counted.counted_until < %(now)s THEN 1 ELSE LEAST(counted.failures + 1, 1000) END,
                counted_until = CASE WHEN counted.counted_until < %(now)s
                    THEN excluded.counted_until ELSE counted.counted_until END
            RETURNING failures, counted_until
            """,
            {"subject": _hash(subject), "now": now, "until": now + settings.PASSWORD_LOCK},
        )
        failures, until = cursor.fetchone()
    if failures > settings.PASSWORD_MAX_ATTEMPTS:
        raise TooManyRequests(retry_after_seconds=(until - now).total_seconds())


def forget(subject: str) -> None:
    """The password was right."""
    PasswordAttempts.objects.filter(identifier_hash=_hash(subject)).delete()


def _hash(subject: str) -> str:
    return hashlib.sha256(subject.encode()).hexdigest()
