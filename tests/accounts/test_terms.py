"""The terms: agreed to at sign-up, asked for again when they change, and needed for what binds somebody."""

from typing import Any

import pytest
from django.db import IntegrityError
from pytest_django import Settings

from superapp.accounts import services
from superapp.accounts.errors import TermsRequired
from superapp.accounts.models import User
from superapp.core.models import AuditEntry
from tests.accounts.people import Caller, code_for, new_handle, new_phone, person
from tests.accounts.staffers import staff

pytestmark = pytest.mark.django_db
TERMS, ME = "/api/v1/me/terms/", "/api/v1/me/"


def versions(caller: Caller) -> tuple[int, int]:
    me = caller.get(ME).json()
    return me["terms_version"], me["current_terms_version"]


def accept(caller: Caller, version: Any) -> Any:
    return caller.call("POST", TERMS, {"version": version})


def accepted(user_id: int) -> list[Any]:
    entries = AuditEntry.objects.filter(action="accounts.terms_accepted", subject_id=str(user_id)).order_by("id")
    return [(entry.actor_id, entry.before, entry.after) for entry in entries]


def test_signing_up_agrees_to_the_terms_of_the_day(settings: Settings) -> None:
    settings.TERMS_VERSION = 3
    phone = new_phone()
    challenge = services.send_sign_in_code(phone=phone, language="en", client_address="192.0.2.1").challenge
    body = {"challenge": challenge, "code": code_for(phone), "device": {"name": "Phone", "platform": "ios"}}
    session = Caller().call("POST", "/api/v1/auth/sign-in/code/", body).json()
    assert (session["user"]["terms_version"], session["user"]["current_terms_version"]) == (3, 3)
    assert User.objects.get(phone=phone).terms_accepted_at is not None
    services.require_terms(user_id=int(session["user"]["id"]))


def test_signing_in_again_agrees_to_nothing(settings: Settings) -> None:
    ada = person()
    settings.TERMS_VERSION = 2
    challenge = services.send_sign_in_code(phone=ada.phone, language="en", client_address="192.0.2.2").challenge
    body = {"challenge": challenge, "code": code_for(ada.phone), "device": {"name": "Phone", "platform": "ios"}}
    assert Caller().call("POST", "/api/v1/auth/sign-in/code/", body).json()["user"]["terms_version"] == 1


def test_newer_terms_ask_again_before_what_binds(settings: Settings) -> None:
    ada = person()
    before = User.objects.get(id=ada.id).terms_accepted_at
    settings.TERMS_VERSION = 2
    assert versions(ada.api) == (1, 2)
    with pytest.raises(TermsRequired) as refused:
        services.require_terms(user_id=ada.id)
    assert (refused.value.status, refused.value.details) == (403, {"version": 2})
    assert accept(ada.api, 2).json()["terms_version"] == 2
    services.require_terms(user_id=ada.id)
    after = User.objects.get(id=ada.id).terms_accepted_at
    assert before is not None
    assert after is not None
    assert after > before


def test_accepting_is_repeatable_and_noted_once(settings: Settings) -> None:
    ada, bo = person(), person()
    settings.TERMS_VERSION = 2
    assert [accept(ada.api, 2).status_code for _ in range(3)] == [200, 200, 200]
    assert accepted(ada.id) == [(ada.id, {"version": 1}, {"version": 2})]
    assert versions(bo.api) == (1, 2)


@pytest.mark.parametrize("version", [1, 3])
def test_only_the_current_version_can_be_agreed_to(settings: Settings, version: int) -> None:
    ada = person()
    settings.TERMS_VERSION = 2
    response = accept(ada.api, version)
    assert (response.status_code, response.json()["error"]["code"]) == (409, "conflict")
    assert response.json()["error"]["details"] == {"version": 2}
    assert versions(ada.api) == (1, 2)
    assert accepted(ada.id) == []


@pytest.mark.parametrize("version", ["1", True, None, 0, -1, 1.0, 2**31])
def test_version_is_a_number(version: Any) -> None:
    ada = person()
    assert accept(ada.api, version).status_code == 400


def test_terms_taken_back_to_an_older_version_ask_nobody(settings: Settings) -> None:
    """Whoever agreed to the newer ones has agreed; accepting the older again takes nothing back."""
    settings.TERMS_VERSION = 2
    ada = person()
    settings.TERMS_VERSION = 1
    services.require_terms(user_id=ada.id)
    assert accept(ada.api, 1).json()["terms_version"] == 2


def test_staff_agree_to_nothing_until_they_do_so_themselves() -> None:
    sam = staff("support")
    with pytest.raises(TermsRequired):
        services.require_terms(user_id=sam.id)
    services.accept_terms(actor_id=sam.id, version=1)
    services.require_terms(user_id=sam.id)


def test_nobody_is_asked_like_somebody_who_did_not_agree() -> None:
    with pytest.raises(TermsRequired):
        services.require_terms(user_id=1)


def test_asking_takes_one_statement(django_assert_num_queries: Any) -> None:
    ada = person(handle=new_handle())
    with django_assert_num_queries(1):
        services.require_terms(user_id=ada.id)


def test_database_refuses_an_agreement_without_its_time() -> None:
    ada = person()
    with pytest.raises(IntegrityError, match="user_terms"):
        User.objects.filter(id=ada.id).update(terms_accepted_at=None)
