"""Shapes of what is done with groups."""

from rest_framework import serializers

from messaging.models import GROUP_LIMIT
from superapp.accounts.api.serializers import ProfileOutput
from superapp.core.api.fields import Boolean, Id, Input, Line, Output, Text, Time
from superapp.core.api.links import MAX_CONTENT

MAX_NOTICE = 2000


class GroupChangeInput(Input):
    """Any of these; what is left out stays."""

    title = Line(required=False, max_length=60)
    is_silenced = Boolean(required=False, help_text="Only the owner and administrators speak.")
    members_may_add = Boolean(required=False)
    members_may_mention_all = Boolean(required=False)
    joins_need_approval = Boolean(required=False)
    newcomers_see_history = Boolean(required=False)


class NoticeInput(Input):
    notice = Text(allow_blank=True, max_length=MAX_NOTICE, help_text="Empty: none any more.")


class AliasInput(Input):
    alias = Line(allow_blank=True, max_length=40, help_text="Empty: by my name.")


class OwnerInput(Input):
    user_id = Id()


class SilenceInput(Input):
    until = Time(help_text="By the server's clock.")


class AddInput(Input):
    user_ids = serializers.ListField(child=Id(), min_length=1, max_length=GROUP_LIMIT, help_text="Friends of yours.")


class AddedOutput(Output):
    added_ids = serializers.ListField(child=Id(), help_text="They are in.")
    invited_ids = serializers.ListField(child=Id(), help_text="They have to accept: the group is large.")
    waiting_ids = serializers.ListField(child=Id(), help_text="The owner or an administrator has to consent.")


class GroupInvitationOutput(Output):
    """To me."""

    conversation_id = Id()
    title = serializers.CharField(source="conversation.title")
    member_count = serializers.IntegerField(source="conversation.member_count")
    inviter = ProfileOutput()
    created_at = Time()
    expires_at = Time()


class SentInvitationOutput(Output):
    """From somebody in the group."""

    invitee = ProfileOutput()
    inviter = ProfileOutput()
    created_at = Time()
    expires_at = Time()


class GroupLinkOutput(Output):
    id = Id()
    issuer = ProfileOutput()
    created_at = Time()
    expires_at = Time()


class IssuedGroupLinkOutput(GroupLinkOutput):
    url = serializers.CharField()
    svg = serializers.CharField(help_text="The same as a QR code.")


class JoinInput(Input):
    link = Text(max_length=MAX_CONTENT, help_text="What the camera read, as it is.")


class ComingOutput(Output):
    conversation_id = Id()
    is_in = serializers.BooleanField(help_text="Else the owner or an administrator has to consent.")


class JoinRequestOutput(Output):
    user = ProfileOutput()
    inviter = ProfileOutput()
    created_at = Time()


class JoinRequestedPush(Output):
    conversation_id = Id()
    user_ids = serializers.ListField(child=Id())
