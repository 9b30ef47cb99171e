"""What surrounds every request."""

from collections.abc import Callable
from typing import Any

import structlog
from csp.constants import HEADER as CSP
from csp.middleware import CSPMiddleware
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext_lazy as _
from django_structlog.middlewares import RequestMiddleware

from superapp.core import metrics, pages, requests
from superapp.core.api.answers import as_domain_error, error_response, failure_response
from superapp.core.errors import DomainError, Forbidden, Maintenance, MalformedBody, NotFound

log = structlog.get_logger(__name__)


class RequestLog(RequestMiddleware):
    """One line per request with its id, method, path and status; never the query, nor a link: they grant something."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        # The rest of a link is what it grants.
        return f"{request.method} {'/l/…' if request.path.startswith('/l/') else request.path}"

    def prepare(self, request: HttpRequest) -> None:
        requests.begin(request.META)
        super().prepare(request)

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        requests.end()
        metrics.count_request(response.status_code)
        file = getattr(response, "file_to_stream", None)
        super().handle_response(request, response)
        if file is not None:
            # Its content was wrapped for one more line at the end; servers shall still see that there is a file.
            response.file_to_stream = file  # type: ignore[attr-defined]


class LanguageChoice:
    """Answers in the language that the client asks for (Accept-Language), or better: in that of who is signed in.

    A device's person is known to ``Endpoint`` only; here it is who opened a session, as staff do.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Threads are used again: what the last request spoke must not be heard in this one.
        translation.activate(translation.get_language_from_request(request))
        try:
            response = self.get_response(request)
            if response.get("Content-Type", "").startswith("text/html"):
                patch_vary_headers(response, ["Accept-Language"])
                response.setdefault("Content-Language", translation.get_language() or settings.LANGUAGE_CODE)
            return response
        finally:
            translation.deactivate()

    def process_view(self, request: HttpRequest, *args: Any) -> None:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and not request.path_info.startswith(pages.FOR_PROGRAMS):
            requests.speak_to(getattr(request, "user", None))


class ErrorBoundary:
    """A refusal outside any endpoint has the API's shape, or a page for browsers; every answer carries the id its log
    lines have."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response["X-Request-ID"] = structlog.contextvars.get_contextvars().get("request_id", "")
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        refusal = as_domain_error(error)
        return _refusal(request, refusal) if refusal else None


class MaintenanceBreak:
    """While the file ``MAINTENANCE_FILE`` exists, everybody gets 503; what supervisors ask is answered all the same."""

    ALWAYS = ("/healthz", "/readyz", "/metrics", "/static/")

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        notice = pages.maintenance_notice()
        if notice is None or request.path_info.startswith(self.ALWAYS):
            return self.get_response(request)
        refusal = Maintenance(notice, retry_after_seconds=60)
        if not pages.wanted(request):
            return error_response(refusal)
        response = pages.maintenance_page(request, notice=notice)
        response["Retry-After"] = str(refusal.retry_after_whole_seconds)
        return response


class ContentPolicy(CSPMiddleware):
    """The strict policy of the settings on every page, one that the admin's theme can live with below its path.

    What is no page gets a policy under which a browser that is tricked into showing it runs and loads nothing.
    """

    NOT_A_PAGE = "default-src 'none'; frame-ancestors 'none'"

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if CSP in response:
            return response
        if not response.get("Content-Type", "").startswith("text/html"):
            response[CSP] = self.NOT_A_PAGE
            return response
        if settings.ADMIN_PATH and request.path_info.startswith(f"/{settings.ADMIN_PATH}"):
            response._csp_update = settings.ADMIN_CONTENT_POLICY  # type: ignore[attr-defined]
        return super().process_response(request, response)


def _refusal(request: HttpRequest, error: DomainError) -> HttpResponse:
    return pages.refusal_page(request, error) if pages.wanted(request) else error_response(error)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _refusal(request, MalformedBody())


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _refusal(request, Forbidden())


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that comes from another site, or from a page that has been open for too long."""
    return _refusal(request, Forbidden(_("This form did not come from our own page. Open the page again and retry.")))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _refusal(request, NotFound())


def server_error(request: HttpRequest) -> HttpResponse:
    if pages.wanted(request):
        try:
            return pages.failure_page(request)
        except Exception as error:
            # A page that breaks while it says that something broke: the plain answer is left.
            log.exception("page.broke", exc_info=error)
    return failure_response()
