"""What can go wrong between a client and the server. All of it is a ``ClientError``."""

from typing import Any, Self

# Refusals that are about the moment, not about the request: the same request may succeed a little later.
PASSING_STATUSES = frozenset({429, 502, 503, 504})
PASSING_CODES = frozenset({"too_many_requests", "unavailable"})


class ClientError(Exception):
    """The root of everything that this client raises about the server."""


class ApiError(ClientError):
    """The server understood and refused.

    ``code`` is for programs and never changes, ``message`` is a sentence for people. ``retry_after`` is in seconds.
    ``status`` is None when the refusal came over the socket, which has only codes.
    """

    def __init__(
        self, *, code: str, message: str, status: int | None, details: dict[str, Any], retry_after: float | None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status
        self.details, self.retry_after = details, retry_after

    @classmethod
    def read(cls, body: Any, *, status: int | None, retry_after: float | None = None) -> Self:
        """From ``{"code", "message", "details"}``; whatever else a proxy on the way may have answered is survived."""
        error = body if isinstance(body, dict) else {}
        details = error.get("details")
        details = details if isinstance(details, dict) else {}
        return cls(
            code=str(error.get("code", "unexpected")),
            message=str(error.get("message", f"The server answered {status} without saying why.")),
            status=status,
            details=details,
            retry_after=retry_after if retry_after is not None else details.get("retry_after_seconds"),
        )

    @property
    def is_passing(self) -> bool:
        """Whether the same request may succeed a little later."""
        return self.status in PASSING_STATUSES or self.code in PASSING_CODES


class Unreachable(ClientError):
    """No answer. With ``maybe_done`` the request may have reached the server and done its work all the same."""

    def __init__(self, reason: str, *, maybe_done: bool) -> None:
        super().__init__(reason)
        self.maybe_done = maybe_done


class SignedOut(ClientError):
    """This device is no longer signed in, and has nothing to sign in again with."""


class SocketClosed(ClientError):
    """The socket has ended. ``code`` is from the table in docs/realtime.md; None: it broke without a word."""

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(f"closed with {code or 'no code'}{': ' if reason else ''}{reason}")
        self.code, self.reason = code, reason
