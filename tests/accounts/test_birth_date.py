"""A birth date is optional, and nobody's affair but its owner's."""

import json
import logging
from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from superapp.accounts.models import User
from superapp.core.models import AuditEntry, OutboxEvent
from tests.accounts.people import PASSWORD, Caller, new_handle, person
from tests.accounts.staffers import home, staff, verified
from tests.messaging.conftest import Wire, wire  # noqa: F401  (a fixture)
from tests.realtime.people import befriend, group
from tests.realtime.people import person as phone

pytestmark = pytest.mark.django_db
ME, BORN = "/api/v1/me/", "1985-02-28"


def set_date(caller: Caller, value: Any) -> Any:
    return caller.call("PATCH", ME, {"birth_date": value})


def years_ago(years: int) -> date:
    today = timezone.now().date()
    return today.replace(year=today.year - years, day=min(today.day, 28))


def test_nobody_has_to_say() -> None:
    assert person().api.get(ME).json()["birth_date"] is None


def test_it_is_set_changed_and_taken_away() -> None:
    ada = person()
    assert set_date(ada.api, BORN).json()["birth_date"] == BORN
    assert ada.api.call("PATCH", ME, {"display_name": "Ada L."}).json()["birth_date"] == BORN
    assert set_date(ada.api, "2000-02-29").json()["birth_date"] == "2000-02-29"
    assert set_date(ada.api, None).json()["birth_date"] is None
    assert User.objects.get(id=ada.id).birth_date is None


@pytest.mark.parametrize(
    "make",
    [lambda: timezone.now().date(), lambda: years_ago(130), lambda: years_ago(18)],
    ids=["today", "130 years ago", "18 years ago"],
)
def test_whoever_may_be_alive_may_be_born(make: Any) -> None:
    assert set_date(person().api, make().isoformat()).status_code == 200


@pytest.mark.parametrize(
    "value",
    [
        lambda: (timezone.now().date() + timedelta(days=1)).isoformat(),
        lambda: (years_ago(131) - timedelta(days=4)).isoformat(),
        lambda: "0001-01-01",
        lambda: "9999-12-31",
        lambda: "2001-02-29",
        lambda: "2001-13-01",
        lambda: "01/02/2001",
        lambda: "2001-02-03T00:00:00Z",
        lambda: "２００１-02-03",
        lambda: "",
        lambda: 20010203,
        lambda: True,
        lambda: ["2001-02-03"],
    ],
)
def test_no_birthday_is_refused_and_changes_nothing(value: Any) -> None:
    ada = person()
    set_date(ada.api, BORN)
    response = set_date(ada.api, value())
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_input")
    assert list(response.json()["error"]["details"]["fields"]) == ["birth_date"]
    assert ada.api.get(ME).json()["birth_date"] == BORN


def test_nobody_else_sees_it(wire: Wire) -> None:  # noqa: F811
    ada, bo = phone("Ada"), phone("Bo")
    direct, together = befriend(ada, bo), group(ada, bo)
    assert set_date(Caller(ada.token), BORN).status_code == 200
    him = Caller(bo.token)
    for path in (
        f"people/{ada.id}/",
        f"people/?handle={ada.handle}",
        "friends/",
        f"friends/{ada.id}/",
        "conversations/",
        f"conversations/{direct}/",
        f"conversations/{together}/members/",
        "friend-requests/",
        "sync/",
    ):
        response = him.get(f"/api/v1/{path}")
        assert response.status_code == 200, path
        assert BORN not in response.content.decode(), path
        assert "birth_date" not in response.content.decode(), path
    pushed = json.dumps(wire.pushes())
    assert "profile.changed" in pushed
    assert BORN not in pushed
    assert "birth_date" not in pushed


def test_staff_do_not_see_it() -> None:
    ada = person(handle=new_handle())
    set_date(ada.api, BORN)
    browser = verified(staff(is_superuser=True))
    for path in ("accounts/user/", f"accounts/user/{ada.id}/change/", f"accounts/user/?q={ada.handle}"):
        page = browser.get(home() + path)
        assert page.status_code == 200, path
        assert ada.handle in page.content.decode()
        assert not any(text in page.content.decode() for text in (BORN, "Feb. 28, 1985", "birth date")), path


def test_it_stands_in_no_log_and_no_other_table(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    ada = person(password=PASSWORD)
    with caplog.at_level(logging.DEBUG):
        set_date(ada.api, BORN)
        set_date(ada.api, "9999-12-31")
    said = caplog.text + "".join(capsys.readouterr())
    assert BORN not in said
    assert "9999-12-31" not in said
    kept = [*OutboxEvent.objects.values_list("event"), *AuditEntry.objects.values_list("before", "after")]
    assert BORN not in json.dumps(kept)
