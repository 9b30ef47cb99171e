"""Every refusal and every failure as one shape: ``{"error": {"code", "message", "details"}}``."""

import json
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation, TooManyFieldsSent, TooManyFilesSent
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import Http404, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils.translation import gettext as _
from rest_framework import exceptions as drf

from superapp.core import errors
from superapp.core.errors import DomainError

log = structlog.get_logger(__name__)


def json_response(payload: Any, *, status: int = 200) -> HttpResponse:
    return HttpResponse(
        json.dumps(payload, separators=(",", ":"), ensure_ascii=False), status=status, content_type="application/json"
    )


def error_response(error: DomainError) -> HttpResponse:
    response = json_response({"error": error.as_json()}, status=error.status)
    response["Cache-Control"] = "no-store"
    if error.retry_after_seconds is not None:
        response["Retry-After"] = str(error.retry_after_whole_seconds)
    if error.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


def failure_response() -> HttpResponse:
    """For what should not have happened. The log has the trace; the answer has the id to find it by."""
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    message = _("Something broke on our side. It has been noted.")
    return json_response(
        {"error": {"code": "internal", "message": message, "details": {"request_id": request_id}}}, status=500
    )


def rest_framework_answer(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """For views of DRF that are no ``Endpoint``, such as the schema's: what they refuse looks like our own refusals."""
    refusal = as_domain_error(error)
    return error_response(refusal) if refusal else None


def as_domain_error(error: Exception) -> DomainError | None:
    """What a refusal by Django, by DRF or by a part that is away means to the client; None for a broken assumption."""
    match error:
        case DomainError():
            return error
        case drf.ValidationError():
            return errors.InvalidInput(fields=_plain(error.detail))
        case drf.MethodNotAllowed():
            return errors.MethodNotAllowed()
        case drf.NotAuthenticated() | drf.AuthenticationFailed():
            return errors.Unauthenticated()
        case drf.UnsupportedMediaType():
            return errors.UnsupportedMediaType()
        case drf.NotAcceptable():
            return errors.NotAcceptable()
        case Http404() | drf.NotFound():
            return errors.NotFound()
        case RequestDataTooBig():
            return errors.BodyTooLarge()
        case UnreadablePostError():
            return errors.MalformedBody(reason="the body ended early")
        case TooManyFieldsSent() | TooManyFilesSent():
            return errors.MalformedBody(reason="too many fields or files")
        case drf.ParseError() | MultiPartParserError():
            return errors.MalformedBody(reason=str(error))
        case SuspiciousOperation():
            # Its own words are for whoever runs this: they name settings and hosts.
            return errors.MalformedBody()
        case DatabaseError() | InterfaceError() if _is_away(error):
            log.warning("database.unavailable", error=str(error).strip().splitlines()[:1])
            return errors.Unavailable()
    return None


def _is_away(error: DatabaseError | InterfaceError) -> bool:
    """The database is gone, restarting, or gave up waiting for a lock. The request may be repeated.

    A connection that dies under a statement is a plain ``DatabaseError`` to the driver, without the code that every
    refusal by a living server has.
    """
    return isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError


def _plain(detail: Any) -> Any:
    if isinstance(detail, dict):
        return {str(key): _plain(value) for key, value in detail.items()}
    if isinstance(detail, list):
        return [_plain(item) for item in detail]
    return str(detail)
