import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from superapp.accounts.models import CodeCount, KnownDevice, PasswordAttempts, PhoneChange, PhoneDirectory, SignInCode
from superapp.accounts.services.exports import forget_exports
from superapp.accounts.services.invitations import forget_invitations
from superapp.core import retention


def forget_expired() -> None:
    """Delete what can no longer be used. Used refresh tokens stay until they would have expired: reuse must be seen."""
    now = timezone.now()
    retention.delete_in_batches(SignInCode, Q(expires_at__lt=now - timedelta(days=1)))
    retention.delete_in_batches(CodeCount, Q(day__lt=now.date() - timedelta(days=31)))
    retention.delete_in_batches(PasswordAttempts, Q(counted_until__lt=now))
    retention.delete_in_batches(PhoneChange, Q(expires_at__lt=now))
    retention.delete_in_batches(PhoneDirectory, Q(released_at__lt=now - settings.PHONE_RESERVED_FOR))
    retention.delete_in_batches(KnownDevice, Q(expires_at__lt=now))
    forget_invitations()
    forget_exports()
    began = time.monotonic()
    while _forget_tokens(now) == retention.BATCH and time.monotonic() - began < retention.SECONDS:
        pass


def _forget_tokens(now: datetime) -> int:
    """One batch; with its last token goes the device, whether it was signed out or just stayed away for that long."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH gone AS (
                DELETE FROM accounts_refresh_token WHERE (user_id, digest) IN (
                    SELECT user_id, digest FROM accounts_refresh_token
                    WHERE expires_at < %(now)s ORDER BY expires_at LIMIT %(batch)s)
                RETURNING user_id, device_id),
            devices AS (
                DELETE FROM accounts_device AS device
                USING (SELECT DISTINCT user_id, device_id FROM gone) AS last
                WHERE device.user_id = last.user_id AND device.id = last.device_id AND NOT EXISTS (
                    SELECT 1 FROM accounts_refresh_token AS token
                    WHERE token.user_id = device.user_id AND token.device_id = device.id
                    AND token.expires_at >= %(now)s))
            SELECT count(*) FROM gone
            """,
            {"now": now, "batch": retention.BATCH},
        )
        return int(cursor.fetchone()[0])
