"""Signing devices out. Their tokens stop at the next call; their sockets are closed by an event."""

from django.db import transaction
from django.utils import timezone

from superapp.accounts.events import DeviceRevoked
from superapp.accounts.models import Device, User
from superapp.core.errors import NotFound
from superapp.core.events import publish


@transaction.atomic
def revoke_device(*, actor_id: int, device_id: int, reason: str = "revoked") -> None:
    """Sign one of the actor's devices out. Raises ``NotFound`` for anybody else's and for one that is gone."""
    device = Device.objects.filter(user_id=actor_id, id=device_id, revoked_at=None).first()
    if device is None or not end_session(device, reason=reason):
        raise NotFound


@transaction.atomic
def revoke_other_devices(*, actor_id: int, kept_device_id: int, reason: str = "revoked") -> int:
    """Sign out every device of the actor but one; returns how many."""
    # Signing in locks the person before the devices as well, so that the two never wait for each other.
    User.objects.select_for_update(no_key=True).get(id=actor_id)
    others = Device.objects.filter(user_id=actor_id, revoked_at=None).exclude(id=kept_device_id)
    return sum(end_session(device, reason=reason) for device in others)


@transaction.atomic
def revoke_all_devices(*, user_id: int, reason: str = "revoked") -> int:
    """Sign out every device of somebody; returns how many."""
    User.objects.select_for_update(no_key=True).get(id=user_id)
    return sum(end_session(device, reason=reason) for device in Device.objects.filter(user_id=user_id, revoked_at=None))


def end_session(device: Device, *, reason: str) -> bool:
    """In the caller's transaction. False when somebody else did it first."""
    ended = Device.objects.filter(user_id=device.user_id, id=device.id, revoked_at=None).update(
        revoked_at=timezone.now()
    )
    if ended:
        publish(DeviceRevoked(device_id=device.id, user_id=device.user_id, reason=reason))
    return bool(ended)
