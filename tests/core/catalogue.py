"""Every address of the product with what it declares, read off the URLconf."""

import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from superapp.core.api import Endpoint, Operation


def routes(resolver: URLResolver | None = None, prefix: str = "/") -> Iterator[tuple[str, Any]]:
    """Every address of the product with its view; parts of addresses are written ``{name}``."""
    for pattern in (resolver or get_resolver("superapp.urls")).url_patterns:
        path = prefix + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
        if isinstance(pattern, URLPattern):
            yield path, pattern.callback
        else:
            yield from routes(pattern, path)


ENDPOINTS: dict[str, type[Endpoint]] = {
    path: view.view_class for path, view in routes() if issubclass(getattr(view, "view_class", object), Endpoint)
}
OPERATIONS: dict[str, type[Operation]] = {
    f"{method} {path}": operation
    for path, endpoint in ENDPOINTS.items()
    for method, operation in endpoint.operations.items()
}
