"""docs/api.md is run as it is printed there, and its tables say what the code does."""

import json
import re

from django.core.management import call_command

from superapp.core import errors
from superapp.core.limits import LIMITS
from superapp.localdev import places
from tests.flows.printed import as_printed
from tests.processes import Gateway

PAGE = (places.CLONE / "docs" / "api.md").read_text()


def test_lines_of_the_page_do_what_it_says(committed_db):
    call_command("seed", verbosity=0)
    with Gateway(committed_db) as gateway:
        me, refused, sent_twice, history, in_french = as_printed(PAGE, gateway)
    assert json.loads(me)["handle"] == "ada"
    assert json.loads(refused)["error"]["code"] == "invalid_input"
    assert list(json.loads(refused)["error"]["details"]["fields"]) == ["dispaly_name"]
    first, second = re.split(r"\n\s*\n(?=HTTP)", sent_twice.strip().replace("\r", ""))
    assert first.splitlines()[0].split()[1] == second.splitlines()[0].split()[1] == "201"
    assert "idempotent-replayed: true" not in first.lower()
    assert "idempotent-replayed: true" in second.lower()
    page = json.loads(history)
    assert len(page["results"]) == 2
    assert [row["body"].get("text") for row in page["results"]].count("Once.") == 1
    assert json.loads(in_french)["error"]["message"] == "Veuillez vous connecter."


def test_table_of_errors_is_complete():
    shared = {
        kind.code: kind.status
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.DomainError) and kind.__module__ == errors.__name__
    }
    rows = re.findall(r"^\| ([\d, ]+) \| [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE)
    said = {code: statuses for statuses, codes in rows for code in re.findall(r"`(\w+)`", codes)}
    for code, status in shared.items():
        if code in said:
            assert str(status) in said[code], code
    assert {"invalid_input", "not_found", "too_many_requests", "unavailable"} <= said.keys() & shared.keys()
    assert said.keys() <= shared.keys()


def test_limits_of_the_page_are_those_of_the_code():
    rows = dict(re.findall(r"^\| ([a-z][^|]+?) \| ([\d /]+) \| [a-z ]+ \|$", PAGE, re.MULTILINE))
    expected = {
        "codes to one phone / from one address": ("accounts.send_code.phone", "accounts.send_code.address"),
        "sign-ins from one address": ("accounts.sign_in.address",),
        "messages of one person / into one conversation": ("messaging.send.user", "messaging.send.conversation"),
        "friend requests": ("messaging.friend_request.user",),
        "uploads": ("media.upload.user",),
        "tickets for sockets": ("realtime.ticket.user",),
    }
    assert rows == {what: " / ".join(str(LIMITS[name].capacity) for name in names) for what, names in expected.items()}
