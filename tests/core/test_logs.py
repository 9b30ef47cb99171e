"""Logs of production: one JSON object per line, with the request's id, and nothing secret whoever logs it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CLONE = Path(__file__).resolve().parents[2]
SECRET = "hunter2"

# What a process of production logs in its life, in short.
PROGRAM = f"""
import logging, django
django.setup()
import structlog
from django.test import Client

log = structlog.get_logger("app")
log.info("plain", amount_minor=5, name="é\\n🙂", when=django.VERSION)
log.info("secrets", password="{SECRET}", code="{SECRET}", Token="{SECRET}", AUTHORIZATION="{SECRET}", text="{SECRET}",
         refresh_token="{SECRET}", pin="{SECRET}", harmless="kept")
log.info("nested", request={{"password": "{SECRET}", "device": {{"access_token": "{SECRET}"}}, "name": "kept"}},
         parts=[{{"ticket": "{SECRET}"}}])
log.info("numbers", code=404, pin=1234, text=None)
logging.getLogger("library").warning("two\\nlines %s", "and an argument", extra={{"token": "{SECRET}"}})
log.debug("too fine")

def sign_in(password):
    raise ValueError("first line\\nsecond line")

try:
    sign_in("{SECRET}")
except ValueError:
    log.exception("broke")
    logging.getLogger("library").exception("broke there")

client = Client(raise_request_exception=False, headers={{"Host": "superapp.example"}})
client.get("/nothing/", {{"signature": "{SECRET}"}}, secure=True, headers={{"Authorization": "Bearer {SECRET}"}})
client.get("/healthz", secure=True)
"""


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "superapp.settings.production",
        "ALLOWED_HOSTS": "superapp.example",
        "PUBLIC_ORIGIN": "https://superapp.example",
        "SIGN_IN_CODE_PROVIDER": "somewhere.TextMessages",
        "MEDIA_ROOT": "/nonexistent/media",
        "STATIC_ROOT": "/nonexistent/static",
        "CLIENT_ADDRESS_HEADER": "none",
        "PAYMENT_PIN_PEPPER": "p" * 32,
        "PYTHONWARNINGS": "ignore",
    }
    environment.pop("LOG_FORMAT", None)
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=CLONE, env=environment, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
    assert SECRET not in result.stderr
    return [json.loads(line) for line in result.stderr.splitlines()]


def named(lines: list[dict[str, Any]], event: str) -> dict[str, Any]:
    (line,) = [line for line in lines if line["event"] == event]
    return line


def test_record_is_one_line_with_time_level_and_logger(lines: list[dict[str, Any]]) -> None:
    line = named(lines, "plain")
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "plain",
        "level": "info",
        "logger": "app",
        "amount_minor": 5,
        "name": "é\n🙂",
        "when": [5, 2, line["when"][2], "final", 0],
    }
    assert not [line for line in lines if line["event"] == "too fine"]


def test_secrets_are_redacted_by_name(lines: list[dict[str, Any]]) -> None:
    line = named(lines, "secrets")
    hidden = {"password", "code", "Token", "AUTHORIZATION", "text", "refresh_token", "pin"}
    assert {name for name, value in line.items() if value == "[redacted]"} == hidden
    assert line["harmless"] == "kept"


def test_secrets_are_redacted_however_deep_they_lie(lines: list[dict[str, Any]]) -> None:
    line = named(lines, "nested")
    assert line["request"] == {"password": "[redacted]", "device": {"access_token": "[redacted]"}, "name": "kept"}
    assert line["parts"] == [{"ticket": "[redacted]"}]


def test_of_numbers_only_the_status_is_no_secret(lines: list[dict[str, Any]]) -> None:
    line = named(lines, "numbers")
    assert (line["code"], line["pin"]) == (404, "[redacted]")


def test_what_libraries_log_has_the_same_shape(lines: list[dict[str, Any]]) -> None:
    line = named(lines, "two\nlines and an argument")
    assert (line["level"], line["logger"], line["token"]) == ("warning", "library", "[redacted]")


@pytest.mark.parametrize("event", ["broke", "broke there"])
def test_exception_is_part_of_its_line_and_shows_no_variables(event: str, lines: list[dict[str, Any]]) -> None:
    line = named(lines, event)
    assert line["level"] == "error"
    (raised,) = line["exception"]
    assert (raised["exc_type"], raised["exc_value"]) == ("ValueError", "first line\nsecond line")
    assert raised["frames"][-1]["name"] == "sign_in"


def test_request_has_one_line_with_its_id_and_without_its_query(lines: list[dict[str, Any]]) -> None:
    first, second = [line for line in lines if line["event"] == "request_finished"]
    assert (first["request"], first["code"]) == ("GET /nothing/", 404)
    assert (second["request"], second["code"]) == ("GET /healthz", 200)
    assert first["request_id"]
    assert first["request_id"] != second["request_id"]
    assert "request_id" not in named(lines, "plain")
