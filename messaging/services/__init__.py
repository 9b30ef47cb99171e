"""What people can do with contacts, conversations and messages."""

from messaging.services.contacts import (
    accept_friend_request,
    block,
    change_remark,
    decline_friend_request,
    remove_friend,
    request_friend,
    unblock,
)
from messaging.services.conversations import create_group, direct_conversation, open_direct_conversation
from messaging.services.groups import (
    appoint_admin,
    change_alias,
    change_group,
    change_notice,
    disband_group,
    dismiss_admin,
    leave_group,
    remove_member,
    silence_member,
    transfer_group,
)
from messaging.services.lists import MOST_PINNED, change_mine
from messaging.services.marks import change_preferences, mark_read, show_typing
from messaging.services.messages import send_message

__all__ = [
    "MOST_PINNED",
    "accept_friend_request",
    "appoint_admin",
    "block",
    "change_alias",
    "change_group",
    "change_mine",
    "change_notice",
    "change_preferences",
    "change_remark",
    "create_group",
    "decline_friend_request",
    "direct_conversation",
    "disband_group",
    "dismiss_admin",
    "leave_group",
    "mark_read",
    "open_direct_conversation",
    "remove_friend",
    "remove_member",
    "request_friend",
    "send_message",
    "show_typing",
    "silence_member",
    "transfer_group",
    "unblock",
]
