"""Shapes of people: friends and their tags, requests, blocks, search, reports and privacy."""

from typing import Any

from django.utils.translation import gettext
from rest_framework import serializers

from messaging.models import (
    FriendRequest,
    Friendship,
    Preferences,
)
from superapp.accounts.api.serializers import ProfileOutput
from superapp.core.api.fields import Boolean, Id, Input, Integer, Line, Output, Text, Time
from superapp.core.ids import MAX_ID
from superapp.safety.services import Reason


class FriendAddedPush(Output):
    user_id = Id()
    conversation_id = Id()


class FriendOutput(Output):
    user = ProfileOutput()
    remark = serializers.CharField(allow_blank=True)
    tag_ids = serializers.ListField(child=Id())
    source = serializers.ChoiceField(Friendship.Source.choices)  # type: ignore[assignment]
    conversation_id = Id()
    created_at = Time()


class FriendInput(Input):
    """One of both, or both."""

    remark = Text(required=False, max_length=40, allow_blank=True)
    tag_ids = serializers.ListField(
        child=Id(), required=False, max_length=100, help_text="Of my own tags: exactly these from now on."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError({"remark": [gettext("Say what to change.")]})
        return attrs


class FriendsQuery(Input):
    tag_id = Id(required=False, help_text="Those under this tag of mine.")
    cursor = serializers.CharField(required=False, max_length=200)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=100, default=30)


class TagInput(Input):
    name = Line(max_length=20)


class TagOutput(Output):
    id = Id()
    name = serializers.CharField()


class FriendChangedPush(Output):
    user_id = Id()


class TagsChangedPush(Output):
    tags = TagOutput(many=True)


class FriendRequestInput(Input):
    """Exactly one of ``handle``, ``phone``, ``link`` and ``user_id``. ``user_id`` with ``conversation_id``: of somebody
    in the same group; with ``seq`` as well: whose contact card that message is; alone: as found by handle."""

    user_id = Id(required=False)
    handle = Text(required=False, max_length=20)
    phone = Text(required=False, max_length=32, help_text="International form, such as +33 6 12 34 56 78.")
    link = Text(required=False, max_length=300, help_text="What stands in their QR code, as it was scanned.")
    conversation_id = Id(required=False)
    seq = Integer(required=False, min_value=1, max_value=MAX_ID)
    greeting = Text(required=False, default="", allow_blank=True, max_length=100)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len({"user_id", "handle", "phone", "link"} & attrs.keys()) != 1:
            raise serializers.ValidationError({"handle": [gettext("One of handle, phone, link and user_id.")]})
        for name, needed in (("conversation_id", "user_id"), ("seq", "conversation_id")):
            if name in attrs and needed not in attrs:
                text = gettext("This needs %(name)s.") % {"name": needed}
                raise serializers.ValidationError({name: [text]})
        return attrs


class FriendRequestOutput(Output):
    id = Id()
    sender = ProfileOutput()
    recipient = ProfileOutput()
    source = serializers.ChoiceField(Friendship.Source.choices)  # type: ignore[assignment]
    greeting = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(
        [*FriendRequest.State.choices, ("expired", "expired")],
        source="shown_state",
        help_text="A request that nobody answered in ten days is expired; it may be made again.",
    )
    created_at = Time()


class DirectionQuery(Input):
    direction = serializers.ChoiceField(["incoming", "outgoing"], default="incoming")
    cursor = serializers.CharField(required=False, max_length=200)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=100, default=30)


class BlockOutput(Output):
    user = ProfileOutput()
    created_at = Time()


class HandleQuery(Input):
    handle = serializers.CharField(max_length=20)


class ReportInput(Input):
    reason = serializers.ChoiceField(Reason.choices)
    comment = Text(required=False, default="", allow_blank=True, max_length=500)


class ReportOutput(Output):
    id = Id()


class PeopleQuery(Input):
    prefix = Text(min_length=3, max_length=20, help_text="How the handle begins, at least three characters.")


class PhoneInput(Input):
    phone = Text(max_length=32, help_text="International form, such as +33 6 12 34 56 78.")


class OnlineFriendOutput(Output):
    user_id = Id()


class PreferencesInput(Input):
    shares_read_marks = Boolean(required=False)
    is_found_by_handle = Boolean(required=False)
    is_found_by_phone = Boolean(required=False)
    addable_by = serializers.ChoiceField(Preferences.AddableBy.choices, required=False)
    presence_for = serializers.ChoiceField(Preferences.PresenceFor.choices, required=False)


class PreferencesOutput(Output):
    shares_read_marks = serializers.BooleanField(
        help_text="Show in conversations of two how far I have read, and see it of those who share theirs."
    )
    is_found_by_handle = serializers.BooleanField(help_text="Friends find each other in any case.")
    is_found_by_phone = serializers.BooleanField()
    addable_by = serializers.ChoiceField(
        Preferences.AddableBy.choices,
        help_text="Who may ask to be friends; card: whoever has my QR code or was given my contact card.",
    )
    presence_for = serializers.ChoiceField(Preferences.PresenceFor.choices, help_text="Who may know that I am there.")
