"""Shapes of the busy paths, built by plain functions; tests hold them equal to the serializers that document them."""

from typing import Any

from messaging import personas
from messaging.models import Conversation, FriendRequest, GroupInvitation, Message, Preferences
from superapp.accounts import selectors as accounts
from superapp.core.api.fields import rfc3339

Json = dict[str, Any]


def conversation_topic(conversation_id: int) -> str:
    return f"conversation:{conversation_id}"


def message_frame(message: Message, *, target: Message | None = None) -> Json:
    """A row of the log as REST shows it and as it is pushed. ``target``: the row it is about, if that may be shown."""
    frame = row_frame(message)
    frame["target"] = row_frame(target) if target else None
    return frame


def row_frame(message: Message) -> Json:
    return {
        "conversation_id": str(message.conversation_id),
        "seq": message.seq,
        "message_no": message.message_no,
        "sender_id": None if (sender_id := message.shown_sender_id) is None else str(sender_id),
        "persona": personas.of(message),
        "client_id": str(message.client_id),
        "kind": message.kind,
        "body": message.body,
        "ref_seq": message.ref_seq,
        "reactions": [{"emoji": emoji, "count": count} for emoji, count in message.reactions.items()],
        "edited_at": rfc3339(message.edited_at) if message.edited_at else None,
        "recalled_at": rfc3339(message.recalled_at) if message.recalled_at else None,
        "created_at": rfc3339(message.created_at),
    }


def friend_request_frame(request: FriendRequest) -> Json:
    """A friend request as REST shows it, with both people's profiles (one statement)."""
    people = accounts.users([request.sender_id, request.recipient_id])
    return {
        "id": str(request.id),
        "sender": accounts.profile_frame(people[request.sender_id]),
        "recipient": accounts.profile_frame(people[request.recipient_id]),
        "source": request.source,
        "greeting": request.greeting,
        "state": request.shown_state,
        "created_at": rfc3339(request.created_at),
    }


def preferences_frame(preferences: Preferences) -> Json:
    return {
        "shares_read_marks": preferences.shares_read_marks,
        "is_found_by_handle": preferences.is_found_by_handle,
        "is_found_by_phone": preferences.is_found_by_phone,
        "addable_by": preferences.addable_by,
        "presence_for": preferences.presence_for,
    }


def group_invitation_frame(invitation: GroupInvitation, conversation: Conversation) -> Json:
    """An invitation to a group as REST shows it to whoever is invited (one statement)."""
    inviter = accounts.users([invitation.inviter_id])[invitation.inviter_id]
    return {
        "conversation_id": str(conversation.id),
        "title": conversation.title,
        "member_count": conversation.member_count,
        "inviter": accounts.profile_frame(inviter),
        "created_at": rfc3339(invitation.created_at),
        "expires_at": rfc3339(invitation.expires_at),
    }
