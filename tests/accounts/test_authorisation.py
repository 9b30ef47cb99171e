"""Who gets in where: over every route of the product, so that a new one cannot be forgotten."""

from typing import Any

import pytest

from superapp.accounts import services
from superapp.accounts.models import User
from tests.accounts.people import Caller, person
from tests.core.catalogue import OPERATIONS

pytestmark = pytest.mark.django_db
PUBLIC = {
    "POST /api/v1/auth/codes/",
    "POST /api/v1/auth/sign-in/code/",
    "POST /api/v1/auth/sign-in/password/",
    "POST /api/v1/auth/return/",
    "POST /api/v1/auth/refresh/",
}
PRIVATE = [name for name, operation in OPERATIONS.items() if not operation.public]


def call(caller: Caller, name: str, **headers: str) -> Any:
    method, _, path = name.partition(" ")
    path = path.replace("{", "").replace("}", "")
    # Every part of an address is an id, or the number of a row.
    path = "/".join("1" if part.endswith("_id") or part == "seq" else part for part in path.split("/"))
    return caller.call(method, path, **headers)


def refused(response: Any) -> None:
    assert response.status_code == 401, (response.request["PATH_INFO"], response.content)
    assert response.json()["error"]["code"] == "unauthenticated"
    assert response["WWW-Authenticate"] == "Bearer"


def test_only_the_ways_in_are_public() -> None:
    """Whoever adds one should think about who calls it, and how often."""
    assert {name for name, operation in OPERATIONS.items() if operation.public} == PUBLIC


def test_private_routes_let_nobody_in_without_a_token() -> None:
    for name in PRIVATE:
        refused(call(Caller(), name))
        refused(call(Caller(), name, HTTP_COOKIE="sessionid=x; access_token=y"))
        refused(call(Caller("access.1.nonsense"), name))


def test_private_routes_let_no_ended_device_and_no_inactive_person_in() -> None:
    ada, bo = person(), person()
    services.revoke_device(actor_id=ada.id, device_id=ada.device_id)
    User.objects.filter(id=bo.id).update(is_active=False)
    for name in PRIVATE:
        refused(call(ada.api, name))
        refused(call(bo.api, name))


def test_token_in_the_address_means_nothing() -> None:
    token = person().session.access.text
    refused(Caller().get("/api/v1/devices/", {"access_token": token, "token": token}))
