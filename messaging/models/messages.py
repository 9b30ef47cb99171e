"""The log of a conversation, and what is done to its rows."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from messaging.models.conversations import Conversation

#: The sender of rows that nobody wrote.
NOBODY = 0


class Message(models.Model):
    """A row of a conversation's log. ``message_no`` counts up to and including this row.

    What is done to a row later is a row of its own, whose ``ref_seq`` names it, and shows in the columns of the first:
    ``edited_at`` and ``recalled_at``, with its ``body`` as it is now.
    """

    class Kind(models.TextChoices):
        # What people say.
        TEXT = "text"
        PHOTO = "photo"
        VOICE = "voice"
        VIDEO = "video"
        FILE = "file"
        LOCATION = "location"
        CONTACT = "contact"
        RECORD = "record"
        # What a product shows; only server code writes it.
        CARD = "card"
        CARD_UPDATED = "card_updated"
        # What happened to the conversation.
        GROUP_CREATED = "group_created"
        CONVERSATION_OPENED = "conversation_opened"
        MEMBERS_CHANGED = "members_changed"
        CONVERSATION_CLOSED = "conversation_closed"
        FRIENDS_NOW = "friends_now"
        MEMBERS_ADDED = "members_added"
        MEMBER_JOINED = "member_joined"
        MEMBER_REMOVED = "member_removed"
        MEMBER_LEFT = "member_left"
        MEMBER_SILENCED = "member_silenced"
        ALIAS_CHANGED = "alias_changed"
        ADMIN_APPOINTED = "admin_appointed"
        ADMIN_DISMISSED = "admin_dismissed"
        OWNER_CHANGED = "owner_changed"
        TITLE_CHANGED = "title_changed"
        NOTICE_CHANGED = "notice_changed"
        NOTICE_REMOVED = "notice_removed"
        SETTINGS_CHANGED = "settings_changed"
        GROUP_DISBANDED = "group_disbanded"
        # What happened to a message.
        EDITED = "edited"
        RECALLED = "recalled"
        REACTED = "reacted"
        # What somebody is shown in the place of a message that they deleted for themselves; no row has it.
        DELETED = "deleted"

    pk = models.CompositePrimaryKey("conversation_id", "seq")
    conversation = models.ForeignKey(Conversation, on_delete=models.DO_NOTHING, related_name="+", db_index=False)
    seq = models.BigIntegerField()
    message_no = models.BigIntegerField()
    sender_id = models.BigIntegerField()
    client_id = models.UUIDField()
    request_hash = models.BinaryField(max_length=32)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    body = models.JSONField()
    created_at = models.DateTimeField()
    #: The row that this one says something of.
    ref_seq = models.BigIntegerField(null=True)
    #: The row that this one answers.
    quote_seq = models.BigIntegerField(null=True)
    edited_at = models.DateTimeField(null=True)
    recalled_at = models.DateTimeField(null=True)
    #: As whom the sender speaks, ``kind:reference`` of a registered persona; empty: as themselves.
    persona = models.CharField(max_length=60, default="", db_default="")
    #: How many people reacted with what.
    reactions = models.JSONField(default=dict, db_default={})

    class Meta:
        db_table = "messaging_message"
        constraints = [
            models.UniqueConstraint(fields=["conversation", "sender_id", "client_id"], name="message_once"),
            models.CheckConstraint(condition=Q(seq__gte=1, message_no__gte=0), name="message_numbers"),
            models.CheckConstraint(condition=Q(ref_seq=None) | Q(ref_seq__lt=F("seq")), name="message_refers_back"),
            models.CheckConstraint(condition=Q(quote_seq=None) | Q(quote_seq__lt=F("seq")), name="message_quotes_back"),
            models.CheckConstraint(condition=Q(recalled_at=None) | Q(body={}), name="message_recalled_says_nothing"),
        ]
        indexes = [
            models.Index(
                fields=["conversation", "quote_seq"], condition=Q(quote_seq__isnull=False), name="message_quotes"
            )
        ]

    @property
    def shown_sender_id(self) -> int | None:
        """Who is said to have written it; None where nobody did, or somebody whom the others know as a persona."""
        return None if self.sender_id == NOBODY or self.persona else self.sender_id


#: Kinds of rows that somebody said: what can be quoted and reacted to.
SAID = frozenset(
    {
        Message.Kind.TEXT,
        Message.Kind.PHOTO,
        Message.Kind.VOICE,
        Message.Kind.VIDEO,
        Message.Kind.FILE,
        Message.Kind.LOCATION,
        Message.Kind.CONTACT,
        Message.Kind.RECORD,
        Message.Kind.CARD,
    }
)


class Reaction(models.Model):
    """Somebody's emoji at a message; the message's own ``reactions`` is the sum of these."""

    pk = models.CompositePrimaryKey("conversation_id", "seq", "user_id", "emoji")
    conversation = models.ForeignKey(Conversation, on_delete=models.DO_NOTHING, related_name="+", db_index=False)
    seq = models.BigIntegerField()
    user_id = models.BigIntegerField()
    emoji = models.CharField(max_length=16)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "messaging_reaction"


class MessageVersion(models.Model):
    """What a text said before it was edited: 1, 2, 3 …, the first as it was sent."""

    pk = models.CompositePrimaryKey("conversation_id", "seq", "version")
    conversation = models.ForeignKey(Conversation, on_delete=models.DO_NOTHING, related_name="+", db_index=False)
    seq = models.BigIntegerField()
    version = models.IntegerField()
    body = models.JSONField()
    written_at = models.DateTimeField()

    class Meta:
        db_table = "messaging_message_version"
        constraints = [models.CheckConstraint(condition=Q(version__gte=1), name="message_version_from_one")]


class ChatRecord(models.Model):
    """The rows in a message of the kind ``record``: who said what and when, frozen. Apart from the message, which
    everybody gets whole."""

    pk = models.CompositePrimaryKey("conversation_id", "seq")
    conversation = models.ForeignKey(Conversation, on_delete=models.DO_NOTHING, related_name="+", db_index=False)
    seq = models.BigIntegerField()
    entries = models.JSONField()

    class Meta:
        db_table = "messaging_record"


class HiddenMessage(models.Model):
    """A row that somebody deleted for themselves. Clearing the history up to it makes this needless, and deletes it."""

    pk = models.CompositePrimaryKey("conversation_id", "user_id", "seq")
    conversation = models.ForeignKey(Conversation, on_delete=models.DO_NOTHING, related_name="+", db_index=False)
    user_id = models.BigIntegerField()
    seq = models.BigIntegerField()

    class Meta:
        db_table = "messaging_hidden_message"
