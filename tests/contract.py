"""Holds every frame that a test sees to docs/asyncapi.yaml, in both directions.

What a client sent and the server obeyed must be as the file says, and so must everything that the server sends. Here
nothing may stand beside what the file names, although clients ignore it. Types that begin with ``test.`` are the tests'
own. What broke is kept until the end of the test (``tests/conftest.py``), because a frame is read in some task.
"""

import contextlib
import functools
import json
from collections.abc import Iterator
from typing import Any
from unittest import mock

import jsonschema_rs
import yaml

from superapp.client.socket import Socket as ClientSocket
from superapp.localdev import places

Json = dict[str, Any]
FILE = places.CLONE / "docs" / "asyncapi.yaml"
OWN_TO_TESTS = "test."

#: Names of the file's messages that have been seen, and what was wrong with those that were not as it says.
seen: set[str] = set()
broken: list[str] = []


@functools.cache
def described() -> Json:
    found: Json = yaml.load(FILE.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return found


def messages() -> Json:
    found: Json = described()["components"]["messages"]
    return found


class Conversation:
    """What is said on one connection: answers are held to what was asked."""

    def __init__(self) -> None:
        self._asked: dict[str, Json] = {}

    def sent(self, text: str | bytes) -> None:
        with contextlib.suppress(ValueError, RecursionError):
            frame = json.loads(text)
            # Anything else the server refuses, or it answers without a ref.
            if isinstance(frame, dict) and isinstance(frame.get("type"), str) and isinstance(frame.get("ref"), str):
                self._asked[frame["ref"]] = frame

    def received(self, frame: Json) -> None:
        frame_type = str(frame.get("type"))
        if frame_type in {"hello", "reply", "pong", "error"}:
            self._answered(frame, frame_type)
        elif not frame_type.startswith(OWN_TO_TESTS):
            _hold(frame_type, frame)

    def _answered(self, frame: Json, frame_type: str) -> None:
        asked = self._asked.get(frame.get("ref") or "")
        if asked is None:
            # It was asked without a ref, or past this object: some answer of this kind it must be.
            if not any(_validator(name).is_valid(frame) for name in _answers(frame_type)):
                broken.append(f"no answer in {FILE.name} looks like {frame}")
            return
        command = asked["type"]
        if command.startswith(OWN_TO_TESTS):
            return
        if f"{command}.ask" not in messages():
            # Only a refusal can answer what is not in the file.
            _hold("error", frame)
            return
        name = f"{command}.{frame_type}" if frame_type in {"reply", "error"} else frame_type
        _hold(name, frame)
        if frame_type != "error":
            _hold(f"{command}.ask", asked)


def _hold(name: str, frame: Json) -> None:
    if name not in messages():
        broken.append(f"{name} is not in {FILE.name}: {frame}")
        return
    seen.add(name)
    try:
        _validator(name).validate(frame)
    except jsonschema_rs.ValidationError as error:
        broken.append(f"{name}: {error.message} at {list(error.instance_path)} of {frame}"[:2000])


@functools.cache
def _answers(frame_type: str) -> list[str]:
    return [name for name in messages() if name == frame_type or name.endswith(f".{frame_type}")]


@functools.cache
def _validator(name: str) -> Any:
    # A client may add keys to a frame of its own; in a payload a command refuses them, and the file says so.
    found = described() if name.endswith(".ask") else _closed(described())
    schema = {"$ref": f"#/components/messages/{name}/payload", "components": found["components"]}
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def _closed(value: Any) -> Any:
    """The same schemas, in which objects have what is named and nothing else."""
    if isinstance(value, list):
        return [_closed(part) for part in value]
    if not isinstance(value, dict):
        return value
    closed = {key: _closed(part) for key, part in value.items()}
    if value.get("type") == "object" and "properties" in value:
        closed.setdefault("additionalProperties", False)
    return closed


@contextlib.contextmanager
def listening_to_clients() -> Iterator[None]:
    """What ``superapp.client`` says and hears in this process. Nothing about it changes: it is only overheard."""
    take, send = ClientSocket._take, ClientSocket._send

    def conversation(socket: ClientSocket) -> Conversation:
        found: Conversation = vars(socket).setdefault("overheard", Conversation())
        return found

    def overhear(self: ClientSocket, frame: Any) -> None:
        conversation(self).received(frame)
        take(self, frame)

    async def overhear_sent(self: ClientSocket, ref: str, frame_type: str, payload: Json) -> None:
        conversation(self).sent(json.dumps({"ref": ref, "type": frame_type, "payload": payload}))
        await send(self, ref, frame_type, payload)

    with mock.patch.object(ClientSocket, "_take", overhear), mock.patch.object(ClientSocket, "_send", overhear_sent):
        yield
