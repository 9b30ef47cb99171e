from datetime import timedelta

from django.utils import timezone

from superapp.accounts.models import PasswordAttempts, RefreshToken, SignInCode


def forget_expired() -> None:
    """Delete what can no longer be used. Used refresh tokens stay until they would have expired: reuse must be seen."""
    now = timezone.now()
    SignInCode.objects.filter(expires_at__lt=now - timedelta(days=1)).delete()
    PasswordAttempts.objects.filter(counted_until__lt=now).delete()
    RefreshToken.objects.filter(expires_at__lt=now).delete()
