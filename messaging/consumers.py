"""This app's share of the device socket."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from messaging import services
from messaging.api import changes, views
from messaging.api import group_serializers as group_shapes
from messaging.api import people_serializers as people_shapes
from messaging.api import serializers as shapes
from messaging.api.notice_serializers import NoticeOutput, UnreadOutput
from messaging.contents import MAX_MENTIONS
from messaging.frames import message_frame
from messaging.models import Message
from superapp.accounts.api.serializers import ProfileOutput
from superapp.core.errors import IdempotencyConflict, InvalidInput
from superapp.core.ids import MAX_ID
from superapp.realtime import registry
from superapp.realtime.registry import Actor, Command, Push, shape, shaped

Json = dict[str, Any]


def register() -> None:
    registry.commands.register(
        {
            "message.send": Command(
                parse_send,
                send,
                input=shapes.SendCommand,
                output=shapes.MessageOutput,
                errors=(*views.Messages.Post.errors, IdempotencyConflict),
            ),
            "message.edit": shaped(
                shapes.EditCommand,
                edit,
                output=shapes.MessageOutput,
                errors=changes.MessageDetail.Patch.errors,
            ),
            "message.recall": shaped(
                shapes.RecallCommand,
                recall,
                output=shapes.MessageOutput,
                errors=changes.Recall.Post.errors,
            ),
            "message.react": shaped(
                shapes.ReactCommand,
                react,
                output=shapes.MessageOutput,
                errors=changes.Reactions.Put.errors,
            ),
            "message.read": shaped(
                shapes.ReadCommand,
                read,
                output=shapes.ReadMarkOutput,
                errors=views.Read.Post.errors,
            ),
            "typing": shaped(shapes.TypingCommand, typing, errors=views.Typing.Post.errors),
        }
    )
    registry.pushes.register(
        {
            "message.created": Push(
                "The log has a new row.", shapes.MessageOutput, topic="conversation", versioned=True
            ),
            "message.deleted": Push(
                "You deleted a message for yourself, on one of your devices.", shapes.DeletedPush, kept=True
            ),
            "history.cleared": Push("You cleared a history up to a row.", shapes.ClearedOutput, kept=True),
            "typing": Push("Somebody is writing; shown for about 5 s.", shapes.TypingPush, topic="conversation"),
            "read.updated": Push("One of your devices has read.", shapes.ReadMarkOutput),
            "peer.read": Push(
                "The other one has read, where you are friends and both share read marks.", shapes.PeerReadPush
            ),
            "conversation.joined": Push("You belong to one more conversation: fetch it.", shapes.JoinedPush),
            "conversation.left": Push("You left or were removed; up to there it stays yours.", shapes.LeftPush),
            "group.invited": Push("Somebody invites you to a group.", group_shapes.GroupInvitationOutput, kept=True),
            "group.join_requested": Push(
                "People wait for you to let them into a group that you run.", group_shapes.JoinRequestedPush, kept=True
            ),
            "conversation.changed": Push("What you chose for a conversation.", shapes.ConversationChangedPush),
            "notice.created": Push("A product tells you something.", NoticeOutput),
            "notices.changed": Push("You have read or deleted some, on one of your devices.", UnreadOutput),
            "profile.changed": Push("Your own or a friend's.", ProfileOutput),
            "friend.requested": Push("Somebody asks to be your friend.", people_shapes.FriendRequestOutput, kept=True),
            "friend.added": Push("You have one more friend.", people_shapes.FriendAddedPush, kept=True),
            "friend.changed": Push(
                "You call a friend otherwise, or file them under other tags: fetch them.",
                people_shapes.FriendChangedPush,
                kept=True,
            ),
            "friend_tags.changed": Push("All tags that you have now.", people_shapes.TagsChangedPush, kept=True),
            "messaging_settings.changed": Push(
                "What you let others do and see.", people_shapes.PreferencesOutput, kept=True
            ),
        }
    )


def send(actor: Actor, **message: Any) -> Json:
    return message_frame(services.send_message(sender_id=actor.user_id, **message))


def edit(actor: Actor, **change: Any) -> Json:
    return message_frame(services.edit_message(actor_id=actor.user_id, **change))


def recall(actor: Actor, **which: Any) -> Json:
    return message_frame(services.recall_message(actor_id=actor.user_id, **which))


def react(actor: Actor, **reaction: Any) -> Json:
    return message_frame(services.react(actor_id=actor.user_id, **reaction))


def read(actor: Actor, **mark: Any) -> Json:
    return shapes.ReadMarkOutput(services.mark_read(actor_id=actor.user_id, **mark)).data


def typing(actor: Actor, *, conversation_id: int) -> Json:
    services.show_typing(actor_id=actor.user_id, conversation_id=conversation_id)
    return {}


#: Of a text, beyond what each message has.
_MAY = {"mention_ids", "mentions_all", "quote_seq"}
_MUST = {"conversation_id", "client_id", "kind", "text"}
_parse_other = shape(shapes.SendCommand)


def parse_send(payload: Json) -> Json:
    """``shapes.SendCommand``, for texts by hand, for the busiest path of all; a test holds the two equal."""
    if payload.get("kind") != Message.Kind.TEXT.value:
        return _parse_other(payload)
    if _MUST - payload.keys() or payload.keys() - _MUST - _MAY:
        names = sorted((_MUST - payload.keys()) | (payload.keys() - _MUST - _MAY))
        raise InvalidInput(fields={name: [_("missing, or there is no such field")] for name in names})
    text = payload["text"]
    if not isinstance(text, str) or "\0" in text:
        raise InvalidInput(fields={"text": [_("Text without NUL characters.")]})
    parsed: Json = {
        "conversation_id": _id(payload, "conversation_id"),
        "client_id": _uuid(payload["client_id"]),
        "kind": Message.Kind.TEXT.value,
        "text": text,
    }
    if len(payload) > len(_MUST):
        _parse_calls(payload, parsed)
    return parsed


def _parse_calls(payload: Json, parsed: Json) -> None:
    if "mention_ids" in payload:
        ids = payload["mention_ids"]
        if not isinstance(ids, list) or len(ids) > MAX_MENTIONS:
            raise InvalidInput(fields={"mention_ids": [_("A list of at most 50 ids.")]})
        parsed["mention_ids"] = [_id({"mention_ids": value}, "mention_ids") for value in ids]
    if "mentions_all" in payload:
        if not isinstance(payload["mentions_all"], bool):
            raise InvalidInput(fields={"mentions_all": [_("true or false")]})
        parsed["mentions_all"] = payload["mentions_all"]
    if "quote_seq" in payload:
        seq = payload["quote_seq"]
        if type(seq) is not int or not 1 <= seq <= MAX_ID:
            raise InvalidInput(fields={"quote_seq": [_("The number of a message.")]})
        parsed["quote_seq"] = seq


def _id(payload: Json, name: str) -> int:
    value = payload[name]
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19 and int(value) <= MAX_ID:
        return int(value)
    raise InvalidInput(fields={name: [_("An id is a string of digits.")]})


def _uuid(value: Any) -> UUID:
    try:
        if len(value) == 36:
            return UUID(value)
    except (TypeError, ValueError, AttributeError):
        pass
    raise InvalidInput(fields={"client_id": [_("A UUID of your own, the same at every attempt.")]})
