from django.utils.translation import gettext_lazy as _

from superapp.core.errors import DomainError


class PhoneInvalid(DomainError):
    code, status, message = "phone_invalid", 422, _("This is not a phone number that we can reach.")


class PhoneTaken(DomainError):
    """Only whoever has just proved that they hold the number learns this."""

    code, status, message = "phone_taken", 409, _("Another account has this number.")


class PhoneReserved(DomainError):
    """As ``PhoneTaken``. Its last person may take it back; nobody else may have it yet."""

    code, status, message = "phone_reserved", 409, _("This number was given up a short while ago. Please try later.")


class PhoneChangeExpired(DomainError):
    code, status, message = "phone_change_expired", 410, _("This took too long. Please begin again.")


class CodeWrong(DomainError):
    code, status, message = "code_wrong", 422, _("This code is not right.")


class CodeExpired(DomainError):
    code, status, message = "code_expired", 410, _("This code is no longer valid. Please ask for a new one.")


class SignInFailed(DomainError):
    """The same for an unknown identifier, a wrong password and an account without one."""

    code, status, message = "sign_in_failed", 401, _("The name or the password is not right.")


class RefreshTokenInvalid(DomainError):
    code, status, message = "refresh_token_invalid", 401, _("Please sign in again.")


class HandleTaken(DomainError):
    code, status, message = "handle_taken", 409, _("Somebody else has this handle.")


class PasswordRejected(DomainError):
    code, status, message = "password_rejected", 422, _("Please choose another password.")


class TermsRequired(DomainError):
    """``version`` is the one to agree to."""

    code, status, message = "terms_required", 403, _("Please agree to the terms first.")


class AccountDeactivated(DomainError):
    """Only whoever has just proved that the account is theirs learns this. ``return_token`` takes it back, until
    ``return_expires_at``; the account itself is erased after ``erased_after``."""

    code, status, message = "account_deactivated", 403, _("You have given this account up. You can still take it back.")


class ReturnExpired(DomainError):
    code, status, message = "return_expired", 410, _("This took too long. Please sign in again.")


class LeavingBlocked(DomainError):
    """``blockers``: what has to be settled first, each with a ``code``, a ``message`` and ``details``."""

    code, status, message = "leaving_blocked", 409, _("Something has to be settled before you can leave.")


class ExportUnderWay(DomainError):
    """``export_id`` is the one that is being made."""

    code, status, message = "export_under_way", 409, _("A copy of your data is being made already.")


class PasswordWrong(DomainError):
    code, status, message = "password_wrong", 403, _("The current password is not right.")


class LastOwner(DomainError):
    code, status, message = "last_owner", 409, _("An organisation needs an owner. Make somebody else one first.")


class AlreadyOnStaff(DomainError):
    code, status, message = "already_on_staff", 409, _("They work here already. Change their roles instead.")


class RoleUnknown(DomainError):
    """``known`` lists what there is."""

    code, status, message = "role_unknown", 422, _("There is no such role in this organisation.")


class InvitationEnded(DomainError):
    code, status, message = "invitation_ended", 410, _("This invitation is no longer valid.")
