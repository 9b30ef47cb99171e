"""What has to happen to a request before Django may look at it."""

import re
from collections.abc import Callable, Iterable
from typing import Any

Application = Callable[..., Iterable[bytes]]

_CHARSET = re.compile(r";\s*charset\s*=[^;]*", re.IGNORECASE)


def utf8_only(application: Application) -> Application:
    """Bodies are UTF-8 whatever their header says; Django would fail on the name of a codec that is not for text."""

    def wrapped(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if "charset" in environ.get("CONTENT_TYPE", "").lower():
            environ["CONTENT_TYPE"] = _CHARSET.sub("", environ["CONTENT_TYPE"])
        return application(environ, start_response)

    return wrapped
