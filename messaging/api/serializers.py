from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from messaging import personas
from messaging.api.notice_serializers import NoticesOutput
from messaging.contents import MAX_MENTIONS
from messaging.emoji import is_emoji
from messaging.models import (
    MOST_WITHOUT_ASKING,
    Conversation,
    Membership,
    Message,
)
from messaging.records import MOST_ROWS
from messaging.services.forwarding import MOST_TARGETS
from superapp.accounts.api.serializers import ProfileOutput
from superapp.core.api.fields import Boolean, Id, Input, Integer, Line, Output, Text, Time, Uuid
from superapp.core.api.paging import PageQuery
from superapp.core.ids import MAX_ID

#: What a client may send, with the fields that each kind needs and those that it may have. Cards are not among them:
#: only a product makes those.
SENDABLE: dict[str, tuple[set[str], set[str]]] = {
    Message.Kind.TEXT.value: ({"text"}, {"mention_ids", "mentions_all", "quote_seq"}),
    Message.Kind.PHOTO.value: ({"asset_id"}, set()),
    Message.Kind.VOICE.value: ({"asset_id"}, set()),
    Message.Kind.VIDEO.value: ({"asset_id"}, set()),
    Message.Kind.FILE.value: ({"asset_id"}, set()),
    Message.Kind.LOCATION.value: ({"latitude", "longitude"}, {"name", "address"}),
    Message.Kind.CONTACT.value: ({"user_id"}, set()),
}


@extend_schema_field(OpenApiTypes.DOUBLE)
class Degrees(serializers.Field[float, Any, float, Any]):
    """Of WGS84, to a tenth of a metre."""

    default_error_messages = {"invalid": _("A number of degrees from -%(most)d to %(most)d.")}

    def __init__(self, *, most: int, **kwargs: Any) -> None:
        self.most = most
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> float:
        # By the bounds first: a number of four hundred digits is none that could be made a float.
        if type(data) not in {int, float} or not -self.most <= data <= self.most:
            raise serializers.ValidationError(self.error_messages["invalid"] % {"most": self.most})
        return round(float(data), 6)

    def to_representation(self, value: float) -> float:
        return value


