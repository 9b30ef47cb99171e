"""Signing in and staying signed in: one access token per device, and refresh tokens that work once."""

from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.utils import timezone

from superapp.accounts.errors import PhoneInvalid, RefreshTokenInvalid, SignInFailed
from superapp.accounts.events import DeviceAdded
from superapp.accounts.models import Device, HandleDirectory, PhoneDirectory, RefreshToken, User
from superapp.accounts.services import attempts, devices, known_devices, returning
from superapp.accounts.services.codes import canonical_phone, redeem_code
from superapp.accounts.services.profile import user_for_phone
from superapp.core import limits, tokens
from superapp.core.events import publish
from superapp.core.ids import new_id
from superapp.core.tokens import Token


@dataclass(frozen=True)
class Session:
    """What a device gets when it signs in or refreshes; the tokens' texts exist only here.

    ``recognition`` shows at the next sign-in that this device has been here; a refresh leaves it as it is.
    """

    user: User
    device: Device
    access: Token
    refresh: Token
    refresh_expires_at: datetime
    recognition: Token | None = None
    is_new_user: bool = False


def sign_in_with_code(
    *, challenge: str, code: str, device_name: str, platform: str, recognition_token: str = ""
) -> Session:
    """Sign in, or sign up in the language the code was asked for in, the person who holds the phone.

    Raises what ``redeem_code`` does, ``PhoneReserved``, ``AccountDeactivated`` for somebody who gave it up and may take
    it back, and ``SignInFailed`` for anybody else who is not active.
    """
    sent = redeem_code(challenge=challenge, code=code)
    user, is_new = user_for_phone(sent.phone, language=sent.language)
    _check_has_not_left(user)
    return start_session(
        user_id=user.id,
        device_name=device_name,
        platform=platform,
        is_new_user=is_new,
        proven_phone=sent.phone,
        shown=known_devices.recognised(recognition_token),
    )


def sign_in_with_password(
    *,
    identifier: str,
    password: str,
    device_name: str,
    platform: str,
    client_address: str,
    recognition_token: str = "",
) -> Session:
    """``identifier`` is a handle, or a phone number with its +; ``recognition_token`` is what an earlier sign-in gave.

    Raises ``SignInFailed``, alike for unknown people, wrong and missing passwords and for accounts at which too many
    guesses were made, ``TooManyRequests``, and to whoever knows the password of an account that was given up and can
    be taken back ``AccountDeactivated``.
    """
    limits.take(action="accounts.sign_in.address", subject=client_address)
    identifier = _one_spelling(identifier)
    user = _user_for_identifier(identifier)
    shown = known_devices.recognised(recognition_token)
    if user is not None and shown is not None and shown.owner_id == user.id:
        counted = [f"known:{shown.digest}"]
        attempts.count(counted[0])
        may_compare = True
    else:
        counted = [f"name:{identifier}", f"account:{user.id}" if user else f"nobody:{identifier}"]
        attempts.count(counted[0])
        may_compare = attempts.count_silently(counted[1])
    if user is None or not user.has_usable_password() or not may_compare:
        # Work as long as a real check takes, so that time does not tell who exists.
        make_password(password)
        raise SignInFailed
    if not check_password(password, user.password):
        raise SignInFailed
    if not user.is_active and user.deactivated_at is None:
        raise SignInFailed
    attempts.forget(*counted)
    _check_has_not_left(user)
    return start_session(
        user_id=user.id, device_name=device_name, platform=platform, checked_password=user.password, shown=shown
    )


def _check_has_not_left(user: User) -> None:
    """For whoever has proved that it is theirs. Outside any transaction: what is raised has a token that must last."""
    if user.deactivated_at is not None:
        raise returning.offer_return(user_id=user.id)


