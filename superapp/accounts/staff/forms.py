"""Forms of the sign-in pages. What they check is counted by services."""

from typing import Any

from allauth.account.forms import LoginForm
from allauth.core import context
from allauth.mfa.base.internal.flows import post_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import get_totp_secret
from django import forms
from django.contrib.auth.forms import PasswordChangeForm as DjangoPasswordChangeForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from superapp.accounts import services
from superapp.accounts.errors import CodeWrong
from superapp.accounts.staff.adapters import in_words
from superapp.core.errors import DomainError


class SignInForm(LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"] = forms.CharField(
            label=_("Handle"),
            max_length=40,
            widget=forms.TextInput(
                attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
            ),
        )
        self.fields["password"].widget = forms.PasswordInput(attrs={"autocomplete": "current-password"})
        self.fields["password"].help_text = ""
        self.order_fields(["login", "password"])


class _CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code"),
        max_length=20,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True, "class": "digits"}
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.user = kwargs.pop("user")
        super().__init__(*args, **kwargs)


class SecondFactorForm(_CodeForm):
    """At sign-in, and once more (``reauthenticated``) before something that matters."""

    reauthenticated = False

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"].replace(" ", "")
        try:
            self.authenticator: Authenticator = services.check_second_factor(user_id=self.user.pk, code=code)
        except DomainError as refusal:
            raise ValidationError(in_words(refusal)) from None
        return code

    def save(self) -> None:
        self.authenticator.user = self.user
        post_authentication(context.request, self.authenticator, reauthenticated=self.reauthenticated)


class SecondFactorAgainForm(SecondFactorForm):
    reauthenticated = True


class SetUpForm(_CodeForm):
    """Proves that the app has the new secret."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Opening the page in a second tab must not make the first one's picture worthless.
        self.secret: str = get_totp_secret()

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"].replace(" ", "")
        try:
            if not services.matching_step(self.secret, code):
                raise CodeWrong
        except DomainError as refusal:
            raise ValidationError(in_words(refusal)) from None
        return code


class PasswordChangeForm(DjangoPasswordChangeForm):
    """Of one's own, in the admin."""

    def clean_old_password(self) -> str:
        try:
            services.count_password_attempt(user_id=self.user.pk)
        except DomainError as refusal:
            raise ValidationError(in_words(refusal)) from None
        return super().clean_old_password()

    def save(self, commit: bool = True) -> Any:
        services.change_staff_password(user_id=self.user.pk, new_password=self.cleaned_data["new_password1"])
        self.user.refresh_from_db()
        return self.user
