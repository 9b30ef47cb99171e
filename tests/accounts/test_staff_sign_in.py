"""The way of staff into the admin: password, second factor, and a session that does not last."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from superapp.accounts import services
from superapp.accounts.models import Device, PasswordAttempts, User
from superapp.accounts.services.staff import current_code
from superapp.core.models import AuditEntry
from superapp.core.redis import reset_clients
from tests.accounts.people import PASSWORD as PERSONS_PASSWORD
from tests.accounts.people import new_handle, person
from tests.accounts.staffers import (
    PAGE,
    PASSWORD,
    RECOVERY_CODES,
    SECOND_FACTOR,
    SET_UP,
    SIGN_IN,
    browser,
    code,
    forget_last_step,
    home,
    recovery_codes,
    signed_in,
    staff,
    submit,
)

pytestmark = pytest.mark.django_db


def sign_in(client: Client, handle: str | None, password: str = PASSWORD, **headers: Any) -> Any:
    return submit(client, SIGN_IN, {"login": handle or "", "password": password}, **headers)


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def sees_admin(client: Client) -> bool:
    response = client.get(home())
    assert response.status_code in {200, 302, 404}
    return bool(response.status_code == 200)


# --- The way in -------------------------------------------------------------------------------------------------------


def test_password_and_second_factor_open_the_admin() -> None:
    user = staff("operator")
    client = browser()
    first = sign_in(client, user.handle)
    assert (first.status_code, first["Location"]) == (302, SECOND_FACTOR)
    assert not sees_admin(client)
    second = submit(client, SECOND_FACTOR, {"code": code()})
    assert (second.status_code, second["Location"]) == (302, home())
    assert sees_admin(client)


def test_handle_is_taken_as_people_write_it() -> None:
    user = staff("operator")
    assert sign_in(browser(), f" @{user.handle.upper()} ")["Location"] == SECOND_FACTOR


def test_first_sign_in_leads_to_a_second_factor_and_nowhere_else() -> None:
    user = staff("operator", with_second_factor=False)
    client = browser()
    assert sign_in(client, user.handle)["Location"] == home()
    for path in (home(), f"{home()}core/outboxevent/"):
        turned_away = client.get(path)
        assert turned_away.status_code == 302
        assert turned_away["Location"].startswith(SET_UP)
    page = client.get(SET_UP)
    assert page["Cache-Control"] == "no-store"
    assert "unsafe" not in page["Content-Security-Policy"]
    secret = re.search('data-secret="([A-Z2-7]+)"', page.content.decode())[1]  # type: ignore[index]
    before = client.cookies["sessionid"].value
    done = submit(client, SET_UP, {"code": current_code(secret)})
    assert (done.status_code, done["Location"]) == (302, RECOVERY_CODES)
    assert client.cookies["sessionid"].value != before
    shown = re.findall(r"<li>(\d{8})</li>", text_of(client.get(RECOVERY_CODES)))
    assert shown == recovery_codes(user)
    assert len(set(shown)) == 10
    # Once, and never again.
    assert not re.findall(r"\d{8}", text_of(client.get(RECOVERY_CODES)))
    assert sees_admin(client)
    assert AuditEntry.objects.filter(actor_id=user.id, action="accounts.second_factor_set_up").exists()


def test_secret_of_the_app_cannot_be_read_from_the_table() -> None:
    user = staff("operator")
    stored = Authenticator.objects.get(user_id=user.id, type="totp").data["secret"]
    assert stored.startswith("gAAAA")
    sign = browser()
    sign_in(sign, user.handle)
    assert submit(sign, SECOND_FACTOR, {"code": code()}).status_code == 302


def test_wrong_code_at_set_up_sets_nothing_up() -> None:
    user = staff("operator", with_second_factor=False)
    client = browser()
    sign_in(client, user.handle)
    assert "not right" in text_of(submit(client, SET_UP, {"code": "000000"}))
    assert not Authenticator.objects.filter(user_id=user.id).exists()
    assert not sees_admin(client)


def test_second_factor_cannot_be_set_up_anew_by_whoever_has_only_the_password() -> None:
    user = staff("operator")
    client = browser()
    sign_in(client, user.handle)
    assert client.get(SET_UP).status_code == 302
    assert client.post(SET_UP, {"code": "123456"}).status_code in {302, 403}
    assert Authenticator.objects.filter(user_id=user.id).count() == 2


def test_recovery_code_works_once_in_place_of_the_app() -> None:
    user = staff("operator")
    first, *_ = recovery_codes(user)
    client = browser()
    sign_in(client, user.handle)
    assert submit(client, SECOND_FACTOR, {"code": f" {first[:4]} {first[4:]}"})["Location"] == home()
    assert AuditEntry.objects.filter(actor_id=user.id, action="accounts.recovery_code_used").exists()
    another = browser()
    sign_in(another, user.handle)
    assert "not right" in text_of(submit(another, SECOND_FACTOR, {"code": first}))


def test_code_of_the_app_works_once() -> None:
    user = staff("operator")
    signed_in(user)
    used = code()
    client = browser()
    sign_in(client, user.handle)
    assert submit(client, SECOND_FACTOR, {"code": used}).status_code == 200
    forget_last_step(user)
    assert submit(client, SECOND_FACTOR, {"code": used}).status_code == 302


def test_second_factor_taken_away_ends_the_admin_of_open_sessions() -> None:
    user = staff("operator")
    client = signed_in(user)
    services.reset_second_factor(user_id=user.id)
    assert not sees_admin(client)
    assert client.get(home())["Location"].startswith(SET_UP)


# --- Who does not get in ----------------------------------------------------------------------------------------------


def test_unknown_names_and_wrong_passwords_read_alike() -> None:
    user = staff("operator")
    ordinary = person(handle=new_handle(), password=PERSONS_PASSWORD)
    former = staff("operator")
    User.objects.filter(id=former.id).update(is_active=False)
    answers = set()
    for handle, password in [
        (user.handle, "not the password"),
        ("nobody_at_all", PASSWORD),
        (ordinary.handle, PERSONS_PASSWORD),
        (former.handle, PASSWORD),
        ("é" * 20, PASSWORD),
    ]:
        response = sign_in(browser(), handle, password)
        body = text_of(response)
        answers.add((response.status_code, "The name or the password is not right." in body))
    assert answers == {(422, True)}
    assert not Session.objects.exists()
    # What no name can hold is refused before anybody is looked for.
    assert sign_in(browser(), "x\x00y").status_code == 422


def test_ordinary_person_with_a_session_finds_nothing() -> None:
    client = browser()
    client.force_login(User.objects.get(id=person().id))
    assert client.get(home()).status_code == 404
    assert client.get(f"{home()}accounts/user/").status_code == 404


def test_bearer_token_opens_no_page_and_a_session_opens_no_api() -> None:
    user = staff("operator", is_superuser=True)
    session = services.start_session(user_id=user.id, device_name="Phone", platform="ios")
    assert browser(HTTP_AUTHORIZATION=f"Bearer {session.access.text}").get(home()).status_code == 302
    client = signed_in(user)
    assert client.get("/api/v1/me/").status_code == 401


def test_wrong_passwords_are_counted_also_for_names_that_do_not_exist() -> None:
    user = staff("operator")
    for handle in (user.handle, "nobody_at_all"):
        for _ in range(5):
            assert sign_in(browser(), handle, "wrong").status_code == 422
        response = sign_in(browser(), handle)
        assert response.status_code == 422
        assert "Too many attempts. Please try again in 15 min." in text_of(response)
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=True):
        assert sign_in(browser(), user.handle).status_code == 302


def test_guesses_at_the_api_do_not_lock_staff_out() -> None:
    user = staff("operator")
    for _ in range(8):
        browser().post(
            "/api/v1/auth/sign-in/password/",
            {"identifier": user.handle, "password": "wrong", "device": {"name": "x", "platform": "web"}},
            content_type="application/json",
        )
    assert sign_in(browser(), user.handle).status_code == 302


def test_guesses_at_the_second_factor_are_counted_across_browsers() -> None:
    user = staff("operator")
    for _ in range(5):
        client = browser()
        sign_in(client, user.handle)
        assert "not right" in text_of(submit(client, SECOND_FACTOR, {"code": "000000"}))
    assert "Too many attempts" in text_of(submit(client, SECOND_FACTOR, {"code": code()}))
    assert not sees_admin(client)


def test_an_address_gets_thirty_attempts(settings: Settings) -> None:
    for number in range(30):
        assert sign_in(browser(), f"nobody_{number}", REMOTE_ADDR="192.0.2.7").status_code == 422
    user = staff("operator")
    # Whatever it claims to be.
    response = sign_in(browser(), user.handle, REMOTE_ADDR="192.0.2.7", HTTP_X_FORWARDED_FOR="203.0.113.9")
    assert "Too many attempts" in text_of(response)
    assert sign_in(browser(), user.handle, REMOTE_ADDR="192.0.2.8").status_code == 302


def test_without_redis_nobody_signs_in_and_whoever_is_in_stays_in(settings: Settings) -> None:
    user = staff("operator")
    client = signed_in(user)
    settings.REDIS_URL = "unix:///nonexistent/redis.sock"
    reset_clients()
    response = sign_in(browser(), user.handle)
    assert response.status_code == 422
    assert "not available right now" in text_of(response)
    assert sees_admin(client)


# --- How long it lasts ------------------------------------------------------------------------------------------------


def test_session_ends_after_a_quarter_of_an_hour_without_use() -> None:
    user = staff("operator")
    now = timezone.now()
    with time_machine.travel(now, tick=True) as clock:
        client = signed_in(user)
        # Used, it goes on.
        for minutes in (14, 28, 42):
            clock.move_to(now + timedelta(minutes=minutes))
            assert sees_admin(client)
        clock.move_to(now + timedelta(minutes=42 + 15, seconds=1))
        assert not sees_admin(client)
        assert client.get(home())["Location"].startswith(SIGN_IN)


def test_session_ends_after_ten_hours_however_busy() -> None:
    user = staff("operator")
    now = timezone.now()
    with time_machine.travel(now, tick=True) as clock:
        client = signed_in(user)
        for step in range(1, 60):
            clock.move_to(now + timedelta(minutes=10 * step))
            assert sees_admin(client), step
        clock.move_to(now + timedelta(hours=10, seconds=1))
        assert not sees_admin(client)


def test_signing_out_ends_the_session_on_the_server() -> None:
    client = signed_in(staff("operator"))
    stolen = client.cookies["sessionid"].value
    assert submit(client, "/account/sign-out/").status_code == 302
    thief = browser()
    thief.cookies["sessionid"] = stolen
    assert not sees_admin(thief)


def test_person_who_is_banned_is_out_at_the_next_click() -> None:
    user = staff("operator")
    client = signed_in(user)
    User.objects.filter(id=user.id).update(is_active=False)
    assert not sees_admin(client)


def test_person_who_is_staff_no_longer_is_out_at_the_next_click() -> None:
    user = staff("operator")
    client = signed_in(user)
    User.objects.filter(id=user.id).update(is_staff=False)
    assert client.get(home()).status_code == 404


def test_changed_password_ends_every_other_session_and_device() -> None:
    user = staff("operator")
    services.start_session(user_id=user.id, device_name="Phone", platform="ios")
    here, there = signed_in(user), signed_in(user)
    path = f"{home()}password_change/"
    weak = {"old_password": PASSWORD, "new_password1": "1234567890", "new_password2": "1234567890"}
    assert submit(here, path, weak).status_code == 200
    new = "noch ein langes Kennwort"
    response = submit(here, path, {"old_password": PASSWORD, "new_password1": new, "new_password2": new})
    assert response.status_code == 302
    assert sees_admin(here)
    assert not sees_admin(there)
    assert not Device.objects.filter(user_id=user.id, revoked_at=None).exists()
    entry = AuditEntry.objects.get(actor_id=user.id, action="accounts.password_changed")
    assert (entry.before, entry.after) == (None, None)


def test_guesses_at_the_current_password_are_counted() -> None:
    client = signed_in(staff("operator"))
    new = "noch ein langes Kennwort"
    fields = {"old_password": "wrong", "new_password1": new, "new_password2": new}
    for _ in range(5):
        submit(client, f"{home()}password_change/", fields)
    response = submit(client, f"{home()}password_change/", fields | {"old_password": PASSWORD})
    assert response.status_code == 200
    assert "Too many attempts" in text_of(response)


# --- Other sites (operations 42) --------------------------------------------------------------------------------------


def test_form_from_another_site_does_nothing() -> None:
    client = signed_in(staff("operator"))
    for path in ("/account/sign-out/", f"{home()}logout/", f"{home()}password_change/"):
        refused = client.post(path, {"anything": "x"})
        assert refused.status_code == 403, path
    # A token of its own does not help another site: its cookie is not the form's, and its Origin is not ours.
    token = client.cookies["csrftoken"].value
    forged = client.post("/account/sign-out/", {"csrfmiddlewaretoken": token}, HTTP_ORIGIN="https://evil.example")
    assert forged.status_code == 403
    assert sees_admin(client)


def test_nobody_can_be_signed_in_as_somebody_else_by_another_site() -> None:
    """Login CSRF: a page that posts the attacker's own name and password."""
    attacker = staff("operator")
    victim = browser()
    refused = victim.post(SIGN_IN, {"login": attacker.handle, "password": PASSWORD})
    assert refused.status_code == 403
    assert not PasswordAttempts.objects.exists()