@transaction.atomic
def start_session(
    *,
    user_id: int,
    device_name: str,
    platform: str,
    is_new_user: bool = False,
    checked_password: str | None = None,
    proven_phone: str | None = None,
    shown: Token | None = None,
) -> Session:
    """A new device for an active person. Beyond ``DEVICES_PER_USER`` the one unseen for longest is signed out.

    ``checked_password`` is the stored hash that a password was compared with, ``proven_phone`` the number that a code
    proved: a sign-in that was under way when either changed must not survive the change. Raises ``SignInFailed`` then,
    and for somebody who is not active. ``shown``: by which the device is known from before. The others that stay signed
    in are told (``DeviceAdded``).
    """
    # Two sign-ins at once must not both see the last free place.
    user = User.objects.select_for_update(no_key=True).filter(id=user_id, is_active=True).first()
    if user is None or (checked_password is not None and user.password != checked_password):
        raise SignInFailed
    if proven_phone is not None and user.phone != proven_phone:
        raise SignInFailed
    live = list(Device.objects.filter(user_id=user_id, revoked_at=None).order_by("last_seen_at", "id"))
    for surplus in live[: max(0, len(live) + 1 - settings.DEVICES_PER_USER)]:
        devices.end_session(surplus, reason="replaced")
    device = Device(user=user, id=new_id(), name=device_name, platform=platform, created_at=timezone.now())
    if live:
        publish(DeviceAdded(device_id=device.id, user_id=user_id))
    return replace(
        _issue(device, user),
        recognition=known_devices.remember(user_id=user_id, device_id=device.id, token=shown),
        is_new_user=is_new_user,
    )


@dataclass(frozen=True)
class _Reused:
    device: Device


def refresh_session(*, refresh_token: str) -> Session:
    """Exchange the device's newest refresh token for new tokens; the old ones stop working at once.

    A token that was used before means that somebody else holds it too: the device is signed out.
    Raises ``RefreshTokenInvalid``, ``TooManyRequests``.
    """
    token = tokens.parse("refresh", refresh_token)
    if token is None or not RefreshToken.objects.filter(user_id=token.owner_id, digest=token.digest).exists():
        raise RefreshTokenInvalid
    # Only now, or strangers could use up what the owner may do. Each rotation is a row for two months.
    limits.take(action="accounts.refresh.user", subject=str(token.owner_id))
    outcome = _rotate(token)
    if isinstance(outcome, _Reused):
        # Raised only now: the revocation had to be committed, an exception inside would have undone it.
        raise RefreshTokenInvalid
    return outcome


@transaction.atomic
def _rotate(token: Token) -> Session | _Reused:
    stored = RefreshToken.objects.filter(user_id=token.owner_id, digest=token.digest).first()
    if stored is None:
        raise RefreshTokenInvalid
    # The device's row is the lock of its family: parallel uses of one token queue here.
    device = (
        Device.objects.select_for_update(of=("self",), no_key=True)
        .select_related("user")
        .filter(user_id=token.owner_id, id=stored.device_id, revoked_at=None)
        .first()
    )
    now = timezone.now()
    if device is None or not device.user.is_active or _session_end(device) <= now:
        raise RefreshTokenInvalid
    fresh = RefreshToken.objects.filter(
        user_id=token.owner_id, digest=token.digest, used_at=None, expires_at__gt=now
    ).update(used_at=now)
    if fresh:
        return _issue(device, device.user)
    if stored.expires_at <= now:
        raise RefreshTokenInvalid
    devices.end_session(device, reason="token_reused")
    return _Reused(device)


def _issue(device: Device, user: User) -> Session:
    now, end = timezone.now(), _session_end(device)
    access, refresh = tokens.issue("access", owner_id=user.id), tokens.issue("refresh", owner_id=user.id)
    device.access_digest = access.digest
    device.access_expires_at = min(now + settings.ACCESS_TOKEN_LIFETIME, end)
    device.last_seen_at = now
    device.save(force_insert=device._state.adding)
    refresh_expires_at = min(now + settings.REFRESH_TOKEN_LIFETIME, end)
    RefreshToken.objects.create(
        user_id=user.id, digest=refresh.digest, device_id=device.id, expires_at=refresh_expires_at
    )
    return Session(
        user=user,
        device=device,
        access=access,
        refresh=refresh,
        refresh_expires_at=refresh_expires_at,
    )


def _session_end(device: Device) -> datetime:
    """No token of a device outlives this, however often it refreshes."""
    return device.created_at + settings.DEVICE_SESSION_LIFETIME


def _one_spelling(identifier: str) -> str:
    """Of a handle or a number, so that all attempts at it are counted together."""
    identifier = identifier.strip().lower()
    if identifier.startswith("+"):
        try:
            return canonical_phone(identifier)
        except PhoneInvalid:
            pass
    return identifier


def _user_for_identifier(identifier: str) -> User | None:
    """Two statements, whoever it is or is not."""
    is_phone = identifier.startswith("+")
    owners = PhoneDirectory.objects if is_phone else HandleDirectory.objects
    owner_id = owners.filter(pk=identifier).values_list("user_id", flat=True).first()
    # A name that was given up still belongs to its person for a while, but it is no longer theirs to sign in by.
    return User.objects.filter(id=owner_id or 0, **{"phone" if is_phone else "handle": identifier}).first()
