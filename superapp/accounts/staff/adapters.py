"""Where allauth asks this project instead of deciding by itself."""

import time
from typing import Any

import segno
from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from superapp.accounts.models import User
from superapp.accounts.staff import secrets
from superapp.accounts.staff.access import has_second_factor
from superapp.core.browsers import BEGAN_AT
from superapp.core.errors import DomainError
from superapp.core.requests import client_address


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": _("The name or the password is not right.")
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Counting is the backend's: in rows, and so that it also holds when the cache is away."""

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        try:
            user: AbstractBaseUser | None = super().authenticate(request, **credentials)
        except DomainError as refusal:
            raise ValidationError(in_words(refusal)) from None
        return user

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        super().login(request, user)
        request.session[BEGAN_AT] = time.time()

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return reverse("admin:index")

    def get_logout_redirect_url(self, request: HttpRequest) -> str:
        return reverse("account_login")

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request.META)

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """The pages say themselves what happened."""

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """Staff have no address here; the audit log has it."""

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Whoever has no second factor yet has just proved the password, which is all there is to prove."""
        return has_second_factor(self.request.user)

    def get_reauthentication_methods(self, user: AbstractBaseUser | AnonymousUser) -> list[dict[str, Any]]:
        if not user.is_authenticated or not has_second_factor(user):
            return []
        return [{"id": "mfa_reauthenticate", "description": "", "url": reverse("mfa_reauthenticate")}]


class SecondFactorAdapter(DefaultMFAAdapter):
    def get_totp_issuer(self) -> str:
        return "Superapp"

    def get_totp_label(self, user: AbstractBaseUser) -> str:
        assert isinstance(user, User)
        return f"@{user.handle}"

    def build_totp_svg(self, url: str) -> str:
        # Black on white whatever the theme: not every camera reads the reverse.
        return str(
            segno.make(url, error="m").svg_inline(scale=4, border=3, dark="#191d30", light="#fff", omitsize=True)
        )

    def encrypt(self, text: str) -> str:
        return secrets.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return secrets.decrypt(encrypted_text)

    def can_delete_authenticator(self, authenticator: Any) -> bool:
        return False

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """See ``AccountAdapter``."""


def in_words(refusal: DomainError) -> str:
    if refusal.retry_after_seconds is None or refusal.status != 429:
        return str(refusal.text)
    minutes = -(-refusal.retry_after_whole_seconds // 60)
    return str(_("Too many attempts. Please try again in %(minutes)s min.") % {"minutes": minutes})
