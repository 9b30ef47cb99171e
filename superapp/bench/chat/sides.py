"""The servers that are compared, each with a crowd of its own: ours, and two to measure it by."""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import channels_redis.core

from superapp.bench import limits
from superapp.bench.chat.crowd import Crowd, crowd
from superapp.bench.chat.people import Group, tickets_for
from superapp.bench.stand import Stand, listens
from superapp.localdev import programs
from superapp.localdev.processes import Child, free_port
from superapp.realtime import frames, push

Json = dict[str, Any]
LIMITS = limits.__path__[0]


@dataclass(frozen=True)
class Side:
    name: str
    child: Child
    port: int
    crowd: Crowd
    #: Sends a text to everybody in a group.
    publish: Callable[[Group, str], None]
    #: Where a socket goes to listen to a group; None: it signs in, and listens to what it belongs to.
    path_of: Callable[[Group], str] | None = None

    @contextmanager
    def joined(self, groups: Sequence[Group]) -> Iterator[None]:
        """Everybody in the groups is there, in the groups' order."""
        everybody = [(group, user_id) for group in groups for user_id in group.member_ids]
        if self.path_of is None:
            self.crowd.connect(self.port, tickets=tickets_for([user_id for _group, user_id in everybody]))
        else:
            self.crowd.connect(self.port, paths=[self.path_of(group) for group, _user_id in everybody])
        yield
        self.crowd.leave()


@contextmanager
def ours(stand: Stand) -> Iterator[Side]:
    with gateway(stand) as (child, port), crowd() as sockets:
        yield Side("ours", child, port, sockets, _push)


@contextmanager
def picows(stand: Stand) -> Iterator[Side]:
    port = free_port()
    command = [sys.executable, f"{LIMITS}/picows_fanout.py", str(port), stand.addresses.redis_url]
    with stand.process("picows", command, ready=lambda _: listens(port)) as child, crowd() as sockets:
        yield Side("picows", child, port, sockets, _push, path_of=lambda group: f"/{group.topic}")


@contextmanager
def stock(stand: Stand) -> Iterator[Side]:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "superapp.bench.limits.stock_fanout:application", "--port", str(port)]
    command += ["--ws", "websockets-sansio", "--ws-per-message-deflate", "false", "--log-level", "warning"]
    with (
        stand.process("stock", command, ready=lambda _: listens(port)) as child,
        crowd() as sockets,
        _channel_layer(stand) as publish,
    ):
        yield Side("stock", child, port, sockets, publish, path_of=lambda group: f"/{_layer_group(group)}")


@contextmanager
def gateway(stand: Stand) -> Iterator[tuple[Child, int]]:
    """One process, as `make run` starts it."""
    port = free_port()
    command = programs.web("--host", "127.0.0.1", "--port", str(port))
    with stand.process("gateway", command, ready=lambda _: listens(port)) as child:
        yield child, port


def message(group: Group, text: str) -> Json:
    """What messaging pushes for a text."""
    return {
        "conversation_id": str(group.conversation_id),
        "seq": 1,
        "message_no": 1,
        "sender_id": str(group.member_ids[0]),
        "persona": None,
        "client_id": "00000000-0000-4000-8000-000000000000",
        "kind": "text",
        "body": {"text": text},
        "ref_seq": None,
        "reactions": [],
        "edited_at": None,
        "recalled_at": None,
        "created_at": "2026-01-01T00:00:00.000000Z",
        "target": None,
    }


def _push(group: Group, text: str) -> None:
    push.to_topic(group.topic, type="message.created", payload=message(group, text), version=1)


@contextmanager
def _channel_layer(stand: Stand) -> Iterator[Callable[[Group, str], None]]:
    """``group_send`` of the same bytes, from a loop that lives on: a new one for each would be slower."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    layer = channels_redis.core.RedisChannelLayer(hosts=[stand.addresses.redis_url])

    def publish(group: Group, text: str) -> None:
        frame = frames.encode("message.created", message(group, text), topic=group.topic, version=1)
        sending = layer.group_send(_layer_group(group), {"type": "show", "frame": frame})
        asyncio.run_coroutine_threadsafe(sending, loop).result()

    try:
        yield publish
    finally:
        asyncio.run_coroutine_threadsafe(layer.close_pools(), loop).result()
        loop.call_soon_threadsafe(loop.stop)


def _layer_group(group: Group) -> str:
    # Names of groups have no colon.
    return f"conversation.{group.conversation_id}"
