from dataclasses import dataclass

from superapp.core.events import Event


@dataclass(frozen=True)
class ProfileChanged(Event):
    user_id: int


@dataclass(frozen=True)
class DeviceAdded(Event):
    """Somebody who is signed in elsewhere signed in on one more device."""

    device_id: int
    user_id: int


@dataclass(frozen=True)
class DeviceRevoked(Event):
    """``reason``: signed_out, revoked, replaced (too many devices), token_reused, password_changed, banned."""

    device_id: int
    user_id: int
    reason: str
