"""Whether a session may see the admin: who it is, and what they proved."""

from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from django.http import HttpRequest


def has_second_factor(user: Any) -> bool:
    return bool(
        user.is_authenticated and Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.TOTP).exists()
    )


def is_verified(request: HttpRequest) -> bool:
    """The second factor was proved in this very session, by the person whose session it still is."""
    return any(record["method"] == "mfa" for record in get_authentication_records(request, request.user))


def is_staff(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_staff)
