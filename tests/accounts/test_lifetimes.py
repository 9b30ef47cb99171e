"""How long everything that opens something lives, unused and at most, by travelling in time.

Not here: sockets' tickets and renewal (tests/realtime/test_handshake.py), links to files (tests/media/test_links.py),
sessions of staff (tests/accounts/test_staff_sign_in.py). docs/accounts.md lists all of them, and is compared.
"""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from superapp.accounts import selectors, services
from superapp.accounts.models import Device, RefreshToken
from superapp.localdev import places
from superapp.realtime import services as realtime
from superapp.realtime.errors import TicketInvalid
from tests.accounts import sessions
from tests.accounts.people import PASSWORD, Caller, Person, code_for, new_handle, person
from tests.accounts.sessions import later, refresh, works

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> Person:
    return person(handle=new_handle(), password=PASSWORD)


def refused(response: Any) -> None:
    sessions.refused(response, "refresh_token_invalid", 401)


def test_documentation_names_the_lifetimes_that_hold() -> None:
    text = (places.CLONE / "docs" / "accounts.md").read_text()
    documented = dict(re.findall(r"^\| `([A-Z_]+)` \|.* ([0-9]+ [a-z]+) \|$", text, re.MULTILINE))
    assert documented == {
        "ACCESS_TOKEN_LIFETIME": "30 minutes",
        "RETURN_TOKEN_LIFETIME": "15 minutes",
        "REFRESH_TOKEN_LIFETIME": "60 days",
        "DEVICE_SESSION_LIFETIME": "365 days",
        "KNOWN_DEVICE_LIFETIME": "400 days",
        "SIGN_IN_CODE_LIFETIME": "5 minutes",
        "PHONE_CHANGE_LIFETIME": "10 minutes",
        "PHONE_RESERVED_FOR": "30 days",
        "PASSWORD_LOCK": "15 minutes",
        "INVITATION_LIFETIME": "7 days",
        "REALTIME_TICKET_LIFETIME": "30 seconds",
        "MEDIA_URL_LIFETIME": "10 minutes",
        "SESSION_COOKIE_AGE": "15 minutes",
        "SESSION_LIFETIME": "10 hours",
    }
    for name, words in documented.items():
        value = getattr(settings, name)
        number, unit = words.split()
        assert timedelta(**{unit: int(number)}) == (value if isinstance(value, timedelta) else timedelta(seconds=value))


def test_access_token_lives_for_half_an_hour_however_busy_it_is(ada: Person) -> None:
    for minutes in (0, 10, 20, 25):
        with later(minutes=minutes):
            assert works(ada.session.access.text)
    with later(minutes=30, seconds=1):
        assert not works(ada.session.access.text)
        assert refresh(ada.session.refresh.text).status_code == 200


def test_device_that_stays_away_for_sixty_days_has_to_sign_in_again(ada: Person) -> None:
    tablet = ada.another_device()
    with later(days=59, hours=23):
        assert refresh(ada.session.refresh.text).status_code == 200
    with later(days=60, seconds=1):
        refused(refresh(tablet.refresh.text))
        # The other has been seen meanwhile.
        assert [row.id for row in listed(ada)] == [ada.device_id]


def test_device_that_comes_every_month_has_to_sign_in_again_after_a_year(ada: Person) -> None:
    newest = ada.session.refresh.text
    for month in range(1, 13):
        with later(days=30 * month):
            body = refresh(newest).json()
            newest = body["refresh_token"]
            assert works(body["access_token"])
    with later(days=364, hours=23, minutes=50):
        body = refresh(newest).json()
        # However fresh, they end with the session.
        assert works(body["access_token"])
        assert (body["access_expires_at"], body["refresh_expires_at"]) == (body["refresh_expires_at"],) * 2
    with later(days=365, seconds=1):
        assert not works(body["access_token"])
        refused(refresh(body["refresh_token"]))
        assert listed(ada) == []


def test_tokens_from_before_there_was_an_end_end_as_well(ada: Person) -> None:
    """Their rows say that they live on; the device's says since when it has been signed in."""
    with later(days=366):
        tomorrow = timezone.now() + timedelta(days=1)
        RefreshToken.objects.filter(user_id=ada.id).update(expires_at=tomorrow)
        Device.objects.filter(user_id=ada.id).update(last_seen_at=timezone.now())
        refused(refresh(ada.session.refresh.text))
    assert sessions.revoked == []


def test_device_is_still_known_when_its_year_is_over(ada: Person) -> None:
    session = sessions.sign_in(ada.handle, PASSWORD).json()
    for days, status in ((366, 201), (366 + 401, 429)):
        with later(days=days):
            for _ in range(5):
                sessions.sign_in(ada.handle, "wrong")
            again = sessions.sign_in(ada.handle, PASSWORD, known_by=session["recognition_token"])
            assert again.status_code == status


@pytest.mark.parametrize(("seconds", "status"), [(240, 201), (301, 410)])
def test_code_lives_for_five_minutes(ada: Person, seconds: int, status: int) -> None:
    challenge = services.send_sign_in_code(phone=ada.phone, language="en", client_address="192.0.2.7").challenge
    body = {"challenge": challenge, "code": code_for(ada.phone), "device": sessions.DEVICE}
    with later(seconds=seconds):
        assert Caller().call("POST", sessions.CODE_SIGN_IN, body).status_code == status


@pytest.mark.parametrize(("seconds", "opens"), [(10, True), (31, False)])
def test_ticket_lives_for_half_a_minute(ada: Person, seconds: int, opens: bool) -> None:
    ticket = ada.api.call("POST", "/api/v1/realtime/tickets/").json()["ticket"]
    with later(seconds=seconds):
        if opens:
            assert realtime.redeem_ticket(text=ticket).device_id == ada.device_id
        else:
            with pytest.raises(TicketInvalid):
                realtime.redeem_ticket(text=ticket)


def test_socket_ends_with_the_access_that_its_ticket_was_taken_with(ada: Person) -> None:
    with later(minutes=25):
        ticket = ada.api.call("POST", "/api/v1/realtime/tickets/").json()["ticket"]
        admission = realtime.redeem_ticket(text=ticket)
    assert admission.expires_at == ada.session.device.access_expires_at


def test_lock_of_a_password_lasts_a_quarter_of_an_hour_from_the_first_wrong_one(ada: Person) -> None:
    for minutes in (0, 3, 6, 9, 12):
        with later(minutes=minutes):
            sessions.refused(sessions.sign_in(ada.handle, "wrong"), "sign_in_failed", 401)
    with later(minutes=13):
        sessions.locked(sessions.sign_in(ada.handle, PASSWORD))
    with later(minutes=15, seconds=5):
        assert sessions.sign_in(ada.handle, PASSWORD).status_code == 201


def listed(someone: Person) -> list[Any]:
    return list(selectors.devices_of(someone.id))
