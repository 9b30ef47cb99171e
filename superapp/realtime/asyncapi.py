"""Every frame of the socket as AsyncAPI 3.0, from the declarations that it runs by: docs/asyncapi.yaml.

Payloads that REST shows too are the components of /api/schema/, made by the same hand.
"""

from collections.abc import Iterable
from typing import Any

import yaml
from django.utils import translation
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry
from drf_spectacular.utils import Direction
from rest_framework.serializers import Serializer

from superapp.core.api import Endpoint
from superapp.core.api.schema import ID_SCHEMA, refuse_unknown_keys
from superapp.core.errors import DomainError, InvalidInput, MalformedBody, NotFound, Unavailable
from superapp.realtime import registry
from superapp.realtime.consumer import MAX_REF, MAX_TOPIC
from superapp.realtime.errors import TicketInvalid, TooManyTopics, UnknownCommand
from superapp.realtime.registry import Push

Json = dict[str, Any]
CHANNEL = "device"
# What any frame may be answered with, besides what its type declares.
COMMON = ("internal", "unavailable")
_TIME = {"type": "string", "format": "date-time"}
_TOPIC = {"type": "string", "maxLength": MAX_TOPIC, "examples": ["conversation:123"]}
_EMPTY: Json = {"type": "object", "maxProperties": 0}
# Notes that drf-spectacular leaves for itself.
_OF_ANOTHER_TOOL = {"x-spec-enum-id"}
_HEADER = """\
# Written by `make asyncapi` from what the rooms register; `make lint` compares.
"""


def as_yaml() -> str:
    """The whole file."""
    with translation.override("en"):
        # Through JSON's types only: what is said lazily is said now.
        return _HEADER + yaml.dump(_plain(described()), sort_keys=False, allow_unicode=True, width=120)


