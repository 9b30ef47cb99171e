"""Tables, by noun."""

from messaging.models.cards import CardCopy, NewestCard
from messaging.models.conversations import (
    GROUP_LIMIT,
    MOST_WITHOUT_ASKING,
    Conversation,
    DirectPair,
    GroupCreation,
    Membership,
    OpenedConversation,
)
from messaging.models.groups import GroupInvitation, GroupLink, JoinRequest
from messaging.models.messages import NOBODY, SAID, ChatRecord, HiddenMessage, Message, MessageVersion, Reaction
from messaging.models.notices import Notice, NoticeMute
from messaging.models.people import Block, FriendRequest, Friendship, FriendTag, Preferences, TaggedFriend

__all__ = [
    "GROUP_LIMIT",
    "MOST_WITHOUT_ASKING",
    "NOBODY",
    "SAID",
    "Block",
    "CardCopy",
    "ChatRecord",
    "Conversation",
    "DirectPair",
    "FriendRequest",
    "FriendTag",
    "Friendship",
    "GroupCreation",
    "GroupInvitation",
    "GroupLink",
    "HiddenMessage",
    "JoinRequest",
    "Membership",
    "Message",
    "MessageVersion",
    "NewestCard",
    "Notice",
    "NoticeMute",
    "OpenedConversation",
    "Preferences",
    "Reaction",
    "TaggedFriend",
]
