"""Whatever opens something is long enough to be unguessable, and afterwards stands in no table, address or log.

A real server with every log turned on, all ways in and out, then a search for each secret that somebody was given.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.db import connection
from websockets.sync.client import connect

from superapp.accounts import services
from superapp.localdev import programs
from tests.accounts.people import new_handle, new_phone
from tests.accounts.provider_fakes import SECRET, SignedFake, running
from tests.processes import Gateway, Web

PASSWORD, NEW_PASSWORD = "correct horse battery 61", "another horse entirely 62"
DEVICE = {"name": "Phone", "platform": "ios"}
#: Half of what opens something: random, worth nothing without the code, and found by it in its table.
HALVES = {"challenge"}


class Talkative(Web):
    """With an access log, as a proxy in front would write one, and everything that the server has to say."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> programs.Command:
        return [*super().command(), "--access-log", "--log-level", "debug"]


class Notebook:
    """A client that writes down every secret it is given or gives."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/api/v1/", trust_env=False, timeout=20)
        self.secrets: dict[str, str] = {}
        self.statuses: list[int] = []

    def call(self, method: str, path: str, token: str = "", **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.note(body)
        response = self._http.request(method, path, json=body or None, headers=headers)
        self.statuses.append(response.status_code)
        answer = response.json() if response.content else {}
        self.note(answer)
        # What an answer repeats of a request that was refused is another way out.
        assert response.is_success or not self.found_in(response.text)
        return answer

    def note(self, fields: dict[str, Any]) -> None:
        for name, value in fields.items():
            if name.endswith(("token", "password", "challenge", "code", "ticket")) and isinstance(value, str):
                self.secrets[value] = name

    def found_in(self, text: str, *, but: frozenset[str] | set[str] = frozenset()) -> list[str]:
        """The names of those that stand in the text. Six digits may be part of a time or an id."""
        found = []
        for secret, name in self.secrets.items():
            if name in but:
                continue
            pattern = rf"(?<![\d.]){secret}(?!\d)" if secret.isdigit() else re.escape(secret)
            # Also without what says whose it is.
            parts = [pattern, re.escape(secret.rpartition(".")[2])] if secret.count(".") == 2 else [pattern]
            found += [name for part in parts if re.search(part, text)]
        return found


@pytest.fixture(scope="module")
def codes() -> Iterator[SignedFake]:
    with running(SignedFake()) as fake:
        yield fake  # type: ignore[misc]


@pytest.fixture(scope="module")
def server(committed_db: Any, codes: SignedFake) -> Iterator[Talkative]:
    settings = {
        "SIGN_IN_CODE_PROVIDER": "superapp.accounts.code_providers.signed_http.SignedHttp",
        "SIGN_IN_CODE_URL": f"{codes.url}/codes",
        "SIGN_IN_CODE_SECRET": SECRET,
        "REDIS_TIMEOUT_SECONDS": 20,
        "LOG_FORMAT": "json",
    }
    with Talkative(committed_db, settings=settings) as running_server:
        yield running_server


@pytest.fixture(scope="module")
def gateway(committed_db: Any) -> Iterator[Gateway]:
    with Gateway(committed_db) as running_gateway:
        yield running_gateway


@pytest.fixture(scope="module")
def notebook(server: Talkative, gateway: Gateway, codes: SignedFake) -> Notebook:
    """All ways in and out have been gone, also the wrong ones."""
    notes = Notebook(server.url)
    phone, new, handle = new_phone(), new_phone(), new_handle()

    def code(number: str, challenge: str) -> dict[str, str]:
        return {"challenge": challenge, "code": codes.codes[number]}

    # By a code, guessed wrongly first.
    challenge = notes.call("POST", "auth/codes/", phone=phone)["challenge"]
    notes.call("POST", "auth/sign-in/code/", challenge=challenge, code="wrong!", device=DEVICE)
    session = notes.call("POST", "auth/sign-in/code/", **code(phone, challenge), device=DEVICE)
    mine = session["access_token"]
    notes.call("PATCH", "me/", mine, handle=handle)
    notes.call("PUT", "me/password/", mine, new_password=PASSWORD)
    # By a password, on a device that was here before; and with keys that nobody knows.
    known = {"recognition_token": session["recognition_token"], "device": DEVICE}
    notes.call("POST", "auth/sign-in/password/", identifier=handle, password="wrong horse battery 63", **known)
    other = notes.call("POST", "auth/sign-in/password/", identifier=handle, password=PASSWORD, **known)
    notes.call("POST", "auth/sign-in/password/", identifier=handle, password=PASSWORD, surplus_token="x" * 43, **known)
    # A refresh, and one that comes back.
    fresh = notes.call("POST", "auth/refresh/", refresh_token=other["refresh_token"])
    notes.call("POST", "auth/refresh/", refresh_token=other["refresh_token"])
    notes.call("GET", "me/", fresh["access_token"])
    # The socket.
    ticket = notes.call("POST", "realtime/tickets/", mine)["ticket"]
    with connect(gateway.ws_url) as socket:
        socket.send(json.dumps({"ref": "1", "type": "auth", "payload": {"ticket": ticket}}))
        assert json.loads(socket.recv(20))["type"] == "hello"
    # Another number, and another password by a code.
    own = notes.call("POST", "me/phone/codes/", mine)["challenge"]
    change = notes.call("POST", "me/phone/changes/", mine, **code(phone, own))["change_token"]
    asked = notes.call("POST", "me/phone/changes/codes/", mine, change_token=change, phone=new)["challenge"]
    notes.call("PUT", "me/phone/", mine, change_token=change, **code(new, asked))
    challenge = notes.call("POST", "auth/codes/", phone=new)["challenge"]
    notes.call("PUT", "me/password/", mine, new_password=NEW_PASSWORD, **code(new, challenge))
    notes.call("POST", "auth/sign-out/", mine)
    services.forget_expired()
    return notes


def test_all_ways_were_gone(notebook: Notebook) -> None:
    assert notebook.statuses == [
        *(201, 422, 201, 200, 204),
        *(401, 201, 400),
        *(200, 401, 401),
        201,
        *(201, 201, 201, 200, 201, 204, 204),
    ]
    names = set(notebook.secrets.values())
    assert names > {"access_token", "refresh_token", "recognition_token", "change_token", "ticket", "challenge", "code"}


def test_whatever_grants_access_has_at_least_128_random_bits(notebook: Notebook) -> None:
    for secret, name in notebook.secrets.items():
        if name.endswith(("token", "challenge", "ticket")) and name != "surplus_token":
            # Six bits in each letter of base64.
            assert len(secret.rpartition(".")[2]) * 6 >= 128, name
            assert re.fullmatch(r"[\w.-]+", secret), name


def test_no_table_holds_a_secret(notebook: Notebook) -> None:
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        for table in tables:
            cursor.execute(f'SELECT string_agg(t::text, chr(10)) FROM "{table}" AS t')
            (rows,) = cursor.fetchone()
            assert notebook.found_in(rows or "", but=HALVES) == [], table
    assert {"accounts_device", "accounts_refresh_token", "accounts_known_device", "core_outbox"} <= set(tables)


def test_no_log_holds_a_secret_or_half_of_one(server: Talkative, gateway: Gateway, notebook: Notebook) -> None:
    log = server.log.read_text()
    assert "POST /api/v1/auth/sign-in/password/ HTTP/1.1" in log
    assert "request_finished" in log
    assert notebook.found_in(log) == []
    assert notebook.found_in(gateway.log.read_text()) == []


def test_search_finds_what_it_looks_for(notebook: Notebook) -> None:
    """Or the tests above would be worth nothing."""
    by_name = {name: secret for secret, name in notebook.secrets.items()}
    assert notebook.found_in(f'(1,"{by_name["code"]}",2)') == ["code"]
    assert "access_token" in notebook.found_in(f"GET /?t={by_name['access_token']} HTTP/1.1")
    assert notebook.found_in(by_name["refresh_token"].rpartition(".")[2]) == ["refresh_token"]
    assert notebook.found_in("12:00:00." + by_name["code"]) == []
