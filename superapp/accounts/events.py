from dataclasses import dataclass

from superapp.core.events import Event


@dataclass(frozen=True)
class ProfileChanged(Event):
    user_id: int


@dataclass(frozen=True)
class PhoneChanged(Event):
    """``old_phone``: "" where there was none. ``changed_at`` as REST shows times."""

    user_id: int
    old_phone: str
    changed_at: str


@dataclass(frozen=True)
class DeviceAdded(Event):
    """Somebody who is signed in elsewhere signed in on one more device."""

    device_id: int
    user_id: int


@dataclass(frozen=True)
class DeviceRevoked(Event):
    """``reason``: signed_out, revoked, replaced (too many devices), token_reused, password_changed, phone_changed,
    banned, deactivated."""

    device_id: int
    user_id: int
    reason: str


@dataclass(frozen=True)
class OrganisationChanged(Event):
    """It has another state or another name than before."""

    organisation_id: int
    state: str
    name: str


@dataclass(frozen=True)
class StaffChanged(Event):
    """Somebody came, left, or has other roles than before."""

    organisation_id: int
    user_id: int


@dataclass(frozen=True)
class StaffInvited(Event):
    """To whom is not said: a number is matched with a person by whoever reacts, and never while somebody waits."""

    organisation_id: int
    invitation_id: int


@dataclass(frozen=True)
class ExportRequested(Event):
    """Also when a person has given one that failed another chance."""

    export_id: int
