"""What surrounds every request."""

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from django_structlog.middlewares import RequestMiddleware

from superapp.core.api.answers import as_domain_error, error_response, failure_response
from superapp.core.errors import NotFound


class RequestLog(RequestMiddleware):
    """One line per request with its id, method, path and status; never the query, where signatures stand."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"


class ErrorBoundary:
    """A refusal outside any endpoint has the API's shape too, and every answer carries the id its log lines have."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response["X-Request-ID"] = structlog.contextvars.get_contextvars().get("request_id", "")
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        refusal = as_domain_error(error)
        return error_response(refusal) if refusal else None


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_response(NotFound())


def server_error(request: HttpRequest) -> HttpResponse:
    return failure_response()
