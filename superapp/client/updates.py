"""What a client tells whoever uses it, in the order in which it happened."""

import enum
from dataclasses import dataclass

from superapp.client.errors import ApiError, ClientError
from superapp.client.outbox import Outgoing
from superapp.client.shapes import Conversation, FriendRequest, Json, Message


class State(enum.Enum):
    """How the connection stands."""

    CONNECTING = "connecting"
    CATCHING_UP = "catching up"
    ONLINE = "online"
    WAITING = "waiting to reconnect"
    STOPPED = "stopped"


@dataclass(frozen=True)
class MessageAdded:
    """The next message of its conversation: in order, each exactly once, however it came."""

    message: Message


@dataclass(frozen=True)
class MessageChanged:
    """One that was added before is different now: edited, recalled, reacted to, or deleted for us."""

    message: Message


@dataclass(frozen=True)
class ConversationChanged:
    """New, or its summary (title, members, marks) was fetched again."""

    conversation: Conversation


@dataclass(frozen=True)
class ConversationLost:
    """We may no longer read it."""

    conversation_id: str


@dataclass(frozen=True)
class ReadMoved:
    """We have read further, on this device or another."""

    conversation_id: str
    read_seq: int
    unread: int


@dataclass(frozen=True)
class PeerRead:
    """The other one has read further."""

    conversation_id: str
    user_id: str
    read_seq: int


@dataclass(frozen=True)
class Typing:
    """Somebody else is typing: show it for about five seconds. ``user_id``: a person's id, or a persona's key."""

    conversation_id: str
    user_id: str


@dataclass(frozen=True)
class FriendRequested:
    request: FriendRequest


@dataclass(frozen=True)
class FriendAdded:
    user_id: str
    conversation_id: str


@dataclass(frozen=True)
class Pushed:
    """A push of a kind that this client does not know; apps on top of it may."""

    type: str
    topic: str | None
    version: int | None
    payload: Json


@dataclass(frozen=True)
class Sent:
    """The server has stored it. The message itself comes as ``MessageAdded``, perhaps earlier, perhaps later."""

    outgoing: Outgoing
    message: Message


@dataclass(frozen=True)
class Refused:
    """The server will not have it; it is not tried again."""

    outgoing: Outgoing
    error: ApiError


@dataclass(frozen=True)
class StateChanged:
    """``error``: why, when the connection was lost or stopped."""

    state: State
    error: ClientError | None = None


Update = (
    MessageAdded
    | MessageChanged
    | ConversationChanged
    | ConversationLost
    | ReadMoved
    | PeerRead
    | Typing
    | FriendRequested
    | FriendAdded
    | Pushed
    | Sent
    | Refused
    | StateChanged
)
