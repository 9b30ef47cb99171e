"""What the server says, as types. They are the JSON itself: keys that a newer server adds simply come along.

Ids are strings, ``seq`` and its kin are numbers, times are RFC 3339 in UTC.
"""

from typing import Any, Generic, Literal, NotRequired, TypedDict, TypeVar

Json = dict[str, Any]
Item = TypeVar("Item")

Platform = Literal["ios", "android", "web", "desktop", "terminal"]


class Page(TypedDict, Generic[Item]):
    """``next`` and ``previous`` are paths to call, or None at the end."""

    results: list[Item]
    next: str | None
    previous: str | None


class Profile(TypedDict):
    id: str
    handle: str | None
    display_name: str
    avatar_id: str | None


class Me(Profile):
    phone: str | None
    language: str
    time_zone: str
    birth_date: str | None
    has_password: bool
    terms_version: int
    current_terms_version: int
    created_at: str


class Session(TypedDict):
    """A signed-in device. Each refresh token works once; using one twice signs the device out."""

    access_token: str
    access_expires_at: str
    refresh_token: str
    refresh_expires_at: str
    #: Of a sign-in only.
    recognition_token: NotRequired[str | None]
    device_id: str
    is_new_user: bool
    user: Me


class Device(TypedDict):
    id: str
    name: str
    platform: Platform
    created_at: str
    last_seen_at: str
    is_current: bool


class Ticket(TypedDict):
    """Lets one socket in, once, within half a minute."""

    ticket: str
    expires_at: str
    url: str


class Reaction(TypedDict):
    emoji: str
    count: int


class MyMessage(TypedDict):
    reactions: list[str]
    live: Json | None


class Persona(TypedDict):
    """As whom somebody speaks for a product; who that is nobody is told. ``key`` tells one from another."""

    key: str
    display_name: str
    avatar_id: str | None


class Message(TypedDict):
    """``body`` depends on ``kind``: docs/messaging.md has the table.

    A row with ``ref_seq`` says that something happened to that earlier one, which ``target`` shows as it is now; where
    it is None, whoever has that row fetches it. ``sender_id`` is None where nobody wrote it, or a ``persona``.
    """

    conversation_id: str
    seq: int
    message_no: int
    sender_id: str | None
    persona: Persona | None
    client_id: str
    kind: str
    body: Json
    ref_seq: int | None
    target: "Message | None"
    reactions: list[Reaction]
    edited_at: str | None
    recalled_at: str | None
    created_at: str
    #: Where it was fetched; a push is the same for everybody.
    mine: NotRequired[MyMessage]


class Mine(TypedDict):
    """What a conversation is to the reader. ``peer`` and ``peer_read_seq`` are None in groups; the latter also where
    the two do not share read marks. ``left_seq``: they do not belong to it any more."""

    role: str
    first_seq: int
    left_seq: int | None
    read_seq: int
    unread: int
    is_marked_unread: bool
    mention_seq: int | None
    alias: str
    silenced_until: str | None
    is_muted: bool
    is_pinned: bool
    is_hidden: bool
    peer: Profile | None
    peer_read_seq: int | None
    persona: str | None


class Conversation(TypedDict):
    """``purpose`` and ``reference`` say for what a product opened it; empty where people did."""

    id: str
    kind: str
    title: str
    notice: str
    purpose: str
    reference: str
    member_count: int
    owner_id: str | None
    settings: Json | None
    last_seq: int
    last_at: str
    last_message: Message | None
    closed_at: str | None
    closes_at: str | None
    mine: Mine


class Member(TypedDict):
    """Either a ``user`` or a ``persona``; the other is None."""

    user: Profile | None
    persona: Persona | None
    role: str
    alias: str
    silenced_until: str | None
    joined_at: str


class Friend(TypedDict):
    user: Profile
    remark: str
    tag_ids: list[str]
    source: str
    created_at: str
    conversation_id: str


class FriendRequest(TypedDict):
    id: str
    sender: Profile
    recipient: Profile
    source: str
    greeting: str
    state: Literal["pending", "accepted", "declined", "expired"]
    created_at: str


class Variant(TypedDict):
    """``url`` is signed for this reader and expires."""

    url: str
    width: int
    height: int
    content_type: str


AssetKind = Literal["photo", "voice", "video", "file"]


class Asset(TypedDict):
    """An uploaded file. ``variants`` has ``original`` at once, for voice and video when the server is done with it, and
    then the smaller ones too. What there is not, such as the width of a voice message, is None."""

    id: str
    kind: AssetKind
    purpose: str
    name: str
    content_type: str
    width: int | None
    height: int | None
    duration_ms: int | None
    waveform: list[int] | None
    size_bytes: int
    state: Literal["processing", "ready", "failed"]
    refusal: str
    created_at: str
    expires_at: str | None
    variants: dict[str, Variant]


class ReadMark(TypedDict):
    conversation_id: str
    read_seq: int
    unread: int


class KeptEvent(TypedDict):
    event_id: str
    type: str
    payload: Json
    created_at: str


class SyncPage(TypedDict):
    conversations: list[Conversation]
    events: list[KeptEvent]
    #: How the person's notices stand, on the last page: ``{"unread", "last"}``.
    notices: NotRequired[Json | None]
    cursor: str
    has_more: bool


class Limits(TypedDict):
    max_frame_bytes: int
    ping_seconds: float
    silence_seconds: float


class Hello(TypedDict):
    """The first answer on a socket: from here on nothing that happens is missed."""

    server_time: str
    device_id: str
    user_id: str
    sync_cursor: str
    limits: Limits


class Frame(TypedDict):
    """What arrives on the socket. An answer has ``ref``; an error has ``error`` in place of ``payload``."""

    type: str
    ref: NotRequired[str | None]
    topic: NotRequired[str]
    version: NotRequired[int]
    payload: NotRequired[Json]
    error: NotRequired[Json]
