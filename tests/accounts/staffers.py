"""Staff for tests, and browsers in which they signed in as they would."""

import re
import time
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings
from django.test import Client

from superapp.accounts import services
from superapp.accounts.models import User
from superapp.accounts.services.staff import current_code
from tests.accounts.people import new_handle

PASSWORD = "ein sehr langes Kennwort"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
SIGN_IN, SECOND_FACTOR, SET_UP = "/account/sign-in/", "/account/second-factor/", "/account/second-factor/set-up/"
RECOVERY_CODES = "/account/recovery-codes/"
PAGE = {"HTTP_ACCEPT": "text/html"}


def home() -> str:
    return f"/{settings.ADMIN_PATH}"


def staff(*roles: str, is_superuser: bool = False, with_second_factor: bool = True) -> User:
    user, _ = services.create_staff(
        handle=new_handle(),
        display_name="Sam Staff",
        password=PASSWORD,
        roles=list(roles),
        is_superuser=is_superuser,
    )
    if with_second_factor:
        TOTP.activate(user, SECRET)
        RecoveryCodes.activate(user)
    return user


def recovery_codes(user: User) -> list[str]:
    found = Authenticator.objects.get(user_id=user.pk, type="recovery_codes")
    codes: list[str] = found.wrap().get_unused_codes()
    return codes


def browser(**options: Any) -> Client:
    """One that keeps forms' tokens honest, as real ones have to."""
    return Client(enforce_csrf_checks=True, raise_request_exception=False, **PAGE, **options)


def submit(client: Client, path: str, fields: dict[str, Any] | None = None, **headers: Any) -> Any:
    """Open the page and send its form, with the hidden fields that stand in it."""
    page = client.get(path, **headers)
    assert page.status_code == 200, (path, page.status_code, page.headers.get("Location"))
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.content.decode()))
    return client.post(path, hidden | (fields or {}), **headers)


def code() -> str:
    return current_code(SECRET)


def forget_last_step(user: User) -> None:
    """As if the last code had been used a while ago: tests are faster than codes change."""
    for authenticator in Authenticator.objects.filter(user_id=user.pk, type="totp"):
        authenticator.data["last_step"] = 0
        authenticator.save()


def signed_in(user: User) -> Client:
    """A browser that took the whole way in."""
    client = browser()
    assert submit(client, SIGN_IN, {"login": user.handle, "password": PASSWORD}).status_code == 302
    forget_last_step(user)
    response = submit(client, SECOND_FACTOR, {"code": code()})
    assert (response.status_code, response.headers.get("Location")) == (302, home()), response.content
    return client


def verified(user: User) -> Client:
    """A browser in which they are signed in, without the work of signing in."""
    client = browser()
    client.force_login(user)
    session = client.session
    session["account_authentication_methods"] = [{"method": "mfa", "at": time.time(), "type": "totp"}]
    session["account_authentication_methods_user"] = str(user.pk)
    session["began_at"] = time.time()
    session.save()
    return client
