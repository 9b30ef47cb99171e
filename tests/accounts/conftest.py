"""Codes arrive where a test can read them, and neither hashing nor a busy machine decides how a test ends."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from superapp.core.redis import reset_clients
from tests.accounts import people, sessions


@pytest.fixture(autouse=True)
def _stage(settings: Settings) -> Iterator[None]:
    people.use_postbox(settings)
    settings.PASSWORD_HASHERS = [f"{people.__name__}.QuickArgon2"]
    settings.REDIS_TIMEOUT_SECONDS = settings.REDIS_PATIENT_TIMEOUT_SECONDS = 20
    sessions.revoked.clear()
    sessions.added.clear()
    reset_clients()
    yield
    reset_clients()
