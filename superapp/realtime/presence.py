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
    connection_id: int
    seconds: float


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


def note(sockets: Iterable[Presence]) -> None:
    """These are here. Raises one of ``RedisFailure``."""

    def tell(client: Any) -> None:
        now = _now(client)
        with client.pipeline(transaction=False) as pipeline:
            for socket in sockets:
                key = _key(socket.user_id)
                pipeline.zadd(key, {str(socket.connection_id): now + socket.seconds})
                # Those of processes that died leave with the others; a person has a handful.
                pipeline.zremrangebyscore(key, "-inf", now)
                pipeline.expire(key, KEY_SECONDS)
            pipeline.execute()

    guarded(tell, patient=True, purpose="presence")


def forget(sockets: Iterable[tuple[int, int]]) -> None:
    """(person, connection) have left. Raises one of ``RedisFailure``; then they run out."""

    def tell(client: Any) -> None:
        with client.pipeline(transaction=False) as pipeline:
            for user_id, connection_id in sockets:
                pipeline.zrem(_key(user_id), str(connection_id))
            pipeline.execute()

    guarded(tell, patient=True, purpose="presence")


def _now(client: Any) -> float:
    """By the clock of Redis: those of gateways differ."""
    seconds, micros = client.time()
    return float(seconds) + float(micros) / 1_000_000


def _key(user_id: int) -> str:
    return f"here:{user_id}"
