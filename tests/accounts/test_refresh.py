"""Refresh tokens: each works once, and one that comes back means that two hold it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from superapp.accounts import services
from superapp.accounts.events import DeviceRevoked
from superapp.accounts.models import Device, RefreshToken, User
from superapp.core.redis import client
from tests.accounts import sessions
from tests.accounts.people import Person, person
from tests.accounts.sessions import refresh, revoked, works

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> Person:
    return person()


def refused(response: Any) -> None:
    sessions.refused(response, "refresh_token_invalid", 401)


def test_new_tokens_take_the_place_of_the_old_ones(ada: Person) -> None:
    response = refresh(ada.session.refresh.text)
    assert response.status_code == 200
    body = response.json()
    assert body["device_id"] == str(ada.device_id)
    assert body["is_new_user"] is False
    assert {body["access_token"], body["refresh_token"]}.isdisjoint({ada.session.access.text, ada.session.refresh.text})
    assert works(body["access_token"])
    assert not works(ada.session.access.text)
    assert refresh(body["refresh_token"]).status_code == 200


def test_used_token_that_comes_back_ends_the_family(ada: Person) -> None:
    elsewhere = ada.another_device()
    body = refresh(ada.session.refresh.text).json()
    refused(refresh(ada.session.refresh.text))
    assert not works(body["access_token"])
    refused(refresh(body["refresh_token"]))
    # One device, for this reason, told once; the others know nothing of it.
    assert revoked == [DeviceRevoked(device_id=ada.device_id, user_id=ada.id, reason="token_reused")]
    assert works(elsewhere.access.text)
    assert refresh(elsewhere.refresh.text).status_code == 200


def test_token_from_far_back_in_the_family_ends_it_too(ada: Person) -> None:
    first = ada.session.refresh.text
    newest = first
    for _ in range(3):
        newest = refresh(newest).json()["refresh_token"]
    refused(refresh(first))
    refused(refresh(newest))
    assert Device.objects.get(user_id=ada.id, id=ada.device_id).revoked_at is not None


def test_expired_token_is_refused_and_ends_nothing(ada: Person) -> None:
    RefreshToken.objects.filter(user_id=ada.id).update(expires_at=timezone.now())
    refused(refresh(ada.session.refresh.text))
    assert works(ada.session.access.text)
    assert revoked == []


def test_access_token_expires(ada: Person, settings: Settings) -> None:
    device = Device.objects.filter(user_id=ada.id, id=ada.device_id)
    left = device.get().access_expires_at - timezone.now()
    assert timedelta(minutes=29) < left <= settings.ACCESS_TOKEN_LIFETIME == timedelta(minutes=30)
    device.update(access_expires_at=timezone.now())
    assert not works(ada.session.access.text)
    assert refresh(ada.session.refresh.text).status_code == 200


def test_signed_out_device_cannot_refresh(ada: Person) -> None:
    services.revoke_device(actor_id=ada.id, device_id=ada.device_id)
    refused(refresh(ada.session.refresh.text))


def test_inactive_person_cannot_refresh(ada: Person) -> None:
    User.objects.filter(id=ada.id).update(is_active=False)
    refused(refresh(ada.session.refresh.text))
    assert not RefreshToken.objects.exclude(used_at=None).exists()


def test_what_was_never_issued_is_refused(ada: Person) -> None:
    bo = person()
    text = ada.session.refresh.text
    kind, owner, secret = text.split(".")
    made_up = [
        "x",
        "refresh",
        ada.session.access.text,
        f"{kind}.{bo.id}.{secret}",
        f"{kind}.{owner}.{secret[:-1]}",
        f"{kind}.{owner}.{secret}=",
        f"{kind}.{owner}.{secret}.",
        f"{kind}.0{owner}.{secret}",
        f"{kind}.{2**63}.{secret}",
        f"{kind}.-5.{secret}",
        f"{kind}.٥.{secret}",
        f"REFRESH.{owner}.{secret}",
        f"{kind}..{secret}",
        "é" * 50,
    ]
    for token in made_up:
        refused(refresh(token))
    assert revoked == []
    assert refresh(text).status_code == 200


@pytest.mark.parametrize("token", ["", None, 5, ["x"], "x" * 201, "a\x00b"])
def test_token_of_the_wrong_shape_is_refused(token: Any) -> None:
    assert refresh(token).status_code == 400


def test_tokens_stand_in_no_table(ada: Person) -> None:
    rows = [*Device.objects.filter(user_id=ada.id).values(), *RefreshToken.objects.filter(user_id=ada.id).values()]
    values = {str(value) for row in rows for value in row.values()}
    for token in (ada.session.access, ada.session.refresh):
        assert token.text not in values
        assert token.digest in values


def test_used_tokens_are_kept_until_they_would_have_expired(ada: Person) -> None:
    """Or a thief who comes later would not be noticed."""
    refresh(ada.session.refresh.text)
    services.forget_expired()
    refused(refresh(ada.session.refresh.text))
    assert len(revoked) == 1


def test_expired_rows_are_forgotten(ada: Person) -> None:
    old = timezone.now() - timedelta(seconds=1)
    RefreshToken.objects.filter(user_id=ada.id).update(expires_at=old)
    services.forget_expired()
    assert not RefreshToken.objects.filter(user_id=ada.id).exists()
    refused(refresh(ada.session.refresh.text))


def test_with_its_last_token_a_device_is_forgotten_and_no_sooner(ada: Person) -> None:
    out, away, kept = ada.another_device("Out"), ada.another_device("Away"), ada.another_device("Kept")
    services.revoke_device(actor_id=ada.id, device_id=out.device.id)
    refresh(kept.refresh.text)
    old = timezone.now() - timedelta(seconds=1)
    for session in (out, away, kept):
        RefreshToken.objects.filter(user_id=ada.id, digest=session.refresh.digest).update(expires_at=old)
    services.forget_expired()
    assert set(Device.objects.filter(user_id=ada.id).values_list("id", flat=True)) == {ada.device_id, kept.device.id}


def test_rotations_are_limited_and_strangers_cannot_use_the_limit_up(ada: Person, settings: Settings) -> None:
    settings.LIMITS_OVERRIDES = {"accounts.refresh.user": (2, 3600)}
    for _ in range(5):
        refused(refresh(f"refresh.{ada.id}.made-up"))
    newest = ada.session.refresh.text
    for _ in range(2):
        newest = refresh(newest).json()["refresh_token"]
    response = refresh(newest)
    assert (response.status_code, response.json()["error"]["code"]) == (429, "too_many_requests")
    # Refused before anything was used up: it works once there is room again.
    client().delete(f"limit:accounts.refresh.user:{ada.id}")
    assert refresh(newest).status_code == 200
