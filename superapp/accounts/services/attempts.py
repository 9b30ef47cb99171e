"""Attempts at a password, counted before it is compared. Signing in has three counts, of as many attempts each:

- of the **name** that was written, whether or not anybody has it: this one is told (429);
- of the **account** that the name leads to, so that its handle and its number are not two times five guesses. It is
  not told: else five guesses at a handle and one at a number would say whether the two are the same person's. Where the
  account's are used up, the right password is refused as a wrong one;
- of a **known device**, in place of both: whatever strangers do, the owner's own phone has its own.
"""

import hashlib
from datetime import datetime

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
    failures, until = _count(subject)
    if failures > settings.PASSWORD_MAX_ATTEMPTS:
        raise TooManyRequests(retry_after_seconds=(until - timezone.now()).total_seconds())


def count_silently(subject: str) -> bool:
    """As ``count``; False where it would raise."""
    return _count(subject)[0] <= settings.PASSWORD_MAX_ATTEMPTS


def _count(subject: str) -> tuple[int, datetime]:
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
    return failures, until


def forget(*subjects: str) -> None:
    """The password was right."""
    PasswordAttempts.objects.filter(identifier_hash__in=[_hash(subject) for subject in subjects]).delete()


def _hash(subject: str) -> str:
    return hashlib.sha256(subject.encode()).hexdigest()
