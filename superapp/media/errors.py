from django.utils.translation import gettext_lazy as _

from superapp.core.errors import DomainError


class PurposeUnknown(DomainError):
    code, status, message = "purpose_unknown", 422, _("Files are not taken for this purpose.")


class FileTooLarge(DomainError):
    """More bytes than the purpose takes; ``max_bytes`` says how many it does."""

    code, status, message = "file_too_large", 413, _("This file is too large.")


class UnsupportedMedia(DomainError):
    """Judged by what is in the file; its name and what the client says of it do not count."""

    code, status, message = "unsupported_media", 415, _("Files of this type are not taken here.")


class QuotaExceeded(DomainError):
    """Too many bytes that were uploaded and hang on nothing; ``max_bytes``, and ``used_bytes`` without this one."""

    code, status, message = (
        "quota_exceeded",
        413,
        _("You have uploaded too much that is not used. Send some of it, or wait."),
    )


class ImageTooLarge(DomainError):
    """More pixels than anybody looks at; ``max_pixels`` and ``max_side`` (pixels) say what is taken."""

    code, status, message = "image_too_large", 422, _("This image has too many pixels.")


class FileDamaged(DomainError):
    code, status, message = "file_damaged", 422, _("This file is incomplete or damaged.")


class NotReady(DomainError):
    """The file cannot be shown to others: it is not processed yet, or that failed for good (``state``, ``refusal``)."""

    code, status, message = "not_ready", 409, _("This file cannot be used.")


class LinkExpired(DomainError):
    code, status, message = "link_expired", 410, _("This link has expired. Please ask for a new one.")
