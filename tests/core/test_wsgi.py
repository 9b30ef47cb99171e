"""What happens to a request before Django looks at it."""

import io
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from superapp.wsgi import application

# Around each request Django looks after its connections.
pytestmark = pytest.mark.usefixtures("committed_db")


def status_of(content_type: str) -> str:
    environ: dict[str, Any] = {"PATH_INFO": "/healthz", "CONTENT_TYPE": content_type, "wsgi.input": io.BytesIO()}
    setup_testing_defaults(environ)
    said: list[str] = []
    application(environ, lambda status, headers: said.append(status)).close()  # type: ignore[attr-defined]
    return said[0]


@pytest.mark.parametrize("charset", ["hex", "base64", "rot13", "utf-16", "no-such-codec", '"hex"', "", " hex ; a=b"])
def test_body_is_utf8_whatever_the_header_calls_it(charset: str) -> None:
    assert status_of(f"text/plain; charset={charset}") == "200 OK"
    assert status_of(f"application/json;CHARSET={charset}") == "200 OK"
