"""Postgres and Redis go away and come back: the answers say so, and the next request is served as if nothing was."""

import io
import json
import threading
from dataclasses import dataclass
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from django.db import connection
from pytest_django import Settings

from superapp.accounts.models import SignInCode
from superapp.core.redis import reset_clients
from superapp.wsgi import application
from tests.accounts.people import PASSWORD, Person, code_for, new_handle, new_phone, person, use_postbox
from tests.conftest import OwnServices
from tests.core.waiting import until


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: Any


def ask(method: str, path: str, body: Any = None, *, token: str = "") -> Answer:
    """Through the WSGI application, which tidies its connections between requests as in a server."""
    content = b"" if body is None else json.dumps(body).encode()
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_LENGTH": str(len(content)),
        "CONTENT_TYPE": "application/json",
        "REMOTE_ADDR": "192.0.2.7",
        "wsgi.input": io.BytesIO(content),
    }
    if token:
        environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    setup_testing_defaults(environ)
    started: list[Any] = []
    chunks = application(environ, lambda status, headers, _=None: started.extend([status, dict(headers)]))
    text = b"".join(chunks)
    chunks.close()
    return Answer(status=int(started[0].split()[0]), headers=started[1], body=json.loads(text) if text else None)


@pytest.fixture(autouse=True)
def _patient(settings: Settings) -> None:
    # What a busy machine needs; and nobody here wants to wait for the circuit.
    settings.REDIS_TIMEOUT_SECONDS = settings.REDIS_PATIENT_TIMEOUT_SECONDS = 20
    settings.REDIS_CIRCUIT_OPEN_SECONDS = 0.05
    reset_clients()


@pytest.fixture
def ada(own_services: OwnServices) -> Person:
    return person(handle=new_handle(), password=PASSWORD)


def me(ada: Person) -> Answer:
    return ask("GET", "/api/v1/me/", token=ada.session.access.text)


def unavailable(answer: Answer) -> None:
    assert answer.status == 503, answer
    assert answer.body["error"]["code"] == "unavailable"
    assert answer.body["error"]["details"] == {"retry_after_seconds": 2}
    assert answer.headers["Retry-After"] == "2"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Request-ID"]


def test_everything_is_well(ada: Person) -> None:
    assert me(ada).status == 200
    answer = ask("GET", "/readyz")
    assert (answer.status, answer.body) == (200, {"status": "ok", "postgres": "ok", "redis": "ok", "ledger": "ok"})
    assert answer.headers["Cache-Control"] == "no-store"
    assert ask("GET", "/healthz").body == {"status": "ok"}


def test_without_postgres_the_process_is_alive_but_not_ready(own_services: OwnServices, ada: Person) -> None:
    postgres = own_services.servers.postgres
    assert postgres is not None
    me(ada)
    postgres.stop()
    try:
        # Twice: with the connection that died, and without any.
        for _ in range(2):
            unavailable(me(ada))
            assert ask("GET", "/healthz").status == 200
            answer = ask("GET", "/readyz")
            assert (answer.status, answer.body["postgres"], answer.body["redis"]) == (503, "away", "ok")
            assert answer.body["status"] == "unavailable"
            assert ask("GET", "/nothing/").status == 404
            assert ask("POST", "/api/v1/auth/refresh/", []).status == 400
    finally:
        postgres.start()
    assert me(ada).status == 200
    assert ask("GET", "/readyz").status == 200


def test_restart_between_two_requests_is_not_noticed(own_services: OwnServices, ada: Person) -> None:
    assert me(ada).status == 200
    own_services.servers.restart_postgres()
    assert me(ada).status == 200


@pytest.mark.urls("tests.core.endpoints")
def test_restart_in_the_middle_of_a_request_is_an_outage_to_wait_for(own_services: OwnServices, ada: Person) -> None:
    answers: list[Answer] = []

    def request() -> None:
        answers.append(ask("GET", "/refusing/asleep/"))
        connection.close()

    def is_asleep() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(4)' AND state = 'active'")
            return cursor.fetchone() is not None

    thread = threading.Thread(target=request)
    thread.start()
    until(is_asleep)
    own_services.servers.restart_postgres()
    thread.join(30)
    unavailable(answers[0])
    assert ask("GET", "/private/", token=ada.session.access.text).status == 200


def test_without_redis_codes_that_were_sent_are_still_counted_and_checked(
    own_services: OwnServices, settings: Settings
) -> None:
    """What is counted in rows of Postgres goes on: the fifth wrong guess is the last, and a right one signs in."""
    use_postbox(settings)
    phones = [new_phone(), new_phone()]
    sent = [ask("POST", "/api/v1/auth/codes/", {"phone": phone}) for phone in phones]
    assert [answer.status for answer in sent] == [201, 201]

    def guess(number: int, code: str) -> int:
        device = {"name": "Phone", "platform": "ios"}
        body = {"challenge": sent[number].body["challenge"], "code": code, "device": device}
        return ask("POST", "/api/v1/auth/sign-in/code/", body).status

    right = [code_for(phone) for phone in phones]
    wrong = f"{(int(right[0]) + 1) % 10**6:06}"
    own_services.servers.stop_redis()
    try:
        assert [guess(0, wrong) for _ in range(6)] == [422] * 5 + [429]
        assert guess(0, right[0]) == 429
        assert guess(1, right[1]) == 201
    finally:
        own_services.servers.start_redis()
    until(lambda: ask("GET", "/readyz").status == 200)


def test_without_redis_people_read_and_sign_in_but_get_no_codes(
    own_services: OwnServices, ada: Person, settings: Settings
) -> None:
    use_postbox(settings)
    phone = new_phone()
    sign_in = {
        "identifier": ada.handle,
        "password": PASSWORD,
        "device": {"name": "Phone", "platform": "ios"},
    }
    own_services.servers.stop_redis()
    try:
        for _ in range(2):
            assert me(ada).status == 200
            unavailable(ask("POST", "/api/v1/auth/codes/", {"phone": phone}))
            answer = ask("GET", "/readyz")
            assert (answer.status, answer.body["postgres"], answer.body["redis"]) == (503, "ok", "away")
        assert ask("POST", "/api/v1/auth/sign-in/password/", sign_in).status == 201
        assert not SignInCode.objects.filter(phone=phone).exists()
    finally:
        own_services.servers.start_redis()
    until(lambda: ask("POST", "/api/v1/auth/codes/", {"phone": phone}).status == 201)
    assert ask("GET", "/readyz").status == 200
