"""What a browser shows that opened a link of ours: what it is, and the way into the app. No script, no sign-in."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from superapp.core import limits, links, requests


@require_safe
def link_page(request: HttpRequest, token: str) -> HttpResponse:
    """Opening it here uses nothing up and tells nothing of what it leads to."""
    limits.take(action="links.open.address", subject=requests.client_address(request.META))
    kind = links.kind_of(token)
    url = f"{settings.PUBLIC_ORIGIN}/l/{token}"
    context = {"label": kind.label, "app_url": f"{settings.APP_SCHEME}://l/{token}", "picture": links.svg(url)}
    response = render(request, "core/link.html", context)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response