class SendInput(Input):
    """A message. Which fields there are depends on ``kind``: ``text`` (and what it calls and quotes) with text;
    ``asset_id`` of an upload of the same kind with photo, voice, video and file; ``latitude`` and ``longitude`` with
    location; ``user_id`` with contact."""

    kind = serializers.ChoiceField(list(SENDABLE))
    text = Text(required=False, allow_blank=True, trim_whitespace=False, help_text="At most 4,000 characters.")
    mention_ids = serializers.ListField(
        child=Id(), required=False, max_length=MAX_MENTIONS, help_text="Members who are called by name."
    )
    mentions_all = Boolean(required=False, help_text="Call everybody, where one may.")
    quote_seq = Integer(required=False, min_value=1, max_value=MAX_ID, help_text="The message that this one answers.")
    asset_id = Id(required=False)
    latitude = Degrees(required=False, most=90)
    longitude = Degrees(required=False, most=180)
    name = Line(required=False, allow_blank=True, max_length=100, help_text="Of the place.")
    address = Line(required=False, allow_blank=True, max_length=200)
    user_id = Id(required=False, help_text="Whose card it is.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        must, may = SENDABLE[attrs["kind"]]
        given = attrs.keys() - {"kind", "conversation_id", "client_id"}
        if wrong := sorted((must - given) | (given - must - may)):
            text = gettext("missing, or there is no such field")
            raise serializers.ValidationError({name: [text] for name in wrong})
        return attrs


class SendCommand(SendInput):
    conversation_id = Id()
    client_id = Uuid()


class PersonaOutput(Output):
    """As whom somebody speaks for a product: a brand's desk, a driver. ``key`` tells one from another."""

    key = serializers.CharField()
    display_name = serializers.CharField(allow_blank=True)
    avatar_id = Id(allow_null=True)


class ReactionOutput(Output):
    emoji = serializers.CharField()
    count = serializers.IntegerField()


class RowOutput(Output):
    """One row of a conversation's log. What ``body`` holds depends on ``kind``."""

    conversation_id = Id()
    seq = serializers.IntegerField(help_text="1, 2, 3 … without holes in each conversation.")
    message_no = serializers.IntegerField(help_text="How many rows that count as unread there are up to this one.")
    sender_id = Id(source="shown_sender_id", allow_null=True, help_text="None: nobody wrote it, or a persona.")
    persona = serializers.SerializerMethodField()
    client_id = serializers.UUIDField()
    kind = serializers.ChoiceField(Message.Kind.choices)
    body = serializers.DictField()
    ref_seq = serializers.IntegerField(allow_null=True, help_text="The row that this one is about: it changed.")
    reactions = serializers.SerializerMethodField()
    edited_at = Time(allow_null=True)
    recalled_at = Time(allow_null=True)
    created_at = Time()

    @extend_schema_field(PersonaOutput(allow_null=True, help_text="As whom it was written, if not as a person."))
    def get_persona(self, message: Message) -> dict[str, Any] | None:
        return personas.of(message)

    @extend_schema_field(ReactionOutput(many=True))
    def get_reactions(self, message: Message) -> list[dict[str, Any]]:
        return [{"emoji": emoji, "count": count} for emoji, count in message.reactions.items()]


class MyRowOutput(Output):
    """What depends on who reads."""

    reactions = serializers.ListField(child=serializers.CharField(), help_text="With what I reacted.")
    live = serializers.DictField(allow_null=True, help_text="Of a card: what its product says right now, to you.")


class MessageOutput(RowOutput):
    target = serializers.SerializerMethodField()

    @extend_schema_field(RowOutput(allow_null=True, help_text="That row as it is now, where everybody may see it."))
    def get_target(self, message: Message) -> dict[str, Any] | None:
        target: Message | None = getattr(message, "target", None)
        return RowOutput(target).data if target else None


class ListedMessageOutput(MessageOutput):
    """A message as a list shows it to one reader; pushes and answers to a send have no ``mine``."""

    mine = MyRowOutput()


class EditInput(Input):
    """A text as it shall be: whoever is not named is not called any more. What it quotes stays."""

    text = Text(allow_blank=True, trim_whitespace=False, help_text="At most 4,000 characters.")
    mention_ids = serializers.ListField(child=Id(), required=False, max_length=MAX_MENTIONS)
    mentions_all = Boolean(required=False)


class EditCommand(EditInput):
    conversation_id = Id()
    seq = Integer(min_value=1, max_value=MAX_ID)


class RecallCommand(Input):
    conversation_id = Id()
    seq = Integer(min_value=1, max_value=MAX_ID)


@extend_schema_field(OpenApiTypes.STR)
class Emoji(Text):
    default_error_messages = {"emoji": _("One emoji.")}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not is_emoji(text):
            self.fail("emoji")
        return text


class ReactInput(Input):
    emoji = Emoji(trim_whitespace=False)
    is_added = Boolean(help_text="false: take it away.")


class ReactCommand(ReactInput):
    conversation_id = Id()
    seq = Integer(min_value=1, max_value=MAX_ID)


class ReactionsQuery(PageQuery):
    emoji = Emoji(required=False, trim_whitespace=False, help_text="Only who reacted with this.")


class ReactorOutput(Output):
    user = ProfileOutput()
    emoji = serializers.CharField()
    created_at = Time()


class VersionOutput(Output):
    version = serializers.IntegerField(help_text="1 is what was sent; the message itself is the newest.")
    body = serializers.DictField()
    written_at = Time()


class ForwardInput(Input):
    conversation_ids = serializers.ListField(child=Id(), min_length=1, max_length=MOST_TARGETS, help_text="Where to.")


class ForwardRecordInput(ForwardInput):
    seqs = serializers.ListField(child=Integer(min_value=1, max_value=MAX_ID), min_length=1, max_length=MOST_ROWS)
    title = Line(max_length=60)


class RefusalOutput(Output):
    """As the error of a send there."""

    code = serializers.CharField()
    message = serializers.CharField()
    details = serializers.DictField()


class ForwardedOutput(Output):
    """What became of it in one conversation: a message or an error."""

    conversation_id = Id()
    message = MessageOutput(allow_null=True)
    error = RefusalOutput(allow_null=True)


class RecordRowOutput(Output):
    display_name = serializers.CharField()
    avatar_id = Id(allow_null=True)
    kind = serializers.CharField()
    body = serializers.DictField()
    created_at = Time()


class RecordOutput(Output):
    title = serializers.CharField()
    rows = RecordRowOutput(many=True)


class ClearInput(Input):
    seq = Integer(min_value=0, max_value=MAX_ID, help_text="The last row that shall go.")


class DeletedPush(Output):
    conversation_id = Id()
    seq = serializers.IntegerField()


class ClearedOutput(Output):
    conversation_id = Id()
    cleared_seq = serializers.IntegerField()


class HistoryQuery(Input):
    """``after`` and ``before`` are seqs; neither: the newest page."""

    after = serializers.IntegerField(required=False, min_value=0, max_value=MAX_ID)
    before = serializers.IntegerField(required=False, min_value=0, max_value=MAX_ID)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=100, default=30)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "after" in attrs and "before" in attrs:
            raise serializers.ValidationError({"before": [gettext("Either after or before.")]})
        return attrs


class ReadInput(Input):
    seq = Integer(min_value=0, max_value=MAX_ID)


class ReadCommand(ReadInput):
    conversation_id = Id()


class TypingCommand(Input):
    conversation_id = Id()


class ReadMarkOutput(Output):
    conversation_id = Id()
    read_seq = serializers.IntegerField()
    unread = serializers.IntegerField()


