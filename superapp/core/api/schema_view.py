"""The API's description over HTTP. Making it takes a tenth of a second, and it changes with the code only."""

import hashlib
import json
import threading
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import get_conditional_response, patch_vary_headers
from drf_spectacular.generators import SchemaGenerator

from superapp.core.errors import MethodNotAllowed

_made: dict[str, "Made"] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Made:
    content: bytes
    etag: str


def schema(request: HttpRequest) -> HttpResponse:
    """OpenAPI in JSON; what refusals say to people is in the reader's language. Asking again costs nothing (ETag)."""
    if request.method not in {"GET", "HEAD"}:
        raise MethodNotAllowed
    made = _in_language(translation.get_language() or "en")
    response = HttpResponse(made.content, content_type="application/vnd.oai.openapi+json")
    response["ETag"] = made.etag
    response["Cache-Control"] = "public, max-age=0, must-revalidate"
    patch_vary_headers(response, ["Accept-Language"])
    return get_conditional_response(request, etag=made.etag, response=response) or response


def _in_language(language: str) -> Made:
    # Of many who ask first, one makes it: it would keep every thread busy.
    with _lock:
        if language not in _made:
            described = SchemaGenerator().get_schema(request=None, public=True)
            content = json.dumps(described, separators=(",", ":"), ensure_ascii=False, default=str).encode()
            _made[language] = Made(content, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
        return _made[language]
