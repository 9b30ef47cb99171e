"""Signing devices out. Their tokens stop at the next call; their sockets are closed by an event."""

from collections.abc import Iterable

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from superapp.accounts.events import DeviceRevoked
from superapp.accounts.models import Device, User
from superapp.accounts.services import known_devices
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
    """Sign out every device of the actor but one, and know none of the others again; returns how many."""
    # Signing in locks the person before the devices as well, so that the two never wait for each other.
    User.objects.select_for_update(no_key=True).get(id=actor_id)
    known_devices.forget_others(user_id=actor_id, kept_device_id=kept_device_id)
    others = Device.objects.filter(user_id=actor_id, revoked_at=None).exclude(id=kept_device_id)
    return sum(end_session(device, reason=reason) for device in others)


@transaction.atomic
def revoke_all_devices(*, user_id: int, reason: str = "revoked") -> int:
    """Sign out every device of somebody, and know none of them again; returns how many."""
    User.objects.select_for_update(no_key=True).get(id=user_id)
    known_devices.forget_others(user_id=user_id)
    return sum(end_session(device, reason=reason) for device in Device.objects.filter(user_id=user_id, revoked_at=None))


def note_devices_seen(devices: Iterable[tuple[int, int]]) -> None:
    """These (person, device) have been heard of; written at most once in ``DEVICE_SEEN_EVERY`` for each.

    Name one device of a person at a time: whoever signs somebody out locks that person's devices one by one.
    """
    pairs, now = list(devices), timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE accounts_device AS d SET last_seen_at = %(now)s
            FROM unnest(%(user_ids)s::bigint[], %(device_ids)s::bigint[]) AS seen(user_id, id)
            WHERE d.user_id = seen.user_id AND d.id = seen.id AND d.last_seen_at <= %(before)s
            """,
            {
                "now": now,
                "before": now - settings.DEVICE_SEEN_EVERY,
                "user_ids": [user_id for user_id, _device_id in pairs],
                "device_ids": [device_id for _user_id, device_id in pairs],
            },
        )


def end_session(device: Device, *, reason: str) -> bool:
    """In the caller's transaction. False when somebody else did it first."""
    ended = Device.objects.filter(user_id=device.user_id, id=device.id, revoked_at=None).update(
        revoked_at=timezone.now()
    )
    if ended:
        known_devices.forget(user_id=device.user_id, device_id=device.id, reason=reason)
        publish(DeviceRevoked(device_id=device.id, user_id=device.user_id, reason=reason))
    return bool(ended)