def described() -> Json:
    shapes = _Shapes()
    # Some types are used in both directions, so what is asked has a name of its own.
    asked = {name: _asked(name, payload) for name, payload in _payloads(shapes).items()}
    answers = _answers(shapes)
    own = _own(shapes) | {name: _push(name, shapes) for name in sorted(registry.pushes.types())}
    own["error"] = _error("error", (MalformedBody, UnknownCommand))
    messages = {message["name"]: message for message in asked.values()}
    messages |= {name: message for possible in answers.values() for name, message in possible.items()} | own
    operations = {
        f"take.{name}": _operation("receive", message["name"]) | {"reply": _reply(answers[name])}
        for name, message in asked.items()
    } | {f"send.{name}": _operation("send", name) for name in own}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Superapp: the device socket",
            "version": "1",
            "description": "docs/realtime.md says how to use it. Clients ignore types and keys that they do not know.",
        },
        "defaultContentType": "application/json",
        "channels": {
            CHANNEL: {
                "address": "/ws/",
                "description": "One WebSocket per device; text frames of JSON.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": operations,
        "components": {"messages": messages, "schemas": shapes.components()},
    }


# --- what a client sends ----------------------------------------------------------------------------------------------


def _payloads(shapes: "_Shapes") -> dict[str, Json]:
    """The payloads of everything that a client may send."""
    return {
        "auth": _object({"ticket": {"type": "string"}}),
        "subscribe": _object({"topic": _TOPIC}),
        "unsubscribe": _object({"topic": _TOPIC}),
        "ping": {"type": "object"},
    } | {name: shapes.of(command.input, "request") for name, command in _commands()}


def _asked(name: str, payload: Json) -> Json:
    frame = _object({"ref": _ref(), "type": {"const": name}, "payload": payload})
    frame["required"] = ["type", "payload"] if "required" in payload or "$ref" in payload else ["type"]
    return {"name": f"{name}.ask", "payload": frame}


def _answers(shapes: "_Shapes") -> dict[str, dict[str, Json]]:
    """By what was asked: the messages that may answer it."""
    topic_errors = (InvalidInput, NotFound, TooManyTopics)
    found = {
        # Said later on an open socket it prolongs the sign-in, and the reply is empty.
        "auth": {"hello": _hello(), "auth.reply": _answer("auth", _EMPTY), **_errors("auth", (TicketInvalid,))},
        "subscribe": {"subscribe.reply": _answer("subscribe", _EMPTY), **_errors("subscribe", topic_errors)},
        "unsubscribe": {"unsubscribe.reply": _answer("unsubscribe", _EMPTY)},
        "ping": {"pong": _frame("pong", _EMPTY, ref=True, says="I am here.")},
    }
    for name, command in _commands():
        reply = _answer(name, shapes.of(command.output, "response"))
        found[name] = {f"{name}.reply": reply, **_errors(name, (InvalidInput, *command.errors))}
    return found


def _commands() -> list[tuple[str, registry.Command]]:
    return [(name, registry.commands.find(name)) for name in sorted(registry.commands.types())]


def _answer(asked: str, payload: Json) -> Json:
    return _frame("reply", payload, ref=True, name=f"{asked}.reply")


def _errors(asked: str, refusals: Iterable[type[DomainError]]) -> dict[str, Json]:
    return {f"{asked}.error": _error(f"{asked}.error", refusals)}


def _error(name: str, refusals: Iterable[type[DomainError]]) -> Json:
    possible: set[type[DomainError]] = {Unavailable, *refusals}
    said = sorted(possible, key=lambda refusal: refusal.code)
    error = _object(
        {
            "code": {"type": "string", "enum": sorted({*COMMON, *(refusal.code for refusal in said)})},
            "message": {"type": "string", "description": "A sentence for people."},
            "details": {"type": "object"},
        }
    )
    frame = _object({"ref": {"type": ["string", "null"]}, "type": {"const": "error"}, "error": error})
    lines = [f"`{refusal.code}`: {refusal.message}" for refusal in said]
    return {"name": name, "description": "\n\n".join(lines), "payload": frame}


# --- what the server says by itself -----------------------------------------------------------------------------------


def _hello() -> Json:
    limits = _object(
        {
            "max_frame_bytes": {"type": "integer"},
            "ping_seconds": {"type": "number"},
            "silence_seconds": {"type": "number"},
        }
    )
    payload = _object(
        {
            "server_time": _TIME,
            "user_id": ID_SCHEMA,
            "device_id": ID_SCHEMA,
            "sync_cursor": {"type": "string"},
            "limits": limits,
        }
    )
    return _frame("hello", payload, ref=True, says="You are in, and nothing is missed from here on.")


def _own(shapes: "_Shapes") -> dict[str, Json]:
    kinds = [registry.topics.get(kind) for kind in sorted(registry.topics.kinds())]
    snapshots = [shapes.of(kind.shows, "response") for kind in kinds if kind.snapshot and kind.shows]
    snapshot = {"anyOf": snapshots} if snapshots else {"type": "object"}
    resync = _frame("resync", _EMPTY, topic=True, says="Something was dropped: fetch it; without a topic, everything.")
    resync["payload"]["required"].remove("topic")
    return {
        "auth.expiring": _frame("auth.expiring", _object({"at": _TIME}), says="The sign-in behind this socket ends."),
        "resync": resync,
        "topic.snapshot": _frame(
            "topic.snapshot", snapshot, topic=True, version=True, says="How things stand, for who has just joined."
        ),
        "topic.lost": _frame("topic.lost", _EMPTY, topic=True, says="You may no longer read it."),
    }


def _push(name: str, shapes: "_Shapes") -> Json:
    push = registry.pushes.find(name)
    payload = shapes.kept(push) if push.kept else shapes.of(push.payload, "response")
    says = f"{push.says} Kept for `/sync/`." if push.kept else push.says
    return _frame(name, payload, topic=push.topic is not None, version=push.versioned, says=says)


# --- how it is put together -------------------------------------------------------------------------------------------


def _frame(
    frame_type: str,
    payload: Json,
    *,
    name: str = "",
    ref: bool = False,
    topic: bool = False,
    version: bool = False,
    says: str = "",
) -> Json:
    fields: Json = {"ref": _ref()} if ref else {}
    fields["type"] = {"const": frame_type}
    if topic:
        fields["topic"] = _TOPIC
    if version:
        fields["version"] = {"type": "integer"}
    message: Json = {"name": name or frame_type}
    if says:
        message["description"] = says
    frame = _object(fields | {"payload": payload})
    # Who asks without a ref is answered without one.
    frame["required"] = [field for field in frame["required"] if field != "ref"]
    return message | {"payload": frame}


def _operation(action: str, name: str) -> Json:
    return {"action": action, "channel": _channel(), "messages": _messages([name])}


def _reply(names: Iterable[str]) -> Json:
    return {"channel": _channel(), "messages": _messages(names)}


def _channel() -> Json:
    return {"$ref": f"#/channels/{CHANNEL}"}


def _messages(names: Iterable[str]) -> list[Json]:
    return [{"$ref": f"#/channels/{CHANNEL}/messages/{name}"} for name in names]


def _object(properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _ref() -> Json:
    return {"type": "string", "maxLength": MAX_REF}


class _Shapes:
    """Serializers as JSON Schema, by what makes the components of the REST API."""

    def __init__(self) -> None:
        self._maker = AutoSchema()
        self._maker.registry = ComponentRegistry()
        self._maker.view = Endpoint(request=None)
        self._maker.method, self._maker.path = "GET", "/ws/"

    def of(self, serializer: type[Serializer[Any]] | None, direction: Direction) -> Json:
        if serializer is None:
            return _EMPTY
        reference: Json = self._maker.resolve_serializer(serializer(), direction).ref
        return reference

    def kept(self, push: Push) -> Json:
        """The payload with the id by which a device knows that it has seen the event."""
        schema: Json = self._maker.resolve_serializer(push.payload(), "response").schema
        properties = {**schema["properties"], "event_id": ID_SCHEMA}
        return {"type": "object", "properties": properties, "required": [*schema.get("required", []), "event_id"]}

    def components(self) -> Json:
        schemas: Json = self._maker.registry.build({}).get("schemas", {})
        refuse_unknown_keys(schemas)
        return schemas


def _plain(value: Any) -> Any:
    """Without tuples, lazy texts and shared parts, which YAML would write as anchors."""
    match value:
        case dict():
            return {str(key): _plain(part) for key, part in value.items() if key not in _OF_ANOTHER_TOOL}
        case list() | tuple():
            return [_plain(part) for part in value]
        case None | bool() | int() | float():
            return value
    return str(value)