class TypingPush(Output):
    conversation_id = Id()
    user_id = Id(allow_null=True)
    persona = PersonaOutput(allow_null=True, help_text="As whom somebody writes, if not as a person.")


class PeerReadPush(Output):
    conversation_id = Id()
    user_id = Id()
    read_seq = serializers.IntegerField()


class JoinedPush(Output):
    conversation_id = Id()


class LeftPush(Output):
    conversation_id = Id()
    left_seq = serializers.IntegerField(help_text="The last row that is yours to read.")


class MineOutput(Output):
    """What depends on who reads."""

    role = serializers.ChoiceField(Membership.Role.choices)
    first_seq = serializers.IntegerField(help_text="Where the history begins that is mine to read.")
    left_seq = serializers.IntegerField(allow_null=True, help_text="Where it ended: I do not belong to it any more.")
    read_seq = serializers.IntegerField()
    unread = serializers.IntegerField()
    is_marked_unread = serializers.BooleanField()
    mention_seq = serializers.IntegerField(allow_null=True, help_text="The last row above my mark that calls for me.")
    alias = serializers.CharField(allow_blank=True)
    silenced_until = Time(allow_null=True)
    is_muted = serializers.BooleanField()
    is_pinned = serializers.BooleanField()
    is_hidden = serializers.BooleanField()
    peer = ProfileOutput(allow_null=True, help_text="The other one, in a conversation of two.")
    peer_read_seq = serializers.IntegerField(allow_null=True, help_text="Where both share their read marks.")
    persona = serializers.CharField(allow_null=True, help_text="The key of the persona as which I speak here.")


class MineInput(Input):
    is_muted = Boolean(required=False)
    is_pinned = Boolean(required=False, help_text="On top of the list, at most 50.")
    is_hidden = Boolean(required=False, help_text="Out of the list until the next message that counts.")
    is_marked_unread = Boolean(required=False, help_text="Until I read in it again, on any device.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("is_pinned") and attrs.get("is_hidden"):
            raise serializers.ValidationError({"is_hidden": [gettext("What is on top is not hidden.")]})
        return attrs


class ConversationsQuery(Input):
    only = serializers.ChoiceField(["all", "unread", "groups"], default="all")
    cursor = serializers.CharField(required=False, max_length=200)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=100, default=30)


class ConversationChangedPush(Output):
    conversation_id = Id()
    mine = MineOutput()


class GroupSettingsOutput(Output):
    is_silenced = serializers.BooleanField(help_text="Only the owner and administrators speak.")
    members_may_add = serializers.BooleanField()
    members_may_mention_all = serializers.BooleanField()
    joins_need_approval = serializers.BooleanField()
    newcomers_see_history = serializers.BooleanField()


class ConversationOutput(Output):
    id = Id()
    kind = serializers.ChoiceField(Conversation.Kind.choices)
    title = serializers.CharField(allow_blank=True)
    notice = serializers.CharField(allow_blank=True)
    purpose = serializers.CharField(allow_blank=True, help_text="For what a product opened it, such as taxi.ride.")
    reference = serializers.CharField(allow_blank=True, help_text="The product's id of what it was opened for.")
    member_count = serializers.IntegerField(help_text="0 where I have left.")
    owner_id = Id(allow_null=True)
    settings = GroupSettingsOutput(allow_null=True, help_text="Of a group.")
    last_seq = serializers.IntegerField()
    last_at = Time()
    last_message = MessageOutput(allow_null=True)
    closed_at = Time(allow_null=True)
    closes_at = Time(allow_null=True)
    mine = MineOutput()


class DirectInput(Input):
    user_id = Id()


class GroupInput(Input):
    title = Line(max_length=60)
    member_ids = serializers.ListField(
        child=Id(),
        min_length=1,
        max_length=MOST_WITHOUT_ASKING - 1,
        help_text="Friends of yours. More of them are invited once the group is there.",
    )


class MemberOutput(Output):
    """Either a person or a persona. Personas stand in front, all on the first page."""

    user = ProfileOutput(allow_null=True)
    persona = serializers.SerializerMethodField()
    role = serializers.ChoiceField(Membership.Role.choices)
    alias = serializers.CharField(
        allow_blank=True, help_text="What they are called here, where that is not their name."
    )
    silenced_until = Time(allow_null=True)
    joined_at = Time()

    @extend_schema_field(PersonaOutput(allow_null=True))
    def get_persona(self, membership: Membership) -> dict[str, Any] | None:
        return personas.of(membership)


class SyncQuery(Input):
    cursor = serializers.CharField(required=False, allow_blank=True, max_length=500, default="")


class KeptEventOutput(Output):
    event_id = serializers.CharField()
    type = serializers.CharField()
    payload = serializers.DictField()
    created_at = Time()


class SyncOutput(Output):
    conversations = ConversationOutput(many=True)
    events = KeptEventOutput(many=True)
    notices = NoticesOutput(allow_null=True, help_text="How they stand, on the last page.")
    cursor = serializers.CharField()
    has_more = serializers.BooleanField()
