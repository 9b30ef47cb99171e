"""What staff do to somebody's account."""

from django.db import transaction
from django.utils import timezone

from superapp.accounts.models import User
from superapp.accounts.services import attempts, known_devices
from superapp.accounts.services.devices import revoke_all_devices
from superapp.core.errors import Conflict, Forbidden, NotFound


@transaction.atomic
def ban_user(*, user_id: int) -> int:
    """Shut somebody out: every device is signed out, and signing in fails. Returns the number of devices.

    Whoever has given their account up can be banned too, and then cannot take it back; it is erased all the same.

    Raises ``NotFound``, ``Conflict`` (banned or erased already) and ``Forbidden`` for staff, who lose their role first.
    """
    user = _locked(user_id)
    if user.is_staff:
        raise Forbidden
    if user.banned_at is not None or user.erased_at is not None:
        raise Conflict
    user.is_active, user.banned_at = False, timezone.now()
    user.save(update_fields=["is_active", "banned_at"])
    return revoke_all_devices(user_id=user_id, reason="banned")


@transaction.atomic
def unban_user(*, user_id: int) -> bool:
    """Let somebody in again, unless they have left themselves; returns whether that makes them active.

    Raises ``NotFound``, and ``Conflict`` for who is not banned.
    """
    user = _locked(user_id)
    if user.banned_at is None:
        raise Conflict
    user.is_active, user.banned_at = user.deactivated_at is None and user.erased_at is None, None
    user.save(update_fields=["is_active", "banned_at"])
    return user.is_active


def unlock_sign_in(*, user_id: int) -> None:
    """Forget the wrong passwords and codes that were counted: their next attempt counts as the first."""
    user = User.objects.filter(id=user_id).first()
    if user is None:
        raise NotFound
    names = [f"{kind}:{name}" for kind in ("name", "staff") for name in (user.handle, user.phone) if name]
    known = [f"known:{digest}" for digest in known_devices.digests_of(user_id)]
    attempts.forget(*names, *known, f"account:{user_id}", f"user:{user_id}", f"second-factor:{user_id}")


def _locked(user_id: int) -> User:
    user = User.objects.select_for_update(no_key=True).filter(id=user_id).first()
    if user is None:
        raise NotFound
    return user
