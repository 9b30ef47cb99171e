"""Giving an account up, taking it back, and what a ban has to do with either."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.utils import timezone

from superapp.accounts import registry, selectors, services
from superapp.accounts.errors import ReturnExpired, SignInFailed
from superapp.accounts.models import Device, Erasure, Organisation, OrganisationMember, User
from superapp.accounts.registry import Blocker
from superapp.core.errors import Conflict, NotFound
from superapp.core.models import AuditEntry
from tests.accounts.people import PASSWORD, Caller, Person, code_for, new_handle, new_phone, person
from tests.accounts.sessions import later, revoked
from tests.accounts.staffers import staff
from tests.matrix.world import contents

pytestmark = pytest.mark.django_db
LEAVING, RETURN, ME = "/api/v1/me/leaving/", "/api/v1/auth/return/", "/api/v1/me/"
BY_CODE, BY_PASSWORD = "/api/v1/auth/sign-in/code/", "/api/v1/auth/sign-in/password/"
DEVICE = {"name": "Phone", "platform": "ios"}


@pytest.fixture
def ada() -> Person:
    return person(handle=new_handle(), password=PASSWORD)


def leave(who: Person, **proof: str) -> Any:
    return who.api.call("POST", LEAVING, proof or {"password": PASSWORD})


def code_of(who: Person) -> dict[str, str]:
    """As somebody gets it who asks for a code to their own phone."""
    challenge = services.send_own_phone_code(actor_id=who.id, client_address=who.phone).challenge
    return {"challenge": challenge, "code": code_for(who.phone)}


def sign_in(who: Person, *, by: str) -> Any:
    if by == "code":
        challenge = services.send_sign_in_code(phone=who.phone, language="en", client_address=who.phone).challenge
        body = {"challenge": challenge, "code": code_for(who.phone), "device": DEVICE}
        return Caller().call("POST", BY_CODE, body)
    return Caller().call("POST", BY_PASSWORD, {"identifier": who.handle, "password": PASSWORD, "device": DEVICE})


def come_back(token: str) -> Any:
    return Caller().call("POST", RETURN, {"return_token": token, "device": DEVICE})


def refusal(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def token_of(response: Any) -> str:
    assert refusal(response) == (403, "account_deactivated")
    return str(response.json()["error"]["details"]["return_token"])


def actions_about(user_id: int) -> list[str]:
    entries = AuditEntry.objects.filter(subject_kind="user", subject_id=str(user_id)).order_by("id")
    return list(entries.values_list("action", flat=True))


# --- Leaving ----------------------------------------------------------------------------------------------------------


def test_leaving_signs_every_device_out_at_once(ada: Person) -> None:
    tablet = ada.another_device()
    response = leave(ada)
    assert response.status_code == 200
    left = datetime.fromisoformat(response.json()["erased_after"]) - timezone.now()
    assert timedelta(days=29, hours=23) < left <= settings.ACCOUNT_KEPT_FOR == timedelta(days=30)
    for token in (ada.session.access.text, tablet.access.text):
        assert Caller(token).get(ME).status_code == 401
    for session in (ada.session, tablet):
        body = {"refresh_token": session.refresh.text}
        assert refusal(Caller().call("POST", "/api/v1/auth/refresh/", body)) == (401, "refresh_token_invalid")
    # Their sockets are closed by these: tests/realtime.
    assert {(event.device_id, event.reason) for event in revoked} == {
        (ada.device_id, "deactivated"),
        (tablet.device.id, "deactivated"),
    }
    assert actions_about(ada.id) == ["accounts.deactivated"]


def test_code_to_ones_own_phone_is_as_good_as_the_password() -> None:
    ada = person()
    assert leave(ada, **code_of(ada)).status_code == 200
    assert User.objects.get(id=ada.id).deactivated_at is not None


@pytest.mark.parametrize(("has_password", "sixth"), [(True, 429), (False, 403)])
def test_whoever_only_holds_the_unlocked_phone_cannot_leave_for_its_owner(has_password: bool, sixth: int) -> None:
    ada = person(password=PASSWORD if has_password else None)
    assert [refusal(leave(ada, password="guess"))[0] for _ in range(6)] == [403] * 5 + [sixth]
    assert User.objects.get(id=ada.id).is_active
    assert not Erasure.objects.filter(user_id=ada.id).exists()


def test_code_for_something_else_or_somebody_else_proves_nothing(ada: Person) -> None:
    bo = person()
    assert refusal(leave(ada, **code_of(bo))) == (410, "code_expired")
    challenge = services.send_sign_in_code(phone=ada.phone, language="en", client_address="192.0.2.7").challenge
    for_signing_in = {"challenge": challenge, "code": code_for(ada.phone)}
    assert refusal(leave(ada, **for_signing_in)) == (410, "code_expired")
    assert leave(ada, **{**code_of(ada), "code": "000000"}).status_code == 422
    assert ada.api.get(ME).status_code == 200


@pytest.mark.parametrize("body", [{}, {"challenge": "x"}, {"password": "x", "challenge": "x", "code": "000000"}])
def test_proof_is_one_of_two(ada: Person, body: dict[str, str]) -> None:
    assert refusal(ada.api.call("POST", LEAVING, body)) == (400, "invalid_input")


def test_nobody_is_found_who_has_left(ada: Person) -> None:
    bo, card = person(), services.qr_card(actor_id=ada.id)
    leave(ada)
    for path in (f"/api/v1/people/{ada.id}/", f"/api/v1/people/?handle={ada.handle}"):
        assert refusal(bo.api.get(path)) == (404, "not_found")
    assert refusal(bo.api.call("POST", "/api/v1/scan/", {"content": card})) == (404, "not_found")
    asked = bo.api.call("POST", "/api/v1/friend-requests/", {"user_id": str(ada.id)})
    assert refusal(asked) == (404, "not_found")
    # And yet the name is theirs until they are erased.
    assert refusal(bo.api.call("PATCH", ME, {"handle": ada.handle})) == (409, "handle_taken")


def test_leaving_twice_is_leaving_once(ada: Person) -> None:
    services.deactivate(actor_id=ada.id, password=PASSWORD)
    before = Erasure.objects.get(user_id=ada.id).due_at
    assert services.deactivate(actor_id=ada.id, password=PASSWORD) == before
    assert actions_about(ada.id) == ["accounts.deactivated"]


# --- What stands in the way -------------------------------------------------------------------------------------------


@pytest.fixture
def debts(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """A room above in which somebody may owe something."""
    owing: set[int] = set()
    rooms = dict(registry.privacy._rooms)
    monkeypatch.setattr(registry.privacy, "_rooms", rooms)
    registry.privacy.register(
        "tests",
        export=lambda user_id: iter(()),
        erase=lambda user_id: None,
        blockers=lambda user_id: [Blocker("debt", "Pay first.", {"amount": 12})] if user_id in owing else [],
        covers={},
    )
    return owing


def test_what_has_to_be_settled_is_told_and_holds_up(ada: Person, debts: set[int]) -> None:
    assert ada.api.get(LEAVING).json() == {"kept_for_days": 30, "blockers": []}
    debts.add(ada.id)
    told = [{"code": "debt", "message": "Pay first.", "details": {"amount": 12}}]
    assert ada.api.get(LEAVING).json()["blockers"] == told
    response = leave(ada)
    assert refusal(response) == (409, "leaving_blocked")
    assert response.json()["error"]["details"] == {"blockers": told}
    assert ada.api.get(ME).status_code == 200
    debts.clear()
    assert leave(ada).status_code == 200


def test_staff_lose_their_role_before_they_leave() -> None:
    sam = staff("support")
    (blocker,) = selectors.blockers_of(sam.id)
    assert blocker.code == "is_staff"
    services.remove_staff(user_id=sam.id)
    assert selectors.blockers_of(sam.id) == []


def test_last_owner_finds_another_one_before_they_leave(ada: Person) -> None:
    brand = services.request_organisation(actor_id=ada.id, kind="brand", name="Tea", client_id=uuid4())
    response = leave(ada)
    assert refusal(response) == (409, "leaving_blocked")
    (blocker,) = response.json()["error"]["details"]["blockers"]
    shown = {"organisations": [{"id": str(brand.id), "kind": "brand", "name": "Tea"}]}
    assert (blocker["code"], blocker["details"]) == ("last_owner", shown)
    heir = person()
    OrganisationMember.objects.create(organisation=brand, user_id=heir.id, roles=["owner"])
    Organisation.objects.filter(id=brand.id).update(owner_count=2)
    assert leave(ada).status_code == 200
    with later(days=30, seconds=1):
        assert services.erase(user_id=ada.id)
    left = OrganisationMember.objects.filter(organisation_id=brand.id)
    assert list(left.values_list("user_id", flat=True)) == [heir.id]
    assert Organisation.objects.get(id=brand.id).owner_count == 1


def test_owner_who_has_left_does_not_answer_for_anything(ada: Person) -> None:
    """Else an organisation were left to somebody who never could be erased, because they own it alone."""
    bo = person(handle=new_handle(), password=PASSWORD)
    brand = services.request_organisation(actor_id=ada.id, kind="brand", name="Tea", client_id=uuid4())
    Organisation.objects.filter(id=brand.id).update(owner_count=2, state="active")
    OrganisationMember.objects.create(organisation=brand, user_id=bo.id, roles=["owner"])
    leave(bo)
    path = f"/api/v1/organisations/{brand.id}/staff/{ada.id}/"
    assert refusal(leave(ada)) == (409, "leaving_blocked")
    assert refusal(ada.api.call("DELETE", path)) == (409, "last_owner")
    assert refusal(ada.api.call("PUT", path, {"roles": ["analyst"]})) == (409, "last_owner")
    # Whoever has left already is not held up by what becomes of the others.
    User.objects.filter(id=ada.id).update(is_active=False)
    with later(days=30, seconds=1):
        assert services.erase(user_id=bo.id)


def test_refused_organisation_holds_nobody_up(ada: Person) -> None:
    brand = services.request_organisation(actor_id=ada.id, kind="brand", name="Tea", client_id=uuid4())
    Organisation.objects.filter(id=brand.id).update(state="refused")
    assert leave(ada).status_code == 200
    with later(days=30, seconds=1):
        assert services.erase(user_id=ada.id)


def test_what_came_up_meanwhile_holds_the_erasing_up(ada: Person, debts: set[int]) -> None:
    leave(ada)
    debts.add(ada.id)
    with later(days=30, seconds=1):
        assert not services.erase(user_id=ada.id)
        erasure = Erasure.objects.get(user_id=ada.id)
        assert (erasure.state, erasure.error, erasure.started_at) == ("blocked", "blocked: debt", None)
        # There is still a way back.
        assert come_back(token_of(sign_in(ada, by="code"))).status_code == 201


# --- Coming back ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["code", "password"])
def test_signing_in_offers_to_take_the_account_back(ada: Person, by: str) -> None:
    leave(ada)
    response = sign_in(ada, by=by)
    details = response.json()["error"]["details"]
    assert set(details) == {"return_token", "return_expires_at", "erased_after"}
    assert not User.objects.get(id=ada.id).is_active
    assert Device.objects.filter(user_id=ada.id, revoked_at=None).count() == 0
    session = come_back(token_of(response)).json()
    assert (session["user"]["id"], session["user"]["handle"]) == (str(ada.id), ada.handle)
    assert Caller(session["access_token"]).get(ME).status_code == 200
    assert sign_in(ada, by=by).status_code == 201
    assert not Erasure.objects.filter(user_id=ada.id).exists()
    assert actions_about(ada.id) == ["accounts.deactivated", "accounts.reactivated"]
    assert person().api.get(f"/api/v1/people/{ada.id}/").status_code == 200


def test_token_takes_back_once_and_for_a_quarter_of_an_hour(ada: Person) -> None:
    leave(ada)
    first = token_of(sign_in(ada, by="password"))
    second = token_of(sign_in(ada, by="password"))
    assert refusal(come_back(first)) == (410, "return_expired")
    with later(minutes=15, seconds=1):
        assert refusal(come_back(second)) == (410, "return_expired")
    assert come_back(second).status_code == 201
    assert refusal(come_back(second)) == (410, "return_expired")


@pytest.mark.parametrize("text", ["", "return", "return.1.x", "access.1.x", "return.99999999999999999999.x", "x" * 200])
def test_what_is_no_token_takes_nothing_back(text: str) -> None:
    assert come_back(text).status_code in {400, 410}


def test_nobody_learns_of_it_who_has_not_proved_who_they_are(ada: Person) -> None:
    """A wrong password, a wrong code and a code that was asked for say what they say of everybody."""
    leave(ada)
    body = {"identifier": ada.handle, "password": "guess", "device": DEVICE}
    of_ada = Caller().call("POST", BY_PASSWORD, body)
    of_nobody = Caller().call("POST", BY_PASSWORD, {**body, "identifier": "nobody_at_all"})
    assert (of_ada.status_code, of_ada.content) == (of_nobody.status_code, of_nobody.content)
    sent = [Caller().call("POST", "/api/v1/auth/codes/", {"phone": phone}) for phone in (ada.phone, new_phone())]
    assert [set(response.json()) for response in sent] == [{"challenge", "expires_at"}] * 2
    wrong = [
        Caller().call("POST", BY_CODE, {"challenge": response.json()["challenge"], "code": "000000", "device": DEVICE})
        for response in sent
    ]
    assert (wrong[0].status_code, wrong[0].content) == (wrong[1].status_code, wrong[1].content)


def test_once_erasing_has_begun_there_is_no_way_back(ada: Person) -> None:
    leave(ada)
    token = token_of(sign_in(ada, by="password"))
    Erasure.objects.filter(user_id=ada.id).update(started_at=timezone.now(), return_digest="")
    assert refusal(come_back(token)) == (410, "return_expired")
    assert refusal(sign_in(ada, by="password")) == (401, "sign_in_failed")
    assert refusal(sign_in(ada, by="code")) == (401, "sign_in_failed")


# --- Bans -------------------------------------------------------------------------------------------------------------


def state(user_id: int) -> tuple[bool, bool, bool]:
    """Active, banned, left."""
    user = User.objects.get(id=user_id)
    return user.is_active, user.banned_at is not None, user.deactivated_at is not None


def test_lifting_a_ban_does_not_bring_back_who_left(ada: Person) -> None:
    leave(ada)
    services.ban_user(user_id=ada.id)
    assert state(ada.id) == (False, True, True)
    assert services.unban_user(user_id=ada.id) is False
    assert state(ada.id) == (False, False, True)
    assert come_back(token_of(sign_in(ada, by="password"))).status_code == 201
    assert state(ada.id) == (True, False, False)


def test_whoever_is_banned_after_leaving_cannot_come_back(ada: Person) -> None:
    leave(ada)
    token = token_of(sign_in(ada, by="password"))
    services.ban_user(user_id=ada.id)
    before = contents(prefix="accounts_user")
    assert refusal(come_back(token)) == (401, "sign_in_failed")
    for by in ("code", "password"):
        assert refusal(sign_in(ada, by=by)) == (401, "sign_in_failed")
    assert contents(prefix="accounts_user") == before
    with pytest.raises(SignInFailed):
        services.reactivate(return_token=token, device_name="Phone", platform="ios")


def test_made_up_token_does_not_say_who_is_banned(ada: Person) -> None:
    services.ban_user(user_id=ada.id)
    assert refusal(come_back(f"return.{ada.id}.made-up")) == (410, "return_expired")


def test_whoever_is_banned_may_still_be_given_up(ada: Person) -> None:
    """Support does it for them, who cannot sign in: the ban stays, and is lifted without bringing them back."""
    services.ban_user(user_id=ada.id)
    services.deactivate(actor_id=ada.id, password=PASSWORD)
    assert state(ada.id) == (False, True, True)
    assert services.unban_user(user_id=ada.id) is False
    assert state(ada.id) == (False, False, True)


def test_ban_alone_is_lifted_as_before(ada: Person) -> None:
    services.ban_user(user_id=ada.id)
    assert refusal(sign_in(ada, by="password")) == (401, "sign_in_failed")
    assert services.unban_user(user_id=ada.id) is True
    assert state(ada.id) == (True, False, False)
    assert sign_in(ada, by="password").status_code == 201


def test_whoever_left_is_not_unbanned(ada: Person) -> None:
    leave(ada)
    with pytest.raises(Conflict):
        services.unban_user(user_id=ada.id)
    assert state(ada.id) == (False, False, True)


def test_ban_does_not_stop_the_erasing(ada: Person) -> None:
    leave(ada)
    services.ban_user(user_id=ada.id)
    with later(days=30, seconds=1):
        assert services.erase(user_id=ada.id)
    assert state(ada.id) == (False, True, True)
    assert services.unban_user(user_id=ada.id) is False
    with pytest.raises(Conflict):
        services.ban_user(user_id=ada.id)
    with pytest.raises(NotFound):
        selectors.active_user(ada.id)


def test_token_of_somebody_else_takes_nobody_back(ada: Person) -> None:
    bo = person(handle=new_handle(), password=PASSWORD)
    leave(ada)
    leave(bo)
    token = token_of(sign_in(ada, by="password"))
    forged = token.replace(f".{ada.id}.", f".{bo.id}.")
    with pytest.raises(ReturnExpired):
        services.reactivate(return_token=forged, device_name="Phone", platform="ios")
    assert state(bo.id) == (False, False, True)
