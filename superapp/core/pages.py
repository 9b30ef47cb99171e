"""What a browser sees where a program gets JSON: a page that says what happened, what did not, and what to do."""

from pathlib import Path

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from superapp.core.errors import DomainError

# What programs call answers in JSON, whatever they say they accept: a phone's library may send a browser's headers.
FOR_PROGRAMS = ("/api/v1/", "/api/schema/")

# Title and explanation by status; what is not here is told in the refusal's own words.
WORDS: dict[int, tuple[str | Promise, str | Promise]] = {
    403: (
        _("You may not open this page"),
        _("Nothing was changed. If somebody sent you here, ask them to give you access."),
    ),
    404: (
        _("There is no page here"),
        _("The address may have a typing mistake, or what it showed has ended. Nothing of yours is affected."),
    ),
    410: (
        _("This link has ended"),
        _("It was used or has run out. Ask for a new one where you got it."),
    ),
    500: (
        _("Something broke on our side"),
        _("It has been noted, and nothing was half done. Please try again in a moment."),
    ),
    503: (
        _("Superapp takes a short break"),
        _("We are busy with it and will be back soon. Your messages and your money are safe."),
    ),
}


def start(request: HttpRequest) -> HttpResponse:
    """What is at the origin itself, where only people come who typed the address."""
    return render(request, "core/start.html", {"api_docs": settings.API_DOCS})


def wanted(request: HttpRequest) -> bool:
    """Whether whoever asks shows pages to a person."""
    return not request.path_info.startswith(FOR_PROGRAMS) and "text/html" in request.META.get("HTTP_ACCEPT", "")


def refusal_page(request: HttpRequest, error: DomainError) -> HttpResponse:
    title, text = WORDS.get(error.status, (error.text, ""))
    return _page(status=error.status, title=title, text=text, code=error.code)


def failure_page(request: HttpRequest) -> HttpResponse:
    title, text = WORDS[500]
    return _page(status=500, title=title, text=text, code=_request_id())


def maintenance_page(request: HttpRequest, *, notice: str) -> HttpResponse:
    """``notice`` is the operator's own sentence, shown in place of ours; it may be empty."""
    title, text = WORDS[503]
    return _page(status=503, title=title, text=notice or text, code="maintenance")


def maintenance_notice() -> str | None:
    """What stands in the file that switches maintenance on; None without the file."""
    try:
        return Path(settings.MAINTENANCE_FILE).read_text(errors="replace").strip()[:500]
    except OSError:
        return None


def _page(*, status: int, title: str | Promise, text: str | Promise, code: str) -> HttpResponse:
    # No request goes into the template: it has to come out whatever is broken, a session or the database included.
    content = render_to_string("core/refusal.html", {"status": status, "title": title, "text": text, "code": code})
    response = HttpResponse(content, status=status)
    response["Cache-Control"] = "no-store"
    return response


def _request_id() -> str:
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))
