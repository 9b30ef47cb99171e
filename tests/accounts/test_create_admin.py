"""`manage.py create_admin`: the first administrator, those after, and those who leave."""

import io
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import call_command
from django.core.management.base import CommandError

from superapp.accounts.checks import nobody_is_of_the_demo
from superapp.accounts.models import Device, User
from superapp.core.models import AuditEntry
from tests.accounts.people import new_handle, person
from tests.accounts.staffers import PASSWORD, SET_UP, SIGN_IN, browser, home, signed_in, staff, submit

pytestmark = pytest.mark.django_db


def create_admin(monkeypatch: pytest.MonkeyPatch, *arguments: str, password: str = PASSWORD) -> str:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    said = io.StringIO()
    call_command("create_admin", *arguments, stdout=said, stderr=said)
    return said.getvalue()


def user_of(handle: str) -> User:
    return User.objects.get(handle=handle)


def test_first_administrator_signs_in_and_has_to_set_up_a_second_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = new_handle()
    said = create_admin(monkeypatch, "--handle", f"@{handle}", "--name", "Kim", "--superuser")
    assert f"@{handle} is new and staff now: superuser." in said
    assert home() in said
    assert PASSWORD not in said
    user = user_of(handle)
    assert (user.display_name, user.is_staff, user.is_superuser, user.is_demo) == ("Kim", True, True, False)
    assert user.password.startswith("argon2")
    client = browser()
    submit(client, SIGN_IN, {"login": handle, "password": PASSWORD})
    assert client.get(home())["Location"].startswith(SET_UP)
    entry = AuditEntry.objects.get(action="accounts.staff_made")
    assert (entry.actor_id, entry.subject_id) == (None, str(user.id))
    assert entry.after == {"roles": [], "is_superuser": True}


def test_roles_are_those_that_were_named(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = new_handle()
    create_admin(monkeypatch, "--handle", handle, "--name", "Kim", "--role", "support", "--role", "moderator")
    assert set(user_of(handle).groups.values_list("name", flat=True)) == {"support", "moderator"}
    create_admin(monkeypatch, "--handle", handle, "--role", "finance", password="")
    assert set(user_of(handle).groups.values_list("name", flat=True)) == {"finance"}
    assert not user_of(handle).is_superuser


def test_somebody_who_has_an_account_keeps_it_and_their_password(monkeypatch: pytest.MonkeyPatch) -> None:
    ada = person(handle=new_handle(), password="correct horse battery")
    before = user_of(ada.handle or "").password
    said = create_admin(monkeypatch, "--handle", ada.handle or "", "--role", "support", password="")
    assert "is staff now: support." in said
    assert user_of(ada.handle or "").password == before
    # A new one signs them out everywhere.
    create_admin(monkeypatch, "--handle", ada.handle or "", "--role", "support", password="noch ein langes Kennwort")
    assert not Device.objects.filter(user_id=ada.id, revoked_at=None).exists()


@pytest.mark.parametrize("password", ["", "kurz", "1234567890", "password123"])
def test_weak_password_makes_nobody(password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    handle = new_handle()
    with pytest.raises(CommandError) as refused:
        create_admin(monkeypatch, "--handle", handle, "--name", "Kim", "--superuser", password=password)
    assert not password or password not in str(refused.value)
    assert not User.objects.filter(handle=handle).exists()


@pytest.mark.parametrize("arguments", [(), ("--handle", "kim_kim"), ("--handle", "kim_kim", "--role", "king")])
def test_what_is_missing_is_said_where_nobody_can_be_asked(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CommandError):
        create_admin(monkeypatch, *arguments)
    assert not User.objects.exists()


@pytest.mark.parametrize("handle", ["admin", "root", "X", "no spaces", "é", "a" * 21])
def test_handle_that_cannot_be_makes_nobody(handle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError):
        create_admin(monkeypatch, "--handle", handle, "--name", "Kim", "--superuser")
    assert not User.objects.exists()


def test_questions_are_asked_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    handle = new_handle()
    answers = iter([handle, "support, superuser", "Kim"])
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("builtins.input", lambda question: next(answers))
    monkeypatch.setattr("getpass.getpass", lambda question: PASSWORD)
    said = io.StringIO()
    call_command("create_admin", stdout=said)
    assert "superuser, support" in said.getvalue()
    assert user_of(handle).is_superuser


def test_second_factor_that_was_lost_is_set_up_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    user = staff("support")
    client = signed_in(user)
    create_admin(monkeypatch, "--handle", user.handle or "", "--reset-second-factor")
    assert not Authenticator.objects.filter(user_id=user.id).exists()
    assert client.get(home())["Location"].startswith(SET_UP)


def test_whoever_leaves_is_out_at_once_and_keeps_their_account(monkeypatch: pytest.MonkeyPatch) -> None:
    user = staff("support", is_superuser=True)
    client = signed_in(user)
    create_admin(monkeypatch, "--handle", user.handle or "", "--remove")
    assert client.get(home()).status_code == 404
    left = User.objects.get(id=user.id)
    assert (left.is_active, left.is_staff, left.is_superuser, left.groups.count()) == (True, False, False, 0)
    with pytest.raises(CommandError):
        create_admin(monkeypatch, "--handle", user.handle or "", "--remove")


def test_deployment_check_finds_people_of_the_demo() -> None:
    def found() -> list[Any]:
        return nobody_is_of_the_demo(None, databases=["default"])

    ada = person()
    assert found() == []
    User.objects.filter(id=ada.id).update(is_demo=True)
    assert [message.id for message in found()] == ["superapp.accounts.E001"]
