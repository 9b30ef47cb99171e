"""Devices: everybody sees and ends their own, and an ended one is out at once."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from superapp.accounts.events import DeviceRevoked
from superapp.accounts.models import Device
from tests.accounts import sessions
from tests.accounts.people import Caller, Person, person
from tests.accounts.sessions import refresh, revoked

pytestmark = pytest.mark.django_db
DEVICES = "/api/v1/devices/"


@pytest.fixture
def ada() -> Person:
    return person()


def listed(caller: Caller) -> list[dict[str, Any]]:
    response = caller.get(DEVICES)
    assert response.status_code == 200
    results: list[dict[str, Any]] = response.json()["results"]
    return results


def seen(device_id: int, *, days_ago: int) -> None:
    Device.objects.filter(id=device_id).update(last_seen_at=timezone.now() - timedelta(days=days_ago))


def is_out(access_token: str) -> bool:
    return not sessions.works(access_token)


def refused(response: Any) -> None:
    sessions.refused(response, "not_found", 404)


def test_list_shows_my_living_devices_the_newest_sign_in_first(ada: Person) -> None:
    person()
    tablet, gone = ada.another_device("Tablet"), ada.another_device("Gone")
    seen(ada.device_id, days_ago=1)
    seen(tablet.device.id, days_ago=2)
    ada.api.generic("DELETE", f"{DEVICES}{gone.device.id}/")
    assert [(row["id"], row["name"], row["is_current"]) for row in listed(ada.api)] == [
        (str(tablet.device.id), "Tablet", False),
        (str(ada.device_id), "Phone", True),
    ]
    assert [row["is_current"] for row in listed(Caller(tablet.access.text))] == [True, False]


def test_list_is_paged(ada: Person) -> None:
    for number in range(4):
        ada.another_device(f"Device {number}")
    body = ada.api.get(DEVICES, {"limit": 3}).json()
    rest = ada.api.get(body["next"]).json()
    assert len(body["results"]) == 3
    assert [row["name"] for row in rest["results"]] == ["Device 0", "Phone"]
    assert rest["next"] is None


def test_device_that_is_seen_while_pages_are_turned_is_neither_lost_nor_shown_twice(ada: Person) -> None:
    for number in range(3):
        ada.another_device(f"Device {number}")
    body = ada.api.get(DEVICES, {"limit": 2}).json()
    for device in Device.objects.filter(user_id=ada.id):
        seen(device.id, days_ago=-1 - device.id % 7)
    rest = ada.api.get(body["next"]).json()
    names = [row["name"] for row in [*body["results"], *rest["results"]]]
    assert names == ["Device 2", "Device 1", "Device 0", "Phone"]


def test_list_takes_two_statements(ada: Person, django_assert_num_queries: Any) -> None:
    ada.another_device()
    with django_assert_num_queries(2):
        listed(ada.api)


def test_ended_device_is_out_at_once(ada: Person) -> None:
    tablet = ada.another_device()
    assert not is_out(tablet.access.text)
    response = ada.api.generic("DELETE", f"{DEVICES}{tablet.device.id}/")
    assert (response.status_code, response.content) == (204, b"")
    assert is_out(tablet.access.text)
    assert not is_out(ada.session.access.text)
    assert revoked == [DeviceRevoked(device_id=tablet.device.id, user_id=ada.id, reason="revoked")]
    refused(ada.api.generic("DELETE", f"{DEVICES}{tablet.device.id}/"))
    assert len(revoked) == 1


def test_device_of_somebody_else_is_as_absent_as_none(ada: Person) -> None:
    bo = person()
    answers = []
    for device_id in (bo.device_id, 1, 2**63 - 1):
        response = ada.api.generic("DELETE", f"{DEVICES}{device_id}/")
        refused(response)
        answers.append(response.content)
    assert len(set(answers)) == 1
    assert not is_out(bo.session.access.text)
    assert revoked == []


@pytest.mark.parametrize("device_id", ["0x1", "-1", "1.5", "9" * 19, "9" * 20, "others", "%31x"])
def test_address_without_a_device_is_no_failure(ada: Person, device_id: str) -> None:
    if device_id == "others":
        assert ada.api.generic("DELETE", f"{DEVICES}others").status_code == 404
    else:
        refused(ada.api.generic("DELETE", f"{DEVICES}{device_id}/"))
    assert not is_out(ada.session.access.text)


def test_signing_out_ends_this_device_only(ada: Person) -> None:
    tablet = ada.another_device()
    assert ada.api.call("POST", "/api/v1/auth/sign-out/").status_code == 204
    assert is_out(ada.session.access.text)
    assert not is_out(tablet.access.text)
    assert revoked == [DeviceRevoked(device_id=ada.device_id, user_id=ada.id, reason="signed_out")]
    assert ada.api.call("POST", "/api/v1/auth/sign-out/").status_code == 401


def test_ending_the_others_keeps_this_one(ada: Person) -> None:
    bo = person()
    others = [ada.another_device(f"Device {number}") for number in range(3)]
    assert ada.api.generic("DELETE", f"{DEVICES}others/").json() == {"revoked": 3}
    assert [is_out(session.access.text) for session in others] == [True] * 3
    assert not is_out(ada.session.access.text)
    assert not is_out(bo.session.access.text)
    assert {(event.device_id, event.reason) for event in revoked} == {
        (session.device.id, "revoked") for session in others
    }
    assert ada.api.generic("DELETE", f"{DEVICES}others/").json() == {"revoked": 0}


def test_ninth_device_signs_out_the_one_unseen_for_longest(ada: Person) -> None:
    laptops = [ada.another_device(f"Device {number}") for number in range(7)]
    assert len(listed(ada.api)) == 8
    seen(laptops[3].device.id, days_ago=9)
    seen(ada.device_id, days_ago=8)
    ninth = ada.another_device("Ninth")
    assert is_out(laptops[3].access.text)
    assert not is_out(ada.session.access.text)
    assert not is_out(ninth.access.text)
    assert revoked == [DeviceRevoked(device_id=laptops[3].device.id, user_id=ada.id, reason="replaced")]
    assert len(listed(ada.api)) == 8


def test_ended_devices_take_no_place(ada: Person) -> None:
    for number in range(7):
        ada.another_device(f"Device {number}")
    ada.api.generic("DELETE", f"{DEVICES}others/")
    revoked.clear()
    for number in range(7):
        ada.another_device(f"Again {number}")
    assert revoked == []


def test_token_in_use_counts_as_seen_when_it_is_refreshed(ada: Person) -> None:
    seen(ada.device_id, days_ago=30)
    refresh(ada.session.refresh.text)
    assert timezone.now() - Device.objects.get(id=ada.device_id).last_seen_at < timedelta(hours=1)


def test_device_that_stayed_away_longer_than_its_tokens_live_is_not_listed(ada: Person) -> None:
    stale = ada.another_device("Stale")
    seen(stale.device.id, days_ago=61)
    assert [row["id"] for row in listed(ada.api)] == [str(ada.device_id)]
