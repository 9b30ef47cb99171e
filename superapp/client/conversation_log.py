"""One conversation as this device knows it: a stretch of its log without holes, and who has read how far.

Pure and synchronous: nothing here waits or asks. ``Store`` feeds it, ``Client`` fetches what it misses.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile

from superapp.client.group_events import GROUP_EVENTS
from superapp.client.shapes import Conversation, Message

# Rows that say what happened to the conversation itself; nobody has to read them, but for a notice.
NOT_COUNTED = (GROUP_EVENTS - {"notice_changed"}) | {"conversation_opened", "members_changed", "conversation_closed"}


@dataclass(frozen=True)
class Fetch:
    """A request for what follows ``after``, made when the log was known to reach to ``known_seq``."""

    conversation_id: str
    after: int
    known_seq: int


class ConversationLog:
    """``messages`` ascend by ``seq`` without holes. They need not begin at 1: older pages come in front on demand."""

    def __init__(self, conversation_id: str, *, me: str) -> None:
        self.id, self._me = conversation_id, me
        self.messages: list[Message] = []
        self.summary: Conversation | None = None
        #: The highest ``seq`` up to which nothing is missing: that of the last message, if there is one.
        self.has = 0
        #: The highest ``seq`` that we have heard of.
        self.last_seq = 0
        self.read_seq = 0
        self.peer_read_seq: int | None = None
        #: Told to look, without being told what for.
        self.is_suspect = False
        #: Rows of ours that have changed in a way that we were not told: each is to be fetched.
        self.stale: set[int] = set()
        # As the server last counted it, up to this seq; for as long as what is unread is not all here.
        self._told_unread = self._told_at = 0
        # Messages that came before one that is still missing.
        self._early: dict[int, Message] = {}

    @property
    def is_behind(self) -> bool:
        """Whether there is something to fetch."""
        return self.is_suspect or self.last_seq > self.has

    @property
    def unread(self) -> int:
        """Messages that count, above our read mark. Marks only grow, so the order of the news does not matter."""
        if self.read_seq >= self.last_seq:
            return 0
        if not self.messages or self.read_seq < self.messages[0]["seq"] - 1:
            return self._told_unread
        unread = sum(1 for _ in takewhile(lambda message: message["seq"] > self.read_seq, reversed(self.messages)))
        return sum(self._counts(at) for at in range(-unread, 0))

    # --- messages -----------------------------------------------------------------------------------------------------

    def receive(self, message: Message) -> list[Message]:
        """Take a message from a push or an answer; returns what it lets us show, in order.

        The next one is applied, with all that waited for it; one that we have is dropped; one from behind a gap waits.
        """
        seq = message["seq"]
        self.last_seq = max(self.last_seq, seq)
        if seq <= self.has:
            return []
        self._early[seq] = message
        applied: list[Message] = []
        while (following := self._early.pop(self.has + 1, None)) is not None:
            self._apply(following)
            applied.append(following)
        return applied

    def fetch(self) -> Fetch:
        """A fetch begins. From here on a ``resync`` asks for another one: this answer may already be on its way."""
        self.is_suspect = False
        return Fetch(self.id, after=self.has, known_seq=self.last_seq)

    def fetched(self, fetch: Fetch, page: list[Message]) -> list[Message]:
        """Take the answer: a page without holes. Returns what it lets us show, in order.

        Where it does not go on where we are, what lies between is not for us: the history before the newest page, which
        is fetched on demand, or a time when we were not a member.
        """
        begins_at = page[0]["seq"] if page else fetch.known_seq + 1
        if fetch.after == self.has and begins_at > self.has + 1:
            self._begin_at(begins_at)
        return [applied for message in page for applied in self.receive(message)]

    def put_in_front(self, page: Iterable[Message]) -> list[Message]:
        """Take a page of what lies before our stretch; returns those that were new, ascending."""
        first = self.messages[0]["seq"] if self.messages else self.has + 1
        older = [message for message in page if message["seq"] < first]
        self.messages[:0] = older
        return older

    def _begin_at(self, seq: int) -> None:
        """A new stretch. What waited and lies before it is history."""
        self.messages, self.has, self.stale = [], seq - 1, set()
        self._early = {at: message for at, message in self._early.items() if at >= seq}

    # --- what is done to messages -------------------------------------------------------------------------------------

    def find(self, seq: int) -> Message | None:
        """The message with this ``seq``, if it is in our stretch."""
        at = seq - self.messages[0]["seq"] if self.messages else -1
        return self.messages[at] if 0 <= at < len(self.messages) else None

    def replace(self, message: Message) -> bool:
        """Put a message as it is now in the place of ours. Returns whether that is news."""
        self.stale.discard(message["seq"])
        known = self.find(message["seq"])
        if known is None or known == message:
            return False
        self.messages[message["seq"] - self.messages[0]["seq"]] = message
        return True

    def deleted(self, seq: int) -> Message | None:
        """We deleted it for ourselves, here or on another device; returns what is left of it."""
        known = self.find(seq)
        if known is None:
            return None
        left: Message = {
            **known, "kind": "deleted", "body": {}, "reactions": [], "edited_at": None, "recalled_at": None
        }  # fmt: skip
        return left if self.replace(left) else None

    def cleared(self, seq: int) -> None:
        """We cleared the history up to there, here or on another device."""
        self.messages = [message for message in self.messages if message["seq"] > seq]
        self.stale = {at for at in self.stale if at > seq}
        self.has = max(self.has, min(seq, self.last_seq))

    def changes(self, change: Message) -> list[Message]:
        """What a row that is about another one makes of ours; what it does not say becomes ``stale``."""
        seq, target = change["ref_seq"], change["target"]
        known = None if seq is None else self.find(seq)
        if known is None or known["kind"] == "deleted":
            return []
        if change["kind"] == "recalled":
            self._recall_quotes(known["seq"])
        if target is None:
            self.stale.add(known["seq"])
            return []
        now: Message = {**known, **target}
        return [now] if self.replace(now) else []

    def _recall_quotes(self, seq: int) -> None:
        """What quotes a recalled message shows its words no longer."""
        for at, message in enumerate(self.messages):
            quote = message["body"].get("quote")
            if quote and quote["seq"] == seq:
                recalled = {**quote, "text": "", "is_recalled": True}
                self.messages[at] = {**message, "body": {**message["body"], "quote": recalled}}

    def _apply(self, message: Message) -> None:
        self.messages.append(message)
        self.has = message["seq"]
        counts = self._counts(-1)
        if message["seq"] > self._told_at:
            self._told_unread += counts
        if not counts:
            # What happened, or was done to an earlier message, says nothing of how far anybody has read.
            return
        if message["sender_id"] == self._me:
            # Who writes has read what came before.
            self.read(message["seq"])
        elif self.peer_read_seq is not None:
            # Only between two who share their marks; no push says this.
            self.peer_read(message["seq"])

    def _counts(self, at: int) -> int:
        """Whether the message at this place counts as unread: the numbers say so, where the one before it is here."""
        message = self.messages[at]
        if -at < len(self.messages):
            return message["message_no"] - self.messages[at - 1]["message_no"]
        return int(message["ref_seq"] is None and message["kind"] not in NOT_COUNTED)

    # --- marks --------------------------------------------------------------------------------------------------------

    def summarised(self, summary: Conversation) -> None:
        """Take what a list or ``/sync/`` says about the conversation. It may be older than what we know."""
        self.summary = summary
        self.last_seq = max(self.last_seq, summary["last_seq"])
        self.read(summary["mine"]["read_seq"])
        peer_read_seq = summary["mine"]["peer_read_seq"]
        if peer_read_seq is None:
            self.peer_read_seq = None
        self.peer_read(peer_read_seq)
        if summary["last_seq"] >= self._told_at:
            self._told_unread, self._told_at = summary["mine"]["unread"], summary["last_seq"]

    def read(self, seq: int, *, unread: int | None = None) -> bool:
        """We have read up to ``seq``, which leaves ``unread`` by the server's count. Returns whether that is news."""
        if seq <= self.read_seq:
            return False
        self.read_seq = seq
        if unread is not None:
            self._told_unread, self._told_at = unread, self.last_seq
        return True

    def peer_read(self, seq: int | None) -> bool:
        """The other one has read up to ``seq``; None: the two do not share that. Returns whether it is news."""
        if seq is None or seq <= (self.peer_read_seq or 0):
            return False
        self.peer_read_seq = seq
        return True
