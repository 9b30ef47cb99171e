"""Shapes of the busy paths, built by plain functions; tests hold them equal to the serializers that document them."""

from typing import Any

from messaging.models import FriendRequest, Message
from superapp.accounts import selectors as accounts
from superapp.core.api.fields import rfc3339

Json = dict[str, Any]


def conversation_topic(conversation_id: int) -> str:
    return f"conversation:{conversation_id}"


def message_frame(message: Message) -> Json:
    """A message as REST shows it and as it is pushed."""
    return {
        "conversation_id": str(message.conversation_id),
        "seq": message.seq,
        "sender_id": str(message.sender_id),
        "client_id": str(message.client_id),
        "kind": message.kind,
        "body": message.body,
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
        "state": request.state,
        "created_at": rfc3339(request.created_at),
    }
