"""Whatever a client sends, the API answers as its schema says: no 500, no status and no shape that it does not declare.

Schemathesis makes requests from the schema, lawful and not; a real gateway process answers them. Every request comes
from a device that has just signed in, because some of them end the session, and names the owner's real things as often
as made-up ones, because most rules stand behind the first look-up.
"""

import json
import random
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import requests
import schemathesis
from django.test import override_settings
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from superapp.core.limits import LIMITS
from tests.core.catalogue import OPERATIONS
from tests.matrix.rows import ROWS, Row
from tests.matrix.world import World, build
from tests.processes import Gateway
from tests.realtime import sockets
from tests.realtime.people import another_device
from tests.sizes import sizes

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
NO_LIMITS = dict.fromkeys(LIMITS, (10000000, 1))
#: JSON that no client library writes, in place of any value of a body.
HOSTILE = [
    "null", "true", "false", "0", "-0", "-1", "1e400", "-1e400", "NaN", "Infinity", "1.5", "9223372036854775808",
    '""', '"1"', '"\\u0000"', '"\\ud800"', '"\\u202e\\u200d"', '"' + "9" * 5000 + '"', "[]", "[[]]", "{}", '{"a": 1}',
    "[" * 30 + "]" * 30, "'x'", "1 2", "",
]  # fmt: skip


def load_schema() -> Any:
    return schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))


@pytest.fixture(scope="module")
def world(committed_db: Any) -> World:
    # A bucket remembers what was taken under narrower limits.
    with override_settings(LIMITS_OVERRIDES=NO_LIMITS):
        return build()


@pytest.fixture(scope="module")
def gateway(committed_db: Any) -> Iterator[Gateway]:
    with sockets.gateway(committed_db, LIMITS_OVERRIDES=NO_LIMITS) as running:
        yield running


@pytest.fixture(scope="module")
def operations(committed_db: Any) -> dict[str, Any]:
    found = {}
    for result in load_schema().get_all_operations():
        operation = result.ok()
        found[f"{operation.method.upper()} {operation.path}"] = operation
    return found


def test_schema_has_every_operation(operations: dict[str, Any]) -> None:
    assert set(operations) == set(OPERATIONS)


@pytest.mark.long
@pytest.mark.parametrize("name", OPERATIONS)
def test_answers_are_as_the_schema_says(name: str, operations: dict[str, Any], world: World, gateway: Gateway) -> None:
    operation = operations[name]
    cases = st.one_of(
        *(operation.as_strategy(generation_mode=mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE))
    )

    @settings(
        max_examples=sizes.fuzz_examples,
        deadline=None,
        derandomize=sizes.fuzz_examples < 50,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, real=st.booleans())
    def ask(case: Any, real: bool) -> None:
        if real:
            for part in case.path_parameters or {}:
                case.path_parameters[part] = str(world.things[part])
        headers = another_device(world.people["owner"]).header
        case.call_and_validate(base_url=gateway.url, headers=headers, checks=CHECKS, timeout=30)

    ask()


@pytest.mark.parametrize("row", [row for row in ROWS if row.body and not row.about], ids=str)
def test_values_of_another_type_are_refused(row: Row, world: World, gateway: Gateway) -> None:
    """400 or, where the value happens to be lawful, what the row says; never a failure of ours."""
    assert row.body is not None
    body = row.body(world)
    method, _, path = row.name.partition(" ")
    things = {**world.things, **row.parts(world)}
    random.seed(row.name)
    for field in body:
        for raw in HOSTILE if sizes.fuzz_examples >= 50 else random.sample(HOSTILE, 8):
            rest = {key: value for key, value in body.items() if key != field}
            text = _json_with(rest, field, raw)
            response = requests.request(
                method,
                gateway.url + path.format(**things),
                data=text.encode("utf-8", "surrogatepass"),
                headers={
                    **another_device(world.people["owner"]).header,
                    "Content-Type": "application/json",
                    "Idempotency-Key": str(uuid4()),
                },
                timeout=30,
            )
            assert response.status_code < 500, (field, raw, response.text)
            is_refused = response.status_code >= 400
            assert is_refused or not response.content or "error" not in response.json(), (field, raw)


def test_key_that_stands_twice_is_refused(world: World, gateway: Gateway) -> None:
    response = requests.patch(
        f"{gateway.url}/api/v1/me/",
        data='{"display_name": "one", "display_name": "two"}',
        headers={**another_device(world.people["owner"]).header, "Content-Type": "application/json"},
        timeout=30,
    )
    assert (response.status_code, response.json()["error"]["code"]) == (400, "malformed_body")


def _json_with(rest: dict[str, Any], field: str, raw: str) -> str:
    inside = json.dumps(rest)[1:-1]
    return f'{{{inside}{", " if inside else ""}"{field}": {raw}}}'
