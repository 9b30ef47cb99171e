"""What surrounds every request."""

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from django_structlog.middlewares import RequestMiddleware

from superapp.core import requests
from superapp.core.api.answers import as_domain_error, error_response, failure_response
from superapp.core.errors import Forbidden, MalformedBody, NotFound


class RequestLog(RequestMiddleware):
    """One line per request with its id, method, path and status; never the query, where signatures stand."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"

    def prepare(self, request: HttpRequest) -> None:
        requests.begin(request.META)
        super().prepare(request)

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        requests.end()
        file = getattr(response, "file_to_stream", None)
        super().handle_response(request, response)
        if file is not None:
            # Its content was wrapped for one more line at the end; servers shall still see that there is a file.
            response.file_to_stream = file  # type: ignore[attr-defined]


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


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_response(MalformedBody())


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_response(Forbidden())


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_response(NotFound())


def server_error(request: HttpRequest) -> HttpResponse:
    return failure_response()
