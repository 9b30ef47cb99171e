"""The catch-up rules: how pushes, fetches and ``/sync/`` become one history, in order, each message exactly once.

Pure and synchronous. Whatever is taken in returns the updates that follow from it; what has to be fetched stands in
``sync_wanted``, ``behind``, ``stale`` and ``unknown`` until it is there.
"""

from collections.abc import Iterable

from superapp.client.conversation_log import ConversationLog, Fetch
from superapp.client.shapes import Conversation, Frame, Json, Message, ReadMark, SyncPage
from superapp.client.updates import (
    ConversationChanged,
    ConversationLost,
    FriendAdded,
    FriendRequested,
    MessageAdded,
    MessageChanged,
    PeerRead,
    Pushed,
    ReadMoved,
    Typing,
    Update,
)

CONVERSATION_TOPIC = "conversation:"


class Store:
    """Everything that one device knows. It starts empty, and holding: the first ``/sync/`` is still to come."""

    def __init__(self, *, me: str) -> None:
        self.me = me
        self.logs: dict[str, ConversationLog] = {}
        self.cursor: str | None = None
        self.sync_wanted = True
        self._unknown: set[str] = set()
        self._seen_events: set[str] = set()
        self._held: list[Frame] | None = []

    # --- what is missing ----------------------------------------------------------------------------------------------

    def behind(self) -> list[str]:
        """Conversations with messages to fetch."""
        return [log.id for log in self.logs.values() if log.is_behind]

    def is_behind(self, conversation_id: str) -> bool:
        log = self.logs.get(conversation_id)
        return log is not None and log.is_behind

    def stale(self) -> list[str]:
        """Conversations with messages that have changed since, in a way that we were not told."""
        return [log.id for log in self.logs.values() if log.stale]

    def stale_seqs(self, conversation_id: str) -> list[int]:
        log = self.logs.get(conversation_id)
        return sorted(log.stale) if log else []

    def unknown(self) -> list[str]:
        """Conversations that we have heard of but have not seen a summary of."""
        return sorted(self._unknown)

    def fetch(self, conversation_id: str) -> Fetch:
        """A fetch begins; ``fetched`` takes it back with the answer."""
        return self._log(conversation_id).fetch()

    def fetch_failed(self, conversation_id: str) -> None:
        """It has to be asked again, whether or not we know what is missing."""
        self._log(conversation_id).is_suspect = True

    def syncing(self) -> None:
        """A ``/sync/`` begins, however many pages it has. From now on a ``resync`` asks for another one."""
        self.sync_wanted = False

    def sync_failed(self, *, from_the_beginning: bool) -> None:
        """It has to be asked again, without the cursor if the server did not take that."""
        self.sync_wanted = True
        if from_the_beginning:
            self.cursor = None

    # --- what arrives -------------------------------------------------------------------------------------------------

    def hold(self) -> None:
        """From a new connection until its first ``/sync/`` is done, pushes wait: after an absence each of them would
        look like a gap, and the sync brings the very same."""
        if self._held is None:
            self._held = []
        self.sync_wanted = True

    def release(self) -> list[Update]:
        """The sync is done: now the pushes that came meanwhile."""
        held, self._held = self._held or [], None
        return [update for frame in held for update in self.push(frame)]

    def push(self, frame: Frame) -> list[Update]:
        """Take a push. Kinds that are not ours are passed on."""
        if self._held is not None:
            self._held.append(frame)
            return []
        payload = frame.get("payload") or {}
        event_id = payload.get("event_id")
        if event_id is not None and not self._is_new_event(event_id):
            return []
        return self._event(frame["type"], payload, frame)

    def synced(self, page: SyncPage) -> list[Update]:
        """Take a page of ``/sync/``. The messages themselves are fetched where ``behind`` says so."""
        updates = [update for summary in page["conversations"] for update in self.summarised(summary)]
        for event in page["events"]:
            if self._is_new_event(event["event_id"]):
                updates += self._event(event["type"], event["payload"], {"type": event["type"]})
        self.cursor = page["cursor"]
        return updates

    def summarised(self, summary: Conversation) -> list[Update]:
        """Take one conversation from a list, ``/sync/`` or its own address."""
        log = self._log(summary["id"])
        self._unknown.discard(summary["id"])
        read_before, peer_before = log.read_seq, log.peer_read_seq
        log.summarised(summary)
        updates: list[Update] = [ConversationChanged(summary)]
        if log.read_seq > read_before:
            updates.append(ReadMoved(log.id, log.read_seq, log.unread))
        peer = summary["mine"]["peer"]
        if peer is not None and log.peer_read_seq is not None and log.peer_read_seq != peer_before:
            updates.append(PeerRead(log.id, peer["id"], log.peer_read_seq))
        return updates

    def received(self, message: Message) -> list[Update]:
        """Take one message, pushed or as the answer to our own send: whichever comes second is dropped."""
        log = self._log(message["conversation_id"])
        return _told(log, log.receive(message))

    def fetched(self, fetch: Fetch, page: list[Message]) -> list[Update]:
        """Take a page of messages that was asked for."""
        log = self._log(fetch.conversation_id)
        return _told(log, log.fetched(fetch, page))

    def corrected(self, message: Message) -> list[Update]:
        """Take a message that was asked for because it is ``stale``."""
        log = self._log(message["conversation_id"])
        return [MessageChanged(message)] if log.replace(message) else []

    def read(self, mark: ReadMark) -> list[Update]:
        """We have read, here or on another device. A mark that is older than ours changes nothing."""
        log = self._log(mark["conversation_id"])
        moved = log.read(mark["read_seq"], unread=mark["unread"])
        return [ReadMoved(log.id, log.read_seq, log.unread)] if moved else []

    def lost(self, conversation_id: str) -> list[Update]:
        """We may no longer read it."""
        self._unknown.discard(conversation_id)
        return [ConversationLost(conversation_id)] if self.logs.pop(conversation_id, None) else []

    # --- one push -----------------------------------------------------------------------------------------------------

    def _event(self, event_type: str, payload: Json, frame: Frame) -> list[Update]:
        match event_type:
            case "message.created":
                message: Message = payload  # type: ignore[assignment]  # a push has the shape that a fetch has
                return self.received(message)
            case "read.updated":
                mark: ReadMark = payload  # type: ignore[assignment]
                return self.read(mark)
            case "peer.read":
                return self._peer_read(payload)
            case "typing":
                return self._typing(payload)
            case "message.deleted":
                left = self._log(payload["conversation_id"]).deleted(payload["seq"])
                return [MessageChanged(left)] if left else []
            case "history.cleared":
                self._log(payload["conversation_id"]).cleared(payload["cleared_seq"])
                return self._heard_of(payload["conversation_id"])
            case "conversation.joined":
                return self._heard_of(payload["conversation_id"])
            case "conversation.changed":
                return self._mine_changed(payload)
            case "friend.requested":
                return [FriendRequested(payload)]  # type: ignore[arg-type]
            case "friend.added":
                self._heard_of(payload["conversation_id"])
                return [FriendAdded(payload["user_id"], payload["conversation_id"])]
            case "resync":
                return self._resync(frame.get("topic"))
            case "topic.lost" if (conversation_id := _conversation_of(frame.get("topic"))) is not None:
                return self.lost(conversation_id)
        return [Pushed(event_type, frame.get("topic"), frame.get("version"), payload)]

    def _resync(self, topic: str | None) -> list[Update]:
        """Something was dropped on the way. For a conversation we know where to look; else ``/sync/`` tells."""
        conversation_id = _conversation_of(topic)
        if topic is None:
            self.sync_wanted = True
        elif conversation_id is None:
            return [Pushed("resync", topic, None, {})]
        elif conversation_id in self.logs:
            self.logs[conversation_id].is_suspect = True
        else:
            self._unknown.add(conversation_id)
        return []

    def _typing(self, payload: Json) -> list[Update]:
        log = self.logs.get(payload["conversation_id"])
        my_persona = log.summary["mine"].get("persona") if log and log.summary else None
        who = payload["user_id"] or (payload.get("persona") or {}).get("key")
        return [] if who in {self.me, my_persona, None} else [Typing(payload["conversation_id"], who)]

    def _peer_read(self, payload: Json) -> list[Update]:
        log = self._log(payload["conversation_id"])
        moved = payload["user_id"] != self.me and log.peer_read(payload["read_seq"])
        return [PeerRead(log.id, payload["user_id"], payload["read_seq"])] if moved else []

    def _mine_changed(self, payload: Json) -> list[Update]:
        """We want it shown otherwise, and said so on another device."""
        log = self.logs.get(payload["conversation_id"])
        if log is None or log.summary is None:
            return self._heard_of(payload["conversation_id"])
        log.summary = {**log.summary, "mine": payload["mine"]}
        return [ConversationChanged(log.summary)]

    def _heard_of(self, conversation_id: str) -> list[Update]:
        log = self.logs.get(conversation_id)
        if log is None or log.summary is None:
            self._unknown.add(conversation_id)
        return []

    def _is_new_event(self, event_id: str) -> bool:
        is_new = event_id not in self._seen_events
        self._seen_events.add(event_id)
        return is_new

    def _log(self, conversation_id: str) -> ConversationLog:
        if conversation_id not in self.logs:
            self.logs[conversation_id] = ConversationLog(conversation_id, me=self.me)
            # A message may come before the news that there is a conversation at all.
            self._unknown.add(conversation_id)
        return self.logs[conversation_id]


def _told(log: ConversationLog, messages: Iterable[Message]) -> list[Update]:
    """Each new row, and what it makes of an earlier one."""
    updates: list[Update] = []
    for message in messages:
        updates.append(MessageAdded(message))
        if message["ref_seq"] is not None:
            updates += [MessageChanged(changed) for changed in log.changes(message)]
    return updates


def _conversation_of(topic: str | None) -> str | None:
    if topic is None or not topic.startswith(CONVERSATION_TOPIC):
        return None
    return topic.removeprefix(CONVERSATION_TOPIC)
