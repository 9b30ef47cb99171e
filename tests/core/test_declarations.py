"""Promises that hold for the whole code base, checked over everything that is registered."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import translation
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from superapp.core import limits
from superapp.core.api import Operation, schema_view
from superapp.core.errors import DomainError
from tests.accounts.people import Caller
from tests.core.catalogue import ENDPOINTS, OPERATIONS, routes

CLONE = Path(__file__).resolve().parents[2]
ROOMS = ["superapp", "messaging", "payments", "brands", "games", "taxis", "deals"]
RETRY_LATER = {429, 503}


def test_the_walk_finds_the_product() -> None:
    assert "GET /api/v1/me/" in OPERATIONS
    assert "DELETE /api/v1/devices/{device_id}/" in OPERATIONS
    assert len(OPERATIONS) > 30


# --- OpenAPI ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    result: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return result


def test_schema_is_built_without_a_warning(tmp_path: Path) -> None:
    GENERATOR_STATS.reset()
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yaml"))


def test_schema_is_of_the_newest_openapi(schema: dict[str, Any]) -> None:
    assert schema["openapi"] == "3.1.1"


def test_schema_holds_every_operation_and_nothing_else(schema: dict[str, Any]) -> None:
    described = {f"{method.upper()} {path}" for path, methods in schema["paths"].items() for method in methods}
    assert described == set(OPERATIONS)


def test_every_address_of_the_api_is_an_endpoint() -> None:
    assert {path for path, _ in routes() if path.startswith("/api/v1/")} == set(ENDPOINTS)


def test_operations_have_names_of_their_own(schema: dict[str, Any]) -> None:
    names = [operation["operationId"] for methods in schema["paths"].values() for operation in methods.values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", OPERATIONS)
def test_schema_says_what_an_operation_takes_and_answers(name: str, schema: dict[str, Any]) -> None:
    method, _, path = name.partition(" ")
    described, operation = schema["paths"][path][method.lower()], OPERATIONS[name]
    success = operation.status if operation.output or operation.file_type else 204
    refusals = {str(error.status) for error in operation.declared_errors()}
    # An address whose part is no id is nowhere.
    nowhere = {"404"} if "{" in path else set()
    assert set(described["responses"]) == {str(success)} | refusals | nowhere
    for error in operation.declared_errors():
        assert f"`{error.code}`" in described["responses"][str(error.status)]["description"]
    assert ("requestBody" in described) == (operation.input is not None)
    assert described.get("security", []) == ([] if operation.public else [{"bearer": []}])
    assert described["summary"]
    assert described["responses"][str(success)]["description"].endswith(".")
    sent = {status: set(answer.get("headers", {})) for status, answer in described["responses"].items()}
    assert sent[str(success)] == ({"Idempotent-Replayed"} if operation.idempotent else set())
    assert {status for status, names in sent.items() if "Retry-After" in names} == {
        str(error.status) for error in operation.declared_errors() if error.status in RETRY_LATER
    }
    headers = {item["name"] for item in described.get("parameters", []) if item["in"] == "header"}
    assert headers == ({"Idempotency-Key"} if operation.idempotent else set())


def test_schema_is_made_once_for_each_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_view, "_made", {})
    made = []
    monkeypatch.setattr(
        schema_view, "SchemaGenerator", lambda: made.append(translation.get_language()) or SchemaGenerator()
    )
    answers = [Client().get("/api/schema/", HTTP_ACCEPT_LANGUAGE=language) for language in ("en", "fr", "de", "fr")]
    assert made == ["en", "fr"]
    assert {answer["ETag"] for answer in answers} == {answers[0]["ETag"], answers[1]["ETag"]}
    assert answers[0].content == answers[2].content
    assert "Veuillez vous connecter." in answers[1].content.decode()
    assert answers[0].json()["openapi"] == "3.1.1"
    assert "Accept-Language" in answers[0]["Vary"]
    again = Client().get("/api/schema/", HTTP_IF_NONE_MATCH=answers[0]["ETag"])
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/schema/", "/api/docs/"])
def test_documentation_is_public(path: str) -> None:
    assert Caller().get(path).status_code == 200


# --- Endpoints --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_explains_itself(name: str) -> None:
    text = " ".join((OPERATIONS[name].__doc__ or "").split())
    assert text.endswith("."), "a docstring of whole sentences becomes the documentation"
    assert OPERATIONS[name].__doc__ != Operation.__doc__


@pytest.mark.parametrize("path", ENDPOINTS)
def test_endpoint_has_a_handler_for_each_operation_and_an_operation_for_each_handler(path: str) -> None:
    endpoint = ENDPOINTS[path]
    handlers = {name.upper() for name in ("get", "post", "put", "patch", "delete") if hasattr(endpoint, name)}
    assert handlers == set(endpoint.operations) != set()
    # Only a file is called as files are.
    assert path.endswith("/") or all(operation.file_type for operation in endpoint.operations.values())


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_is_declared_in_a_way_that_works(name: str) -> None:
    method, operation = name.partition(" ")[0], OPERATIONS[name]
    assert not (operation.page and operation.many)
    assert operation.input is None or method != "GET"
    # What a form says may stand in the query too; no other body has both.
    assert operation.query is None or operation.input is None or operation.multipart_bytes is not None
    assert operation.multipart_bytes is None or operation.input is not None
    assert 200 <= operation.status < 300
    assert operation.file_type is None or operation.output is None


# --- Errors -----------------------------------------------------------------------------------------------------------


def errors(base: type[DomainError] = DomainError) -> set[type[DomainError]]:
    """Those of the product; tests have some of their own."""
    found = {base} if base.__module__.split(".")[0] in ROOMS else set()
    return found.union(*(errors(child) for child in base.__subclasses__()))


def test_code_belongs_to_one_error() -> None:
    by_code = defaultdict(list)
    for error in errors():
        by_code[error.code].append(error.__qualname__)
    assert {code: names for code, names in by_code.items() if len(names) > 1} == {}


@pytest.mark.parametrize("error", sorted(errors() - {DomainError}, key=str), ids=str)
def test_error_has_code_status_and_sentence_of_its_own(error: type[DomainError]) -> None:
    assert {"code", "message"} <= vars(error).keys()
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", error.code)
    assert error.status in {400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 413, 415, 422, 429, 503}
    assert re.fullmatch(r"[A-Z].*\.", str(error.message))


@pytest.mark.parametrize("error", sorted(errors(), key=str), ids=str)
def test_error_can_be_shown(error: type[DomainError]) -> None:
    shown = error(reason="x").as_json()
    assert set(shown) == {"code", "message", "details"}
    assert shown["details"]["reason"] == "x"


def test_a_code_is_one_error_wherever_it_is_raised() -> None:
    codes = [error.code for error in errors() - {DomainError} if "code" in vars(error)]
    assert {code for code in codes if codes.count(code) > 1} == set()


# --- Limits -----------------------------------------------------------------------------------------------------------


def actions_in_code() -> set[str]:
    pattern = re.compile(r"limits\.take\(\s*action=\"([^\"]+)\"")
    files = [file for room in ROOMS for file in (CLONE / room).rglob("*.py")]
    return {action for file in files for action in pattern.findall(file.read_text())}


def test_every_action_that_is_limited_stands_in_the_table_and_the_other_way_round() -> None:
    assert actions_in_code() == set(limits.LIMITS)


@pytest.mark.parametrize("action", limits.LIMITS)
def test_limit_makes_sense(action: str) -> None:
    limit = limits.LIMITS[action]
    assert limit.capacity >= 1
    assert limit.per_seconds > 0
    assert re.fullmatch(r"[a-z]+\.[a-z_]+\.[a-z]+", action)
