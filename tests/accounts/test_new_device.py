"""A sign-in on one more device is told to those that are signed in already."""

from typing import Any

import pytest

from superapp.accounts import services
from superapp.accounts.events import DeviceAdded
from superapp.accounts.models import Device
from superapp.realtime.models import KeptEvent
from tests.accounts import sessions
from tests.accounts.outbox import deliver
from tests.accounts.people import PASSWORD, Caller, Person, code_for, new_handle, new_phone, person
from tests.accounts.sessions import added
from tests.messaging.conftest import Wire, wire  # noqa: F401  (a fixture)

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> Person:
    return person(handle=new_handle(), password=PASSWORD)


def test_other_devices_are_told_of_a_new_one(ada: Person, wire: Wire) -> None:  # noqa: F811
    """At once where they are there, and through /sync/ where they are not."""
    cursor = ada.api.get("/api/v1/sync/").json()["cursor"]
    session = sessions.sign_in(ada.handle, PASSWORD).json()
    assert added == [DeviceAdded(device_id=int(session["device_id"]), user_id=ada.id)]
    deliver()
    (shown,) = [frame["payload"] for _topics, frame in wire.pushes() if frame["type"] == "device.added"]
    (row, _mine) = ada.api.get("/api/v1/devices/").json()["results"]
    assert row.pop("is_current") is False
    event_id = shown.pop("event_id")
    assert shown == row
    events = ada.api.get("/api/v1/sync/", {"cursor": cursor}).json()["events"]
    assert [(event["type"], event["payload"]["event_id"]) for event in events] == [("device.added", event_id)]


def test_sign_in_with_a_code_is_told_as_well(ada: Person) -> None:
    challenge = services.send_sign_in_code(phone=ada.phone, language="en", client_address="192.0.2.3").challenge
    body = {"challenge": challenge, "code": code_for(ada.phone), "device": sessions.DEVICE}
    session = Caller().call("POST", sessions.CODE_SIGN_IN, body).json()
    assert added == [DeviceAdded(device_id=int(session["device_id"]), user_id=ada.id)]


def test_nobody_is_told_of_the_only_device(ada: Person) -> None:
    phone = new_phone()
    challenge = services.send_sign_in_code(phone=phone, language="en", client_address="192.0.2.4").challenge
    body = {"challenge": challenge, "code": code_for(phone), "device": sessions.DEVICE}
    assert Caller().call("POST", sessions.CODE_SIGN_IN, body).status_code == 201
    ada.api.call("POST", "/api/v1/auth/sign-out/")
    assert sessions.sign_in(ada.handle, PASSWORD).status_code == 201
    assert added == []


def test_failed_sign_in_tells_nobody(ada: Person) -> None:
    sessions.sign_in(ada.handle, "wrong")
    assert added == []


def test_device_that_is_forgotten_before_the_notice_goes_out_is_not_shown(ada: Person) -> None:
    session: Any = sessions.sign_in(ada.handle, PASSWORD).json()
    Device.objects.filter(user_id=ada.id, id=int(session["device_id"])).delete()
    deliver()
    assert not KeptEvent.objects.filter(user_id=ada.id).exists()
