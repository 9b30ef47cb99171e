"""What a person, a device or a job can do with accounts."""

from superapp.accounts.services.card import qr_card, reset_qr_card
from superapp.accounts.services.codes import canonical_phone, send_sign_in_code
from superapp.accounts.services.devices import (
    note_devices_seen,
    revoke_all_devices,
    revoke_device,
    revoke_other_devices,
)
from superapp.accounts.services.erasure import erase, erase_due, retry_erasure
from superapp.accounts.services.exports import forget_exports, make_export, request_export, retry_export
from superapp.accounts.services.housekeeping import forget_expired
from superapp.accounts.services.invitations import (
    Invited,
    accept_invitation,
    accept_invitation_link,
    decline_invitation,
    invite_staff,
    revoke_invitation,
)
from superapp.accounts.services.leaving import deactivate, reactivate
from superapp.accounts.services.moderation import ban_user, unban_user, unlock_sign_in
from superapp.accounts.services.organisation_staff import (
    change_roles,
    remove_member,
    require_role,
    transfer_ownership,
)
from superapp.accounts.services.organisations import (
    approve_organisation,
    change_organisation,
    refuse_organisation,
    reinstate_organisation,
    request_organisation,
    suspend_organisation,
)
from superapp.accounts.services.phone import (
    BegunPhoneChange,
    begin_phone_change,
    change_phone,
    send_new_phone_code,
    send_own_phone_code,
    tell_old_number,
)
from superapp.accounts.services.profile import change_profile, create_user, set_password
from superapp.accounts.services.proof import prove_again
from superapp.accounts.services.sessions import (
    Session,
    refresh_session,
    sign_in_with_code,
    sign_in_with_password,
    start_session,
)
from superapp.accounts.services.staff import (
    change_staff_password,
    check_second_factor,
    check_staff_password,
    count_password_attempt,
    create_staff,
    matching_step,
    note_second_factor,
    remove_staff,
    reset_second_factor,
    staff_member,
)
from superapp.accounts.services.terms import accept_terms, require_terms

__all__ = [
    "BegunPhoneChange",
    "Invited",
    "Session",
    "accept_invitation",
    "accept_invitation_link",
    "accept_terms",
    "approve_organisation",
    "ban_user",
    "begin_phone_change",
    "canonical_phone",
    "change_organisation",
    "change_phone",
    "change_profile",
    "change_roles",
    "change_staff_password",
    "check_second_factor",
    "check_staff_password",
    "count_password_attempt",
    "create_staff",
    "create_user",
    "deactivate",
    "decline_invitation",
    "erase",
    "erase_due",
    "forget_expired",
    "forget_exports",
    "invite_staff",
    "make_export",
    "matching_step",
    "note_devices_seen",
    "note_second_factor",
    "prove_again",
    "qr_card",
    "reactivate",
    "refresh_session",
    "refuse_organisation",
    "reinstate_organisation",
    "remove_member",
    "remove_staff",
    "request_export",
    "request_organisation",
    "require_role",
    "require_terms",
    "reset_qr_card",
    "reset_second_factor",
    "retry_erasure",
    "retry_export",
    "revoke_all_devices",
    "revoke_device",
    "revoke_invitation",
    "revoke_other_devices",
    "send_new_phone_code",
    "send_own_phone_code",
    "send_sign_in_code",
    "set_password",
    "sign_in_with_code",
    "sign_in_with_password",
    "staff_member",
    "start_session",
    "suspend_organisation",
    "tell_old_number",
    "transfer_ownership",
    "unban_user",
    "unlock_sign_in",
]
