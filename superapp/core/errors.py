"""The one root of refusals. Services raise them, the API and the sockets turn them into the same answer."""

from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class DomainError(Exception):
    """A refusal that a person can cause.

    ``code`` is for programs and never changes; ``message`` is a sentence for people; ``details`` are JSON.
    ``retry_after_seconds`` becomes the ``Retry-After`` header.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 422
    message: ClassVar[str | Promise] = _("This is not possible.")

    def __init__(
        self, message: str | Promise = "", *, retry_after_seconds: float | None = None, **details: Any
    ) -> None:
        super().__init__(message or self.message)
        self.text = message or self.message
        self.details = details
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"

    def as_json(self) -> dict[str, Any]:
        details = {key: _said(value) for key, value in self.details.items()}
        if self.retry_after_seconds is not None:
            details["retry_after_seconds"] = self.retry_after_whole_seconds
        return {"code": self.code, "message": str(self.text), "details": details}

    @property
    def retry_after_whole_seconds(self) -> int:
        """At least 1: a client that takes ``Retry-After: 0`` at its word would come straight back."""
        return max(1, -int(-(self.retry_after_seconds or 0) // 1))


def _said(value: Any) -> Any:
    """With what waited for a language said in that of this moment."""
    if isinstance(value, Promise):
        return str(value)
    if isinstance(value, dict):
        return {key: _said(inner) for key, inner in value.items()}
    return [_said(inner) for inner in value] if isinstance(value, list | tuple) else value


class InvalidInput(DomainError):
    code, status, message = "invalid_input", 400, _("Something in this request is not as it should be.")


class MalformedBody(DomainError):
    code, status, message = "malformed_body", 400, _("This request could not be read.")


class Unauthenticated(DomainError):
    code, status, message = "unauthenticated", 401, _("Please sign in.")


class Forbidden(DomainError):
    code, status, message = "forbidden", 403, _("You may not do this.")


class NotFound(DomainError):
    code, status, message = "not_found", 404, _("There is nothing here.")


class MethodNotAllowed(DomainError):
    code, status, message = "method_not_allowed", 405, _("This address does not take that method.")


class Conflict(DomainError):
    code, status, message = "conflict", 409, _("This has changed meanwhile.")


class IdempotencyConflict(DomainError):
    code, status, message = "idempotency_conflict", 409, _("This key was already used for a different request.")


class NotAcceptable(DomainError):
    code, status, message = "not_acceptable", 406, _("This is not available in the form that was asked for.")


class RequestTimeout(DomainError):
    code, status, message = "request_timeout", 408, _("The rest of this request did not arrive in time.")


class BodyTooLarge(DomainError):
    code, status, message = "body_too_large", 413, _("This request is too large.")


class UnsupportedMediaType(DomainError):
    code, status, message = "unsupported_media_type", 415, _("A body of this type is not taken here.")


class TooManyRequests(DomainError):
    code, status, message = "too_many_requests", 429, _("Too many attempts. Please wait a moment.")


class Unavailable(DomainError):
    """A part we depend on is away. The request changed nothing and may be repeated."""

    code, status, message = "unavailable", 503, _("This is not available right now. Please try again.")

    def __init__(self, message: str | Promise = "", *, retry_after_seconds: float = 2, **details: Any) -> None:
        super().__init__(message, retry_after_seconds=retry_after_seconds, **details)


class Maintenance(Unavailable):
    """The operator has closed the doors for a while."""

    code, message = "maintenance", _("Superapp is being looked after and will be back soon.")
