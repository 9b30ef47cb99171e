"""What every endpoint does for its handlers: read, refuse, show, and nothing undeclared."""

import json
import logging
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django import Settings

from superapp.core.api.fields import rfc3339
from tests.accounts.people import Caller, person
from tests.core import endpoints

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.core.endpoints")]
ERROR_KEYS = {"code", "message", "details"}


@pytest.fixture(autouse=True)
def _nothing_seen() -> Iterator[None]:
    endpoints.seen.clear()
    yield
    endpoints.seen.clear()


def refused(response: Any, status: int, code: str) -> dict[str, Any]:
    """The details of the refusal; no handler saw the request."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/json"
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == ERROR_KEYS
    assert body["error"]["code"] == code
    assert body["error"]["message"]
    assert endpoints.seen == []
    return body["error"]["details"]


# --- Input ------------------------------------------------------------------------------------------------------------


def test_declared_input_reaches_the_handler_as_python_values() -> None:
    key = uuid.uuid4()
    body = {"text": " é ", "number": -10, "flag": False, "id": "12", "key": str(key), "inner": {"colour": "red"}}
    response = Caller().call("POST", "/echo/", body)
    assert response.status_code == 201
    assert endpoints.seen == [
        {"text": "é", "number": -10, "flag": False, "id": 12, "key": key, "inner": {"colour": "red"}}
    ]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"colour": "red"}, {"colour"}),
        ({"text": "a", "Text": "b", "": 1}, {"", "Text"}),
        ({"inner": {"colour": "red", "size": 1}}, {"inner"}),
        ({"inner": []}, {"inner"}),
        ({"inner": None}, {"inner"}),
        ({"text": 1}, {"text"}),
        ({"text": True}, {"text"}),
        ({"text": ["a"]}, {"text"}),
        ({"text": None}, {"text"}),
        ({"text": ""}, {"text"}),
        ({"text": "a\x00b"}, {"text"}),
        ({"text": "x" * 101}, {"text"}),
        ({"texts": ["a", 1]}, {"texts"}),
        ({"number": "1"}, {"number"}),
        ({"number": 1.0}, {"number"}),
        ({"number": True}, {"number"}),
        ({"number": 11}, {"number"}),
        ({"number": 10**4000}, {"number"}),
        ({"flag": 1}, {"flag"}),
        ({"flag": "true"}, {"flag"}),
        ({"flag": None}, {"flag"}),
        ({"id": 12}, {"id"}),
        ({"id": ""}, {"id"}),
        ({"id": "-1"}, {"id"}),
        ({"id": "1e3"}, {"id"}),
        ({"id": " 1"}, {"id"}),
        ({"id": "٣"}, {"id"}),
        ({"id": str(2**63)}, {"id"}),
        ({"id": "0" * 20}, {"id"}),
        ({"key": "12345678123456781234567812345678"}, {"key"}),
        ({"key": "not a uuid, but as long as one is it"}, {"key"}),
        ({"key": 5}, {"key"}),
    ],
)
def test_input_of_the_wrong_shape_names_its_fields(body: dict[str, Any], fields: set[str]) -> None:
    details = refused(Caller().call("POST", "/echo/", body), 400, "invalid_input")
    assert set(details["fields"]) == fields


@pytest.mark.parametrize("body", [[], [{"text": "a"}], "text", 5, True])
def test_body_that_is_no_object_is_refused(body: Any) -> None:
    refused(Caller().generic("POST", "/echo/", json.dumps(body), content_type="application/json"), 400, "invalid_input")


def test_null_as_a_body_is_refused() -> None:
    refused(Caller().generic("POST", "/echo/", "null", content_type="application/json"), 400, "invalid_input")


def test_largest_id_is_taken() -> None:
    assert Caller().call("POST", "/echo/", {"id": str(2**63 - 1)}).status_code == 201
    assert endpoints.seen == [{"id": 2**63 - 1}]


def test_absent_body_reads_as_an_empty_object() -> None:
    assert Caller().call("POST", "/echo/").status_code == 201
    assert endpoints.seen == [{}]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"text": "a", "text": "b"}',
        b'{"number": NaN}',
        b'{"number": 1e400}',
        b'{"texts": ["\\ud800"]}',
        b'{"text": "\xff"}',
        b'{"inner":' * 21 + b"1" + b"}" * 21,
        b"[" * 100_000,
        b'{"number": ' + b"1" * 5_000 + b"}",
    ],
)
def test_body_that_cannot_be_read_in_one_way_only_is_malformed(body: bytes) -> None:
    response = Caller().generic("POST", "/echo/", body, content_type="application/json")
    assert refused(response, 400, "malformed_body")["reason"]


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "json"]
)
def test_other_content_types_are_refused(content_type: str) -> None:
    response = Caller().generic("POST", "/echo/", b'{"text": "a"}', content_type=content_type)
    refused(response, 415, "unsupported_media_type")


def test_charset_of_the_content_type_does_not_matter() -> None:
    response = Caller().generic("POST", "/echo/", b'{"text": "a"}', content_type="application/json; charset=UTF-8")
    assert response.status_code == 201


class Unreadable:
    """A body that fails the test when it is touched."""

    def read(self, *_: int) -> bytes:
        raise AssertionError("the body was read")

    readline = read


def test_body_that_is_too_large_is_refused_before_it_is_read(settings: Settings) -> None:
    environ: dict[str, Any] = {
        "wsgi.input": Unreadable(),
        "CONTENT_LENGTH": str(256 * 1024 + 1),
        "CONTENT_TYPE": "application/json",
    }
    details = refused(Caller().generic("POST", "/echo/", **environ), 413, "body_too_large")
    assert details == {"max_bytes": 256 * 1024}


def test_body_of_the_largest_size_is_read() -> None:
    body = b'{"text": "a"}'.ljust(256 * 1024)
    assert Caller().generic("POST", "/echo/", body, content_type="application/json").status_code == 201


def test_content_length_that_is_no_number_is_refused() -> None:
    environ = {"CONTENT_LENGTH": "many", "CONTENT_TYPE": "application/json"}
    refused(Caller().generic("POST", "/echo/", **environ), 400, "malformed_body")


class Interrupted:
    """A client that hangs up in the middle."""

    def read(self, *_: int) -> bytes:
        raise OSError("connection reset")

    readline = read


def test_client_that_hangs_up_while_it_sends_is_no_failure_of_ours() -> None:
    environ: dict[str, Any] = {
        "wsgi.input": Interrupted(),
        "CONTENT_LENGTH": "20",
        "CONTENT_TYPE": "application/json",
    }
    refused(Caller().generic("POST", "/echo/", **environ), 400, "malformed_body")


FORM = "multipart/form-data; boundary=x"


def form(**fields: bytes) -> bytes:
    parts = []
    for name, content in fields.items():
        file = b'; filename="a"' if name.startswith("file") else b""
        parts.append(b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n' % (name.encode(), file) + content)
    return b"\r\n".join([*parts, b"--x--\r\n"])


def test_form_reaches_the_handler() -> None:
    body = form(purpose=b"avatar", file=b"content")
    assert Caller().generic("POST", "/upload/", body, content_type=FORM).status_code == 204
    assert endpoints.seen == [("avatar", b"content")]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (form(purpose=b"avatar"), FORM, 400, "invalid_input"),
        (form(purpose=b"avatar", file=b"x", colour=b"red"), FORM, 400, "invalid_input"),
        (form(purpose=b"avatar", file=b"x", file2=b"x"), FORM, 400, "invalid_input"),
        (form(purpose=b"avatar", file=b"x", file2=b"x", file3=b"x"), FORM, 400, "malformed_body"),
        (form(**{f"field{number}": b"" for number in range(51)}), FORM, 400, "malformed_body"),
        (form(purpose=b"avatar", file=b"x"), "multipart/form-data", 400, "malformed_body"),
        (form(purpose=b"avatar", file=b"x"), "multipart/form-data; boundary=é", 400, "malformed_body"),
        (b'{"purpose": "avatar"}', "application/json", 415, "unsupported_media_type"),
        (b"purpose=avatar", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b"garbage", FORM, 400, "invalid_input"),
    ],
)
def test_form_of_another_shape_is_refused(body: bytes, content_type: str, status: int, code: str) -> None:
    refused(Caller().generic("POST", "/upload/", body, content_type=content_type), status, code)


def test_form_that_is_too_large_is_refused_before_it_is_read() -> None:
    environ: dict[str, Any] = {"wsgi.input": Unreadable(), "CONTENT_LENGTH": str(10**9), "CONTENT_TYPE": FORM}
    assert refused(Caller().generic("POST", "/upload/", **environ), 413, "body_too_large") == {"max_bytes": 1000}


def test_client_that_hangs_up_while_it_uploads_is_no_failure_of_ours() -> None:
    environ: dict[str, Any] = {"wsgi.input": Interrupted(), "CONTENT_LENGTH": "100", "CONTENT_TYPE": FORM}
    refused(Caller().generic("POST", "/upload/", **environ), 400, "malformed_body")


def test_query_is_checked_like_a_body() -> None:
    assert Caller().get("/asked/", {"colour": "red"}).json() == {"results": [{"said": "red"}]}
    assert Caller().get("/asked/").json() == {"results": []}
    details = refused(Caller().get("/asked/", {"color": "red"}), 400, "invalid_input")
    assert set(details["fields"]) == {"color"}
    refused(Caller().get("/asked/", {"colour": "a\x00"}), 400, "invalid_input")


# --- Methods, addresses and people ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_method_that_is_not_declared_is_refused_with_those_that_are(method: str) -> None:
    response = Caller().generic(method, "/echo/")
    refused(response, 405, "method_not_allowed")
    assert response["Allow"] == "GET, POST, DELETE, HEAD"


def test_wrong_method_is_told_before_who_may_use_it() -> None:
    response = Caller().generic("DELETE", "/private/")
    refused(response, 405, "method_not_allowed")
    assert response["Allow"] == "GET, POST, HEAD"


@pytest.mark.parametrize("path", ["/", "/nothing/", "/echo", "/echo/x/", "/é/", "/%00/", "/api/v1/"])
def test_unknown_address_is_answered_in_json(path: str) -> None:
    response = Caller().get(path)
    refused(response, 404, "not_found")
    assert response["X-Request-ID"]


def tokens_that_open_nothing() -> list[str]:
    someone = person()
    access, refresh = someone.session.access.text, someone.session.refresh.text
    return [
        "",
        "Bearer",
        "Bearer ",
        f"Basic {access}",
        access,
        f"Bearer {refresh}",
        f"Bearer {access}x",
        f"Bearer {access[:-1]}",
        f"Bearer {access} {access}",
        f"Bearer access.{someone.id + 1}.{access.rpartition('.')[2]}",
        "Bearer access.99999999999999999999.x",
        "Bearer access.-1.x",
        "Bearer access.1.\xe9",
        "Bearer " + "x" * 5_000,
        "Bearer access.1.x.y",
    ]


def test_nobody_gets_in_without_a_living_access_token() -> None:
    for header in tokens_that_open_nothing():
        response = Caller().get("/private/", HTTP_AUTHORIZATION=header)
        refused(response, 401, "unauthenticated")
        assert response["WWW-Authenticate"] == "Bearer", header


def test_access_token_names_person_and_device() -> None:
    someone = person()
    assert someone.api.get("/private/").json() == {"said": f"{someone.id} {someone.device_id}"}
    for scheme in ("bearer", "BEARER"):
        header = f"{scheme} {someone.session.access.text}"
        assert Caller().get("/private/", HTTP_AUTHORIZATION=header).status_code == 200


def test_stranger_is_refused_before_the_body_is_read() -> None:
    environ: dict[str, Any] = {"wsgi.input": Unreadable(), "CONTENT_LENGTH": "10", "CONTENT_TYPE": "application/json"}
    refused(Caller().generic("POST", "/private/", **environ), 401, "unauthenticated")


def test_public_endpoint_does_not_look_at_tokens() -> None:
    assert Caller().get("/echo/", HTTP_AUTHORIZATION="Bearer nonsense").status_code == 200


# --- Answers ----------------------------------------------------------------------------------------------------------


def test_operation_without_output_answers_with_nothing() -> None:
    response = Caller().generic("DELETE", "/echo/")
    assert (response.status_code, response.content) == (204, b"")


@pytest.mark.parametrize("path", ["/echo/", "/private/", "/refusing/declared/", "/refusing/broken/", "/once/"])
def test_answers_are_not_cached(path: str) -> None:
    assert Caller().get(path)["Cache-Control"] == "no-store"


def test_endpoint_may_say_itself_what_may_be_cached() -> None:
    assert Caller().get("/refusing/own-headers/")["Cache-Control"] == "max-age=5"


def test_refusal_has_its_status_code_and_details() -> None:
    details = refused(Caller().get("/refusing/declared/"), 409, "conflict")
    assert details == {"colour": "red"}


def test_refusal_that_passes_says_when_to_come_back() -> None:
    response = Caller().get("/refusing/wait/")
    assert refused(response, 429, "too_many_requests") == {"retry_after_seconds": 3}
    assert response["Retry-After"] == "3"


def test_undeclared_refusal_fails_in_tests() -> None:
    refused(Caller().get("/refusing/undeclared/"), 500, "internal")


def test_undeclared_refusal_is_still_an_answer_in_production(settings: Settings) -> None:
    settings.API_STRICT_DECLARATIONS = False
    assert refused(Caller().get("/refusing/undeclared/"), 404, "not_found") == {"colour": "red"}


@pytest.mark.parametrize("path", ["/refusing/broken/", "/broken-page/"])
def test_broken_handler_tells_the_id_to_find_its_log_by_and_nothing_else(path: str) -> None:
    response = Caller().get(path)
    details = refused(response, 500, "internal")
    assert details == {"request_id": response["X-Request-ID"]}
    assert b"hunter2" not in response.content


def test_every_answer_has_a_request_id_of_its_own() -> None:
    ids = [Caller().get(path)["X-Request-ID"] for path in ("/echo/", "/echo/", "/nothing/", "/refusing/broken/")]
    assert len(set(ids)) == 4
    assert all(uuid.UUID(text) for text in ids)


def test_request_id_is_ours_whatever_the_client_sends() -> None:
    theirs = str(uuid.uuid4())
    assert Caller().get("/echo/", HTTP_X_REQUEST_ID=theirs)["X-Request-ID"] != theirs


def test_statement_that_takes_too_long_is_an_outage_to_wait_for(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        response = Caller().get("/refusing/slow/")
    assert refused(response, 503, "unavailable") == {"retry_after_seconds": 2}
    assert response["Retry-After"] == "2"


# --- Keys of requests that may be repeated ----------------------------------------------------------------------------


def test_missing_idempotency_key_is_explained() -> None:
    details = refused(Caller().call("POST", "/once/"), 400, "invalid_input")
    assert list(details["fields"]) == ["Idempotency-Key"]


@pytest.mark.parametrize("key", ["", "1", "x" * 36, "12345678-1234-1234-1234-1234567890", "\xe9"])
def test_idempotency_key_that_is_no_uuid_is_refused(key: str) -> None:
    details = refused(Caller().call("POST", "/once/", HTTP_IDEMPOTENCY_KEY=key), 400, "invalid_input")
    assert details == {"fields": {"Idempotency-Key": ["The Idempotency-Key header must be a UUID."]}}


def test_first_answer_and_replay_differ_in_one_header_only() -> None:
    key = str(uuid.uuid4())
    first = Caller().call("POST", "/once/", HTTP_IDEMPOTENCY_KEY=key)
    again = Caller().call("POST", "/once/?again=yes", HTTP_IDEMPOTENCY_KEY=key.upper())
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert first.json() == {"said": key}
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"


# --- Addresses of clients ---------------------------------------------------------------------------------------------

FORWARDED = {
    "HTTP_X_FORWARDED_FOR": "203.0.113.9",
    "HTTP_X_REAL_IP": "203.0.113.9",
    "HTTP_FORWARDED": "for=203.0.113.9",
}


def test_forwarding_headers_mean_nothing_without_a_trusted_proxy() -> None:
    assert Caller().get("/echo/", REMOTE_ADDR="192.0.2.1", **FORWARDED).json() == {"said": "192.0.2.1"}


@pytest.mark.parametrize(
    ("peer", "said"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", "unknown"),
        ("somewhere", "unknown"),
    ],
)
def test_of_ipv6_the_line_counts_and_not_one_of_its_addresses(peer: str, said: str) -> None:
    assert Caller().get("/echo/", REMOTE_ADDR=peer).json() == {"said": said}


def test_head_is_get_without_its_body() -> None:
    response = Caller().head("/echo/", REMOTE_ADDR="192.0.2.1")
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


def test_body_of_unknown_length_is_not_ignored_in_silence() -> None:
    refused(Caller().post("/echo/", HTTP_TRANSFER_ENCODING="chunked", CONTENT_LENGTH=""), 400, "malformed_body")


def test_trusted_proxy_says_who_its_client_is(settings: Settings) -> None:
    settings.CLIENT_ADDRESS_HEADER = "X-Real-IP"
    assert Caller().get("/echo/", REMOTE_ADDR="192.0.2.1", **FORWARDED).json() == {"said": "203.0.113.9"}
    assert Caller().get("/echo/", REMOTE_ADDR="192.0.2.1").json() == {"said": "unknown"}


def test_of_a_chain_only_the_hop_that_the_proxy_saw_counts(settings: Settings) -> None:
    """A proxy that appends leaves what the client wrote in front of it."""
    settings.CLIENT_ADDRESS_HEADER = "X-Forwarded-For"
    for claimed in ("198.51.100.1", "198.51.100.2, 198.51.100.3"):
        response = Caller().get("/echo/", HTTP_X_FORWARDED_FOR=f"{claimed}, 203.0.113.9")
        assert response.json() == {"said": "203.0.113.9"}


def test_times_sort_as_text() -> None:
    moments = [datetime(2026, 7, 1, 11, 59, 59, 999_999, tzinfo=UTC), datetime(2026, 7, 1, 12, 0, tzinfo=UTC)]
    assert [rfc3339(moment) for moment in moments] == ["2026-07-01T11:59:59.999999Z", "2026-07-01T12:00:00.000000Z"]
