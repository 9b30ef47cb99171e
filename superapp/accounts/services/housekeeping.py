from datetime import timedelta

from django.db import connection
from django.utils import timezone

from superapp.accounts.models import PasswordAttempts, SignInCode


def forget_expired() -> None:
    """Delete what can no longer be used. Used refresh tokens stay until they would have expired: reuse must be seen."""
    now = timezone.now()
    SignInCode.objects.filter(expires_at__lt=now - timedelta(days=1)).delete()
    PasswordAttempts.objects.filter(counted_until__lt=now).delete()
    with connection.cursor() as cursor:
        # With its last token goes the device, whether it was signed out or just stayed away for that long.
        cursor.execute(
            """
            WITH gone AS (
                DELETE FROM accounts_refresh_token WHERE expires_at < %(now)s RETURNING user_id, device_id)
            DELETE FROM accounts_device AS device
            USING (SELECT DISTINCT user_id, device_id FROM gone) AS last
            WHERE device.user_id = last.user_id AND device.id = last.device_id AND NOT EXISTS (
                SELECT 1 FROM accounts_refresh_token AS token
                WHERE token.user_id = device.user_id AND token.device_id = device.id AND token.expires_at >= %(now)s)
            """,
            {"now": now},
        )
