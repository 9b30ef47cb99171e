"""The process for REST alone, as it stands behind a proxy."""

import http.client
from contextlib import ExitStack, closing
from typing import Any

import pytest

from tests.processes import Web

# More than it has threads: several workers of a proxy, each of which keeps what it has opened.
KEPT_OPEN = 64


@pytest.mark.long
def test_connections_that_nobody_uses_keep_nobody_out(committed_db: Any) -> None:
    with Web(committed_db) as web, ExitStack() as cleanup:
        for _ in range(KEPT_OPEN):
            connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=20)
            cleanup.enter_context(closing(connection))
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            assert (answer.status, answer.will_close) == (200, False)
            answer.read()
        assert web.ready()
