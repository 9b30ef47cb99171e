"""This app's share of the device socket."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from messaging import services
from messaging.api import serializers as shapes
from messaging.frames import message_frame
from messaging.models import Message
from superapp.core.errors import InvalidInput
from superapp.core.ids import MAX_ID
from superapp.realtime import registry
from superapp.realtime.registry import Actor, Command, shape

Json = dict[str, Any]


def register() -> None:
    registry.commands.register(
        {
            "message.send": Command(parse_send, send),
            "message.read": Command(shape(shapes.ReadCommand), read),
            "typing": Command(shape(shapes.TypingCommand), typing),
        }
    )


def send(actor: Actor, **message: Any) -> Json:
    return message_frame(services.send_message(sender_id=actor.user_id, **message))


def read(actor: Actor, **mark: Any) -> Json:
    return shapes.ReadMarkOutput(services.mark_read(actor_id=actor.user_id, **mark)).data


def typing(actor: Actor, *, conversation_id: int) -> Json:
    services.show_typing(actor_id=actor.user_id, conversation_id=conversation_id)
    return {}


def parse_send(payload: Json) -> Json:
    """``shapes.SendCommand`` by hand, for the busiest path of all; a test holds the two equal."""
    kind = payload.get("kind")
    content = (
        {Message.Kind.TEXT.value: "text", Message.Kind.PHOTO.value: "asset_id"}.get(kind)
        if isinstance(kind, str)
        else None
    )
    if content is None:
        raise InvalidInput(fields={"kind": [_("text or photo")]})
    if payload.keys() != {"conversation_id", "client_id", "kind", content}:
        names = sorted(payload.keys() ^ {"conversation_id", "client_id", "kind", content})
        raise InvalidInput(fields={name: [_("missing, or there is no such field")] for name in names})
    parsed: Json = {
        "conversation_id": _id(payload, "conversation_id"),
        "client_id": _uuid(payload["client_id"]),
        "kind": kind,
    }
    if content == "asset_id":
        return parsed | {"asset_id": _id(payload, "asset_id")}
    text = payload["text"]
    if not isinstance(text, str) or "\0" in text:
        raise InvalidInput(fields={"text": [_("Text without NUL characters.")]})
    return parsed | {"text": text}


def _id(payload: Json, name: str) -> int:
    value = payload[name]
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19 and int(value) <= MAX_ID:
        return int(value)
    raise InvalidInput(fields={name: [_("An id is a string of digits.")]})


def _uuid(value: Any) -> UUID:
    try:
        if len(value) == 36:
            return UUID(value)
    except (TypeError, ValueError, AttributeError):
        pass
    raise InvalidInput(fields={"client_id": [_("A UUID of your own, the same at every attempt.")]})
