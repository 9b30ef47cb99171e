from rest_framework import serializers

from superapp.core.api.fields import Id, Input, Output, Time


class CardOutput(Output):
    """A product's card, as in the body of a message with kind ``card``."""

    kind = serializers.CharField()
    reference = serializers.CharField()
    version = serializers.IntegerField()
    data = serializers.DictField()  # type: ignore[assignment]  # as the protocol names it
    fallback = serializers.DictField(child=serializers.CharField(), help_text="In a sentence, by language.")


class NoticeOutput(Output):
    id = Id()
    kind = serializers.CharField()
    text = serializers.CharField(help_text="In my language.")
    params = serializers.DictField()
    card = CardOutput(allow_null=True)
    live = serializers.DictField(allow_null=True, help_text="Of the card: what its product says right now, to me.")
    is_read = serializers.BooleanField()
    is_silent = serializers.BooleanField(help_text="I had muted its kind: it does not count.")
    created_at = Time()


class NoticesOutput(Output):
    unread = serializers.IntegerField(help_text="100: as many or more.")
    last = NoticeOutput(allow_null=True)


class UnreadOutput(Output):
    unread = serializers.IntegerField(help_text="100: as many or more.")


class ReadNoticesInput(Input):
    up_to = Id(help_text="The newest that was on the screen.")


class NoticeKindOutput(Output):
    kind = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # as the protocol names it
    is_muted = serializers.BooleanField()


class BadgeOutput(Output):
    total = serializers.IntegerField()
    parts = serializers.DictField(child=serializers.IntegerField(), help_text="By app; total is their sum.")


class PreviewOutput(Output):
    text = serializers.CharField()
    at = Time()


class InboxEntryOutput(Output):
    app = serializers.CharField()
    unread = serializers.IntegerField()
    preview = PreviewOutput()
