"""Devices that were let in before, and show it by a token that opens nothing by itself."""

from datetime import datetime

from django.conf import settings
from django.utils import timezone

from superapp.accounts.models import KnownDevice
from superapp.core import tokens
from superapp.core.tokens import Token

KIND = "known"
#: A device that left by itself, or made room for another, is still its owner's.
_STAYS_KNOWN = frozenset({"signed_out", "replaced"})


def recognised(text: str) -> Token | None:
    """The token, where it is one that somebody's device was given and may still show. One statement for any text."""
    token = tokens.parse(KIND, text)
    owner_id, digest = (token.owner_id, token.digest) if token else (0, "")
    known = KnownDevice.objects.filter(user_id=owner_id, digest=digest, expires_at__gt=timezone.now())
    return token if known.exists() else None


def remember(*, user_id: int, device_id: int, token: Token | None) -> Token:
    """In the transaction that lets the device in, which holds the person's row. ``token``: what it showed.

    It keeps that one, so that an answer which is lost on its way takes nothing from it.
    """
    expires_at = timezone.now() + settings.KNOWN_DEVICE_LIFETIME
    if token is not None and token.owner_id == user_id and _renew(token, device_id, expires_at):
        return token
    token = tokens.issue(KIND, owner_id=user_id)
    KnownDevice.objects.create(user_id=user_id, digest=token.digest, device_id=device_id, expires_at=expires_at)
    mine = KnownDevice.objects.filter(user_id=user_id).order_by("-expires_at").values_list("digest", flat=True)
    if surplus := list(mine[settings.KNOWN_DEVICES_PER_USER :]):
        KnownDevice.objects.filter(user_id=user_id, digest__in=surplus).delete()
    return token


def _renew(token: Token, device_id: int, expires_at: datetime) -> bool:
    mine = KnownDevice.objects.filter(user_id=token.owner_id, digest=token.digest, expires_at__gt=timezone.now())
    return bool(mine.update(device_id=device_id, expires_at=expires_at))


def forget(*, user_id: int, device_id: int, reason: str) -> None:
    """The device was signed out: thrown out, it is a stranger from now on."""
    if reason not in _STAYS_KNOWN:
        KnownDevice.objects.filter(user_id=user_id, device_id=device_id).delete()


def forget_others(*, user_id: int, kept_device_id: int = 0) -> None:
    """Also those that are signed out just now."""
    KnownDevice.objects.filter(user_id=user_id).exclude(device_id=kept_device_id).delete()


def digests_of(user_id: int) -> list[str]:
    return list(KnownDevice.objects.filter(user_id=user_id).values_list("digest", flat=True))
