"""docs/accounts.md is run as it is printed there, and its table of roles says what the code does."""

import json
import re
from typing import Any

from django.core.management import call_command

from superapp.accounts import registry
from superapp.core.limits import LIMITS
from superapp.localdev import places
from tests.flows.printed import as_printed
from tests.processes import Gateway

PAGE = (places.CLONE / "docs" / "accounts.md").read_text()


def test_lines_of_the_page_do_what_it_says(committed_db: Any) -> None:
    call_command("seed", verbosity=0)
    with Gateway(committed_db) as gateway:
        scanned, joined, refused = map(json.loads, as_printed(PAGE, gateway))
    assert (scanned["kind"], scanned["data"]["roles"]) == ("organisation_invitation", ["cashier"])
    assert (joined["name"], joined["mine"]["roles"]) == (scanned["title"], ["cashier"])
    assert refused["error"]["code"] == "forbidden"


def test_roles_of_the_page_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| (brand|merchant|studio) \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 3
    for kind, roles, managing in rows:
        names = re.sub(r" \([^)]*\)", "", roles).split(", ")
        assert names == [role.name for role in registry.roles.of(kind)]
        assert managing.split(", ") == [role.name for role in registry.roles.of(kind) if role.manages_staff]
        for name, implied in re.findall(r"(\w+) \(is (\w+) as well\)", roles):
            assert registry.roles.rights(kind, [name]) == {name, implied}


def test_limits_of_the_page_are_those_of_the_code() -> None:
    assert LIMITS["accounts.request_organisation.user"].capacity == 5
    assert LIMITS["accounts.invite_staff.organisation"].capacity == 100
    assert "five a day" in PAGE
    assert "a hundred a day" in PAGE
