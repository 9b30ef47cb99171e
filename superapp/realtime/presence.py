"""Who has a socket open, in Redis: a hint that goes with Redis, and that nobody may be shown without asking messaging.

A sorted set for each person holds their sockets, with the time until which each counts. A gateway prolongs those that
it heard of; what a killed one held, or a line that died without a word, runs out by itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import structlog

from superapp.core.redis import RedisFailure, guarded

log = structlog.get_logger(__name__)

# Longer than any socket in the set may count.
KEY_SECONDS = 600


@dataclass(frozen=True)
class Presence:
    """A socket that counts as open for so many seconds more, unless it is heard of again."""

    user_id: int
    device_id: int
    connection_id: int
    seconds: float

    @property
    def member(self) -> str:
        return f"{self.device_id}:{self.connection_id}"


def online(user_ids: Iterable[int]) -> set[int]:
    """Those who have a socket open somewhere; at most 70 s out of date where one was lost silently. Without Redis:
    nobody. Never raises."""
    people = sorted(set(user_ids))
    if not people:
        return set()

    def ask(client: Any) -> set[int]:
        now = _now(client)
        with client.pipeline(transaction=False) as pipeline:
            for user_id in people:
                pipeline.zcount(_key(user_id), f"({now}", "+inf")
            return {user_id for user_id, count in zip(people, pipeline.execute(), strict=True) if count}

    try:
        return guarded(ask, purpose="presence")
    except RedisFailure as error:
        log.warning("presence.unknown", error=str(error))
        return set()


def note(sockets: Iterable[Presence]) -> set[int]:
    """These are here. Returns the connections among them whose device has a newer one somewhere. Raises one of
    ``RedisFailure``."""
    here = list(sockets)

    def tell(client: Any) -> list[list[bytes]]:
        now = _now(client)
        with client.pipeline(transaction=False) as pipeline:
            for socket in here:
                key = _key(socket.user_id)
                pipeline.zadd(key, {socket.member: now + socket.seconds})
                # Those of processes that died leave with the others; a person has a handful.
                pipeline.zremrangebyscore(key, "-inf", now)
                pipeline.expire(key, KEY_SECONDS)
                pipeline.zrange(key, 0, -1)
            return list(pipeline.execute()[3::4])

    members = guarded(tell, patient=True, purpose="presence")
    return {
        socket.connection_id
        for socket, found in zip(here, members, strict=True)
        if _newest(found, socket.device_id) > socket.connection_id
    }


def forget(sockets: Iterable[Presence]) -> None:
    """They have left. Raises one of ``RedisFailure``; then they run out."""

    def tell(client: Any) -> None:
        with client.pipeline(transaction=False) as pipeline:
            for socket in sockets:
                pipeline.zrem(_key(socket.user_id), socket.member)
            pipeline.execute()

    guarded(tell, patient=True, purpose="presence")


def _newest(members: Iterable[bytes | str], device_id: int) -> int:
    """The newest connection of this device; 0 where there is none."""
    pairs = [(member.decode() if isinstance(member, bytes) else member).partition(":") for member in members]
    return max((int(number) for device, _, number in pairs if device == str(device_id) and number), default=0)


def _now(client: Any) -> float:
    """By the clock of Redis: those of gateways differ."""
    seconds, micros = client.time()
    return float(seconds) + float(micros) / 1_000_000


def _key(user_id: int) -> str:
    return f"here:{user_id}"
