"""People who work with the product: how they prove who they are, and how they are made."""

import re
import time

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.mfa.utils import decrypt
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _

from superapp.accounts.errors import CodeWrong, HandleTaken, PasswordRejected, SignInFailed
from superapp.accounts.models import HandleDirectory, User
from superapp.accounts.services import attempts
from superapp.accounts.services.devices import revoke_all_devices
from superapp.accounts.services.profile import create_user
from superapp.core import audit, limits
from superapp.core.errors import InvalidInput, NotFound

_HANDLE = re.compile(r"[a-z][a-z0-9_]{1,19}")


def check_staff_password(*, handle: str, password: str, client_address: str) -> User:
    """The active member of staff with this handle, whose password it is.

    Raises ``SignInFailed``, alike for unknown people, people who are not staff and wrong passwords, ``TooManyRequests``
    and ``Unavailable``: both counts fail closed.
    """
    limits.take(action="accounts.staff_sign_in.address", subject=client_address)
    handle = handle.strip().lower().removeprefix("@")
    # Counted apart from the API's: strangers who guess there must not lock staff out of here.
    attempts.count(f"staff:{handle}")
    user = _staff_member(handle)
    if user is None or not user.has_usable_password():
        # Work as long as a real check takes, so that time does not tell who works here.
        make_password(password)
        raise SignInFailed
    if not check_password(password, user.password):
        raise SignInFailed
    attempts.forget(f"staff:{handle}")
    return user


def _staff_member(handle: str) -> User | None:
    entry = HandleDirectory.objects.filter(handle=handle).first()
    if entry is None:
        return None
    return User.objects.filter(id=entry.user_id, handle=handle, is_staff=True, is_active=True).first()


# --- The second factor ------------------------------------------------------------------------------------------------


def check_second_factor(*, user_id: int, code: str) -> Authenticator:
    """The authenticator, an app or the list of recovery codes, that this code is of. Each code works once.

    Every call counts, committed before the code is compared. Raises ``CodeWrong``, ``TooManyRequests``.
    """
    attempts.count(f"second-factor:{user_id}")
    authenticator = _redeem(user_id, code)
    attempts.forget(f"second-factor:{user_id}")
    return authenticator


@transaction.atomic
def _redeem(user_id: int, code: str) -> Authenticator:
    # Locked: of two requests with one code only the first may find it unused.
    for authenticator in Authenticator.objects.select_for_update().filter(user_id=user_id).order_by("id"):
        if authenticator.type == Authenticator.Type.TOTP:
            step = matching_step(decrypt(authenticator.data["secret"]), code)
            if step > authenticator.data.get("last_step", 0):
                authenticator.data["last_step"] = step
                authenticator.save(update_fields=["data"])
                return authenticator
        elif authenticator.wrap().validate_code(code):
            note_second_factor(user_id=user_id, action="accounts.recovery_code_used")
            return authenticator
    raise CodeWrong


def matching_step(secret: str, code: str) -> int:
    """The time step (RFC 6238) near now whose code this is; 0 when there is none."""
    for step in yield_hotp_counters_from_time():
        if constant_time_compare(format_hotp_value(hotp_value(secret, step)), code):
            return step
    return 0


def current_code(secret: str) -> str:
    """What an app with this secret shows now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


@transaction.atomic
def note_second_factor(*, user_id: int, action: str) -> None:
    audit.record(actor_id=user_id, action=action, subject=("user", str(user_id)))


@transaction.atomic
def reset_second_factor(*, user_id: int) -> int:
    """Take app and recovery codes away: the next sign-in sets up new ones. Returns how many there were.

    Sessions that are open lose the admin at once, because nothing they proved exists any more.
    """
    removed, _by_model = Authenticator.objects.filter(user_id=user_id).delete()
    return removed


# --- Passwords --------------------------------------------------------------------------------------------------------


def count_password_attempt(*, user_id: int) -> None:
    """Before the current password of somebody signed in is compared. Raises ``TooManyRequests``."""
    attempts.count(f"user:{user_id}")


@transaction.atomic
def change_staff_password(*, user_id: int, new_password: str) -> None:
    """Set it; every device and every other browser session of theirs is signed out. Raises ``PasswordRejected``."""
    user = User.objects.select_for_update(no_key=True).get(id=user_id)
    _set_password(user, new_password)
    attempts.forget(f"user:{user_id}")
    audit.record(actor_id=user_id, action="accounts.password_changed", subject=("user", str(user_id)))


def _set_password(user: User, password: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise PasswordRejected(reasons=error.messages) from None
    user.password = make_password(password)
    user.save(update_fields=["password"])
    revoke_all_devices(user_id=user.id, reason="password_changed")


@transaction.atomic
def create_staff(
    *,
    handle: str,
    display_name: str,
    password: str,
    roles: list[str],
    is_superuser: bool = False,
    is_demo: bool = False,
) -> tuple[User, bool]:
    """Make, or raise to staff, the person with this handle; returns them and whether they are new.

    ``password`` may be empty for somebody who has one. The roles named are those they have afterwards.
    Raises ``PasswordRejected``, ``HandleTaken`` (given up by its person, or reserved) and ``InvalidInput`` for a handle
    that cannot be.
    """
    if not _HANDLE.fullmatch(handle.lower()):
        raise InvalidInput(_("A handle has 2 to 20 small letters, digits and _, and begins with a letter."))
    entry = HandleDirectory.objects.filter(handle=handle.lower()).first()
    if entry is None:
        user, is_new = _new_staff(handle, display_name, is_demo=is_demo), True
    else:
        user, is_new = User.objects.select_for_update(no_key=True).get(id=entry.user_id), False
        if user.handle != entry.handle:
            raise HandleTaken
    if password or not user.has_usable_password():
        _set_password(user, password)
    user.is_staff, user.is_superuser = True, is_superuser
    user.save(update_fields=["is_staff", "is_superuser"])
    user.groups.set(Group.objects.filter(name__in=roles))
    audit.record(
        actor_id=None,
        action="accounts.staff_made",
        subject=("user", str(user.id)),
        after={"roles": sorted(roles), "is_superuser": is_superuser},
    )
    return user, is_new


def _new_staff(handle: str, display_name: str, *, is_demo: bool) -> User:
    # Whoever makes them cannot agree to anything for them.
    return create_user(phone=None, display_name=display_name, handle=handle, is_demo=is_demo, accepts_terms=False)


def staff_member(handle: str) -> User:
    """Raises ``NotFound``."""
    user = _staff_member(handle)
    if user is None:
        raise NotFound
    return user


@transaction.atomic
def remove_staff(*, user_id: int) -> None:
    """They work here no longer: no role, no second factor, no open session in a browser; the account stays theirs."""
    user = User.objects.select_for_update(no_key=True).get(id=user_id)
    user.is_staff = user.is_superuser = False
    user.save(update_fields=["is_staff", "is_superuser"])
    user.groups.clear()
    reset_second_factor(user_id=user_id)
    audit.record(actor_id=None, action="accounts.staff_removed", subject=("user", str(user_id)))
