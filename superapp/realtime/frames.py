"""How frames look on the socket, and how they travel between processes.

Between processes a message is ``F``, ``N`` or ``C``, the topics it is for, a zero byte, and the frame (``F``: handed to
the sockets as it is; ``N``: behind a line that says of which frames only the newest counts) or a JSON control order
(``C``: obeyed by the gateway, never shown).
"""

import json
import zlib
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings

FRAME, NEWEST, CONTROL = b"F", b"N", b"C"


def encode(
    frame_type: str, payload: Any, *, topic: str | None = None, version: int | None = None, ref: str | None = None
) -> str:
    """One text frame."""
    frame: dict[str, Any] = {"type": frame_type}
    if ref is not None:
        frame["ref"] = ref
    if topic is not None:
        frame["topic"] = topic
    if version is not None:
        frame["version"] = version
    frame["payload"] = payload
    return json.dumps(frame, separators=(",", ":"), ensure_ascii=False)


def newest_only(frame: str, *, frame_type: str, version: int | None, interval: timedelta) -> str:
    """``frame`` behind the line that a gateway reads with ``read_newest``."""
    return f"{frame_type} {-1 if version is None else version} {interval.total_seconds()}\n{frame}"


def read_newest(body: str) -> tuple[str, int, float, str]:
    """The type, the version (-1: none), the interval in seconds and the frame."""
    line, _, frame = body.partition("\n")
    frame_type, version, seconds = line.split(" ")
    return frame_type, int(version), float(seconds), frame


def encode_error(ref: str | None, error: dict[str, Any]) -> str:
    return json.dumps({"ref": ref, "type": "error", "error": error}, separators=(",", ":"), ensure_ascii=False)


def user_topic(user_id: int) -> str:
    """The topic of a person's own events. No client can subscribe to it: it has no registered kind."""
    return f"user:{user_id}"


def slot_of(topic: str) -> int:
    """Topics share a fixed number of Redis channels: a process holds few subscriptions however many it serves."""
    return zlib.crc32(topic.encode()) % settings.REALTIME_SLOTS


def channel(slot: int) -> str:
    return f"rt:{slot}"


def pack(kind: bytes, topics: Iterable[str], body: str) -> bytes:
    return kind + ",".join(topics).encode() + b"\0" + body.encode()


def unpack(message: bytes) -> tuple[bytes, list[str], str]:
    head, _, body = message.partition(b"\0")
    return head[:1], head[1:].decode().split(","), body.decode()
