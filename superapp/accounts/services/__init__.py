"""What a person, a device or a job can do with accounts."""

from superapp.accounts.services.codes import send_sign_in_code
from superapp.accounts.services.devices import revoke_device, revoke_other_devices
from superapp.accounts.services.housekeeping import forget_expired
from superapp.accounts.services.profile import change_profile, create_user, set_password
from superapp.accounts.services.sessions import (
    Session,
    refresh_session,
    sign_in_with_code,
    sign_in_with_password,
    start_session,
)

__all__ = [
    "Session",
    "change_profile",
    "create_user",
    "forget_expired",
    "refresh_session",
    "revoke_device",
    "revoke_other_devices",
    "send_sign_in_code",
    "set_password",
    "sign_in_with_code",
    "sign_in_with_password",
    "start_session",
]
