"""What the tests of sockets have in common."""

from collections.abc import Iterator
from typing import Any

import pytest

from superapp.core.redis import reset_clients
from tests.realtime.sockets import PATIENCE_SECONDS


@pytest.fixture(autouse=True)
def _patient_redis(settings: Any) -> Iterator[None]:
    """On a busy machine an answer may take longer than the product waits for it, and then what we push is lost."""
    settings.REDIS_TIMEOUT_SECONDS = PATIENCE_SECONDS
    reset_clients()
    yield
    reset_clients()
