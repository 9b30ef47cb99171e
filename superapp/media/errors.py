from django.utils.translation import gettext_lazy as _

from superapp.core.errors import DomainError


class PurposeUnknown(DomainError):
    code, status, message = "purpose_unknown", 422, _("Files are not taken for this purpose.")


class FileTooLarge(DomainError):
    """More bytes than the purpose takes; ``max_bytes`` says how many it does."""

    code, status, message = "file_too_large", 413, _("This file is too large.")


class UnsupportedMedia(DomainError):
    """Judged by what is in the file; its name and what the client says of it do not count."""

    code, status, message = "unsupported_media", 415, _("Photos may be JPEG, PNG, WebP or GIF.")


class ImageTooLarge(DomainError):
    """More pixels than anybody looks at; ``max_pixels`` and ``max_side`` (pixels) say what is taken."""

    code, status, message = "image_too_large", 422, _("This image has too many pixels.")


class FileDamaged(DomainError):
    code, status, message = "file_damaged", 422, _("This file is incomplete or damaged.")


class NotReady(DomainError):
    """The file cannot be shown to others: it is not processed yet, or processing it failed for good (``state``)."""

    code, status, message = "not_ready", 409, _("This file cannot be used.")


class LinkExpired(DomainError):
    code, status, message = "link_expired", 410, _("This link has expired. Please ask for a new one.")