def test_no_page_can_be_framed() -> None:
    client = browser()
    user = staff("operator")
    for path in (SIGN_IN, home()):
        page = client.get(path)
        assert page["X-Frame-Options"] == "DENY"
    sign_in(client, user.handle)
    for path in (SECOND_FACTOR,):
        assert "frame-ancestors 'none'" in client.get(path)["Content-Security-Policy"]
    submit(client, SECOND_FACTOR, {"code": code()})
    page = client.get(home())
    assert page["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]


def test_cookies_are_kept_from_scripts_and_other_sites() -> None:
    client = signed_in(staff("operator"))
    for name in ("sessionid", "csrftoken"):
        cookie = client.cookies[name]
        assert cookie["httponly"] is True
        assert cookie["samesite"] == "Lax"
        assert cookie["domain"] == ""
        assert cookie["path"] == "/"


def test_next_page_is_never_on_another_site() -> None:
    user = staff("operator")
    client = browser()
    submit(client, f"{SIGN_IN}?next=https://evil.example/", {"login": user.handle, "password": PASSWORD})
    assert submit(client, SECOND_FACTOR, {"code": code()})["Location"] == home()


def test_sign_in_returns_to_the_page_that_was_asked_for() -> None:
    user = staff("operator")
    client = browser()
    wanted = f"{home()}core/outboxevent/"
    turned_away = client.get(wanted)
    submit(client, turned_away["Location"], {"login": user.handle, "password": PASSWORD})
    assert submit(client, SECOND_FACTOR, {"code": code()})["Location"] == wanted


# --- From where (operations 44) ---------------------------------------------------------------------------------------


def test_outside_the_allowed_addresses_there_is_nothing(settings: Settings) -> None:
    settings.ADMIN_ADDRESSES = ["192.0.2.0/24", "2001:db8::/32"]
    client = browser()
    for address, status in [
        ("192.0.2.9", 200),
        ("2001:db8::1", 200),
        ("::ffff:192.0.2.9", 200),
        ("198.51.100.1", 404),
        ("2001:db9::1", 404),
        ("", 404),
    ]:
        assert client.get(SIGN_IN, REMOTE_ADDR=address).status_code == status, address
    claimed = client.get(home(), REMOTE_ADDR="198.51.100.1", HTTP_X_FORWARDED_FOR="192.0.2.9")
    assert claimed.status_code == 404
    settings.CLIENT_ADDRESS_HEADER = "X-Real-IP"
    assert client.get(home(), REMOTE_ADDR="10.0.0.1", HTTP_X_REAL_IP="192.0.2.9").status_code == 302
    assert client.get(home(), REMOTE_ADDR="192.0.2.9", HTTP_X_REAL_IP="198.51.100.1").status_code == 404


def test_on_another_host_there_is_nothing(settings: Settings) -> None:
    settings.ADMIN_HOSTS = ["staff.superapp.example"]
    client = browser()
    assert client.get(SIGN_IN, HTTP_HOST="superapp.example").status_code == 404
    assert client.get(SIGN_IN, HTTP_HOST="staff.superapp.example:8443").status_code == 200
    assert client.get("/api/v1/me/", HTTP_HOST="superapp.example").status_code == 401


def test_requests_of_programs_ask_for_no_session() -> None:
    client = signed_in(staff("operator"))
    response = client.get("/api/v1/me/", **PAGE)
    assert response.status_code == 401
    assert not response.cookies
    assert "Cookie" not in response.get("Vary", "")
