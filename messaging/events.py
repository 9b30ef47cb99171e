"""Facts that this app announces."""

from dataclasses import dataclass
from typing import Any

from superapp.core.events import Event


@dataclass(frozen=True)
class ConversationOpened(Event):
    conversation_id: int
    member_ids: tuple[int, ...]


@dataclass(frozen=True)
class MembersJoined(Event):
    """``joined_seq``: the row that tells of it, where one does; from there on they are pushed what is written."""

    conversation_id: int
    member_ids: tuple[int, ...]
    joined_seq: int | None = None


@dataclass(frozen=True)
class MemberLeft(Event):
    """By their own wish or somebody else's; ``left_seq`` is the last row that is theirs to read."""

    conversation_id: int
    user_id: int
    left_seq: int


@dataclass(frozen=True)
class MessageSent(Event):
    """``frame`` is the message as everybody in the conversation sees it."""

    conversation_id: int
    seq: int
    sender_id: int
    frame: dict[str, Any]


@dataclass(frozen=True)
class NoticeCreated(Event):
    user_id: int
    notice_id: int


@dataclass(frozen=True)
class NoticesChanged(Event):
    """Somebody has read or deleted some of theirs."""

    user_id: int


@dataclass(frozen=True)
class ReadMarkMoved(Event):
    conversation_id: int
    user_id: int
    read_seq: int
    unread: int


@dataclass(frozen=True)
class MineChanged(Event):
    """Somebody wants a conversation shown otherwise: muted, pinned, hidden, marked unread."""

    conversation_id: int
    user_id: int
