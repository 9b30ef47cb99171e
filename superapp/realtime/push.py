"""Pushes from anywhere: a view, a task, a loop, a shell. In a transaction they wait for its commit; Redis never makes
them raise.

A lost push is not repeated: it is a hint. Once Redis answers again, whoever listens to its topic is told to look. What
must reach devices that are away is ``keep``-ed: stored in the caller's transaction and returned by ``/sync/``.
"""

import json
import threading
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from superapp.core.ids import new_id
from superapp.core.redis import RedisFailure, guarded
from superapp.realtime import frames, registry
from superapp.realtime.models import KeptEvent

log = structlog.get_logger(__name__)
Json = dict[str, Any]
Message = tuple[str, bytes]


def to_topic(
    topic: str, *, type: str, payload: Json, version: int | None = None, newest_only: timedelta | None = None
) -> None:
    """To everybody who listens to ``topic``: one encoding, one publish, however many they are.

    ``newest_only``: of this topic's pushes of this type each socket gets one per so long, the newest by ``version``
    (without one: by arrival). The first goes out at once, and the last always arrives, at most so much later.
    """
    if settings.DEBUG or settings.API_STRICT_DECLARATIONS:
        registry.pushes.check(type, topic=topic, versioned=version is not None, kept=False)
    frame = frames.encode(type, payload, topic=topic, version=version)
    if newest_only is None:
        _publish(frames.FRAME, [topic], frame)
    else:
        body = frames.newest_only(frame, frame_type=type, version=version, interval=newest_only)
        _publish(frames.NEWEST, [topic], body)


def to_users(user_ids: Iterable[int], *, type: str, payload: Json, keep: bool = False) -> None:
    """To every device of these people. ``keep``: also stored, with an ``event_id`` in the payload to know it again."""
    if settings.DEBUG or settings.API_STRICT_DECLARATIONS:
        registry.pushes.check(type, topic=None, versioned=False, kept=keep)
    people = sorted(set(user_ids))
    if keep:
        payload = {**payload, "event_id": str(event_id := new_id())}
        KeptEvent.objects.bulk_create(
            KeptEvent(user_id=user_id, id=event_id, type=type, payload=payload) for user_id in people
        )
    _publish(frames.FRAME, map(frames.user_topic, people), frames.encode(type, payload))


def join(*, topic: str, user_ids: Iterable[int], from_version: int | None = None) -> None:
    """These people's open sockets listen to ``topic`` from now on; those they open later ask the topic's kind.

    ``from_version``: what has a lower one is not for them. It may still be on its way when they are joined.
    """
    since = {} if from_version is None else {"from_version": from_version}
    _control(user_ids, {"op": "join", "topic": topic, **since})


def drop(*, topic: str, user_ids: Iterable[int]) -> None:
    """These people's sockets stop listening to ``topic`` at once and are told so."""
    _control(user_ids, {"op": "drop", "topic": topic})


def close_device(*, user_id: int, device_id: int, code: int) -> None:
    """Close the device's socket, wherever it is."""
    _control([user_id], {"op": "close", "device_id": device_id, "code": code})


def _control(user_ids: Iterable[int], order: Json) -> None:
    _publish(frames.CONTROL, map(frames.user_topic, sorted(set(user_ids))), json.dumps(order))


def _publish(kind: bytes, topics: Iterable[str], body: str) -> None:
    by_slot: dict[int, list[str]] = defaultdict(list)
    for topic in topics:
        by_slot[frames.slot_of(topic)].append(topic)
    messages = [(frames.channel(slot), frames.pack(kind, names, body)) for slot, names in by_slot.items()]
    if not messages:
        return
    if transaction.get_connection().in_atomic_block:
        transaction.on_commit(lambda: _send(messages), robust=True)
    else:
        # Not by on_commit, which would open a database connection that this push does not need.
        _send(messages)


def _send(messages: list[Message]) -> None:
    try:
        if len(messages) == 1:
            guarded(lambda client: client.publish(*messages[0]), purpose="push")
            return
        guarded(lambda client: _send_together(client, messages), purpose="push")
    except RedisFailure as error:
        log.warning("push.lost", error=str(error), messages=len(messages))
        _missed.note(messages)


def _send_together(client: Any, messages: list[Message]) -> None:
    with client.pipeline(transaction=False) as pipeline:
        for name, message in messages:
            pipeline.publish(name, message)
        pipeline.execute()


class _Missed:
    """What Redis did not take, until it answers again: whoever listens to a topic that lost a push is told to look, and
    of whom an order was about the rights are read anew (the order itself may be out of date by then). A process that
    dies forgets them; its clients notice at their next ``/sync/``."""

    MOST = 10_000

    def __init__(self) -> None:
        self._topics: set[str] = set()
        self._ordered: set[str] = set()
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def note(self, messages: Iterable[Message]) -> None:
        with self._lock:
            for message in messages:
                kind, topics, _body = frames.unpack(message[1])
                if len(self._topics) + len(self._ordered) >= self.MOST:
                    break
                (self._ordered if kind == frames.CONTROL else self._topics).update(topics)
            if self._timer is None:
                self._timer = threading.Timer(settings.REDIS_CIRCUIT_OPEN_SECONDS * 1.1, self._tell)
                self._timer.daemon = True
                self._timer.start()

    def _tell(self) -> None:
        with self._lock:
            topics, ordered = self._topics, self._ordered
            self._topics, self._ordered, self._timer = set(), set(), None
        for topic in ordered:
            review = frames.pack(frames.CONTROL, [topic], json.dumps({"op": "review"}))
            _send([(frames.channel(frames.slot_of(topic)), review)])
        for topic in topics:
            # A person's own events have no name to a client: theirs is the resync of everything.
            shown = None if topic.startswith("user:") else topic
            frame = frames.encode("resync", {}, topic=shown)
            _send([(frames.channel(frames.slot_of(topic)), frames.pack(frames.FRAME, [topic], frame))])


_missed = _Missed()
