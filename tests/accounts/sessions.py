"""What the tests of sign-ins, devices and refresh tokens share: the calls of a device, and what was announced."""

from datetime import timedelta
from typing import Any

import time_machine
from django.utils import timezone

from superapp.accounts.events import DeviceAdded, DeviceRevoked
from superapp.accounts.models import Device
from superapp.core.events import after_commit
from tests.accounts.people import Caller

REFRESH = "/api/v1/auth/refresh/"
PASSWORD_SIGN_IN = "/api/v1/auth/sign-in/password/"
CODE_SIGN_IN = "/api/v1/auth/sign-in/code/"
DEVICE = {"name": "Laptop", "platform": "desktop"}

#: What was announced since the test began (conftest.py clears it).
revoked: list[DeviceRevoked] = []
added: list[DeviceAdded] = []


@after_commit(DeviceRevoked)
def note_revoked(event: DeviceRevoked) -> None:
    revoked.append(event)


@after_commit(DeviceAdded)
def note_added(event: DeviceAdded) -> None:
    added.append(event)


def refresh(token: Any) -> Any:
    return Caller().call("POST", REFRESH, {"refresh_token": token})


def sign_in(identifier: Any, password: Any, *, known_by: str | None = None, **headers: str) -> Any:
    """``known_by``: a recognition token."""
    body = {"identifier": identifier, "password": password, "device": DEVICE}
    if known_by is not None:
        body["recognition_token"] = known_by
    return Caller().call("POST", PASSWORD_SIGN_IN, body, **headers)


def works(access_token: str) -> bool:
    status = Caller(access_token).get("/api/v1/me/").status_code
    assert status in {200, 401}
    return bool(status == 200)


def refused(response: Any, code: str, status: int) -> bytes:
    assert (response.status_code, response.json()["error"]["code"]) == (status, code), response.content
    if status == 401:
        assert response["WWW-Authenticate"] == "Bearer"
    content: bytes = response.content
    return content


def locked(response: Any) -> None:
    refused(response, "too_many_requests", 429)
    assert 0 < int(response["Retry-After"]) <= 900


def living(user_id: int) -> int:
    return Device.objects.filter(user_id=user_id, revoked_at=None).count()


def later(**distance: float) -> time_machine.travel:
    """``with later(days=3):`` as if this much more time had passed."""
    return time_machine.travel(timezone.now() + timedelta(**distance), tick=True)
