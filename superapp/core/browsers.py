"""What only browsers need: sessions, forms that prove where they come from, notes to the next page.

The API, media and supervisors' questions know no cookies, and pass these middlewares without paying for them.
"""

import time
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware

#: Below these a cookie means nothing, whoever sends it.
WITHOUT_COOKIES = ("/api/", "/media/", "/static/", "/healthz", "/readyz", "/metrics")
#: In a session: when somebody signed in, in seconds since 1970.
BEGAN_AT = "began_at"


class _OnPagesOnly:
    """In front of one of Django's middlewares."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(WITHOUT_COOKIES):
            return self.get_response(request)
        return super().__call__(request)  # type: ignore[misc]


class Sessions(_OnPagesOnly, SessionMiddleware):
    """A session ends when nobody used it for ``SESSION_COOKIE_AGE``, and after ``SESSION_LIFETIME`` in any case."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        if settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return
        began_at = request.session.get(BEGAN_AT)
        if began_at is not None and time.time() - began_at > settings.SESSION_LIFETIME.total_seconds():
            request.session.flush()


class Forms(_OnPagesOnly, CsrfViewMiddleware):
    def process_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.path_info.startswith(WITHOUT_COOKIES):
            return None
        return super().process_view(request, *args, **kwargs)


class Users(_OnPagesOnly, AuthenticationMiddleware):
    pass


class Notes(_OnPagesOnly, MessageMiddleware):
    pass
