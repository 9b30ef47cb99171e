"""What was pushed: a listener beside the gateways, on the same Redis."""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from superapp.realtime import frames
from tests.realtime.conftest import _patient_redis  # noqa: F401  (a fixture)


class Wire:
    """Everything that this process published since the test began."""

    def __init__(self) -> None:
        self._client = redis.Redis.from_url(os.environ["REDIS_URL"])
        self._listener = self._client.pubsub(ignore_subscribe_messages=True)
        self._listener.psubscribe("rt:*", "test:mark")
        self._until_mark()

    def pushes(self) -> list[tuple[list[str], dict[str, Any]]]:
        """New frames, each with the topics it went to."""
        found = []
        for message in self._until_mark():
            kind, topics, body = frames.unpack(message)
            if kind == frames.FRAME:
                found.append((topics, json.loads(body)))
        return found

    def types(self) -> list[str]:
        return [frame["type"] for _topics, frame in self.pushes()]

    def _until_mark(self) -> list[bytes]:
        """Redis keeps the order: what was published before the mark comes before it."""
        self._client.publish("test:mark", b"")
        found: list[bytes] = []
        while True:
            message = self._listener.get_message(timeout=10)
            if message is None:
                continue
            if message["channel"] == b"test:mark":
                return found
            found.append(message["data"])

    def close(self) -> None:
        self._listener.close()
        self._client.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    listening = Wire()
    yield listening
    listening.close()
