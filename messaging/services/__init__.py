"""What people can do with contacts, conversations and messages."""

from messaging.cards import Card
from messaging.services.asking import ask_to_be_friends, find_by_phone
from messaging.services.cards import post_card, post_text, update_card
from messaging.services.changes import edit_message, react, recall_message
from messaging.services.contacts import (
    accept_friend_request,
    block,
    decline_friend_request,
    remove_friend,
    request_friend,
    unblock,
)
from messaging.services.conversations import (
    conversation_with,
    create_group,
    direct_conversation,
    open_direct_conversation,
)
from messaging.services.deletions import clear_history, delete_message
from messaging.services.forwarding import forward_message, forward_record
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
from messaging.services.joining import (
    accept_invitation,
    add_members,
    approve_request,
    decline_invitation,
    decline_request,
    group_link,
    join_by_link,
    revoke_invitation,
    revoke_link,
)
from messaging.services.lists import MOST_PINNED, change_mine
from messaging.services.marks import mark_read, show_typing
from messaging.services.messages import send_message
from messaging.services.notices import (
    delete_notice,
    forget_old_notices,
    mark_notices_read,
    mute_notices,
    notify,
    unmute_notices,
)
from messaging.services.opened import close_conversation, open_conversation, register_loop, set_members
from messaging.services.preferences import change_preferences
from messaging.services.reports import author_of, ban_author, report_message, report_person
from messaging.services.tags import MOST_TAGS, change_friend, create_tag, delete_tag, rename_tag

__all__ = [
    "MOST_PINNED",
    "MOST_TAGS",
    "Card",
    "accept_friend_request",
    "accept_invitation",
    "add_members",
    "appoint_admin",
    "approve_request",
    "ask_to_be_friends",
    "author_of",
    "ban_author",
    "block",
    "change_alias",
    "change_friend",
    "change_group",
    "change_mine",
    "change_notice",
    "change_preferences",
    "clear_history",
    "close_conversation",
    "conversation_with",
    "create_group",
    "create_tag",
    "decline_friend_request",
    "decline_invitation",
    "decline_request",
    "delete_message",
    "delete_notice",
    "delete_tag",
    "direct_conversation",
    "disband_group",
    "dismiss_admin",
    "edit_message",
    "find_by_phone",
    "forget_old_notices",
    "forward_message",
    "forward_record",
    "group_link",
    "join_by_link",
    "leave_group",
    "mark_notices_read",
    "mark_read",
    "mute_notices",
    "notify",
    "open_conversation",
    "open_direct_conversation",
    "post_card",
    "post_text",
    "react",
    "recall_message",
    "register_loop",
    "remove_friend",
    "remove_member",
    "rename_tag",
    "report_message",
    "report_person",
    "request_friend",
    "revoke_invitation",
    "revoke_link",
    "send_message",
    "set_members",
    "show_typing",
    "silence_member",
    "transfer_group",
    "unblock",
    "unmute_notices",
    "update_card",
]
