"""What has to happen to a request before Django may look at it."""

import re
from collections.abc import Callable, Iterable
from typing import Any

Application = Callable[..., Iterable[bytes]]

_BOUNDARY = re.compile(r';\s*(boundary=(?:"[^"]*"|[^;\s"]+))', re.IGNORECASE)


def plain_content_type(application: Application) -> Application:
    """The type of the body, and of its parameters only the boundary of a form.

    Bodies are UTF-8 whatever their header says. Django would decode a parameter by whatever charset it names (RFC 2231)
    and fail on one that there is not, before there is a request to answer.
    """

    def wrapped(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        name, _, parameters = environ.get("CONTENT_TYPE", "").partition(";")
        if parameters:
            boundary = _BOUNDARY.search(f";{parameters}")
            environ["CONTENT_TYPE"] = f"{name.strip()}; {boundary[1]}" if boundary else name.strip()
        return application(environ, start_response)

    return wrapped
