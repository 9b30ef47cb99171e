"""Conversations, and who belongs to them."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

GROUP_LIMIT = 500
#: In a group that would have more members than this, whoever comes has to want it.
MOST_WITHOUT_ASKING = 40


class Conversation(models.Model):
    """A log of messages and the people who read it. A conversation of two is a group of two.

    ``last_seq`` numbers every row of the log; ``last_message_no`` only those that count as unread; ``last_shown_seq``
    is the last row that stands for itself (a recall, an edit, a reaction say something of an earlier one). They change
    with the log under this row's lock, which makes the order of commits the order of the numbers. No index may ever
    contain them, ``last_at`` or ``changed_at``: then the update stays within its page.
    """

    class Kind(models.TextChoices):
        DIRECT = "direct"
        GROUP = "group"
        #: Between people and somebody who serves them: a shop, a driver. Opened and closed by a product.
        SERVICE = "service"
        #: Of people who need not know each other, for as long as something lasts: a match, a ride.
        TEMPORARY = "temporary"

    id = models.BigIntegerField(primary_key=True, editable=False)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    title = models.CharField(max_length=60, default="")
    member_count = models.IntegerField()
    last_seq = models.BigIntegerField(default=0)
    last_message_no = models.BigIntegerField(default=0)
    last_shown_seq = models.BigIntegerField(db_default=0)
    #: When the last row was shown: the order of people's lists.
    last_at = models.DateTimeField(db_default=Now())
    #: When anything about it changed: what ``/sync/`` looks for.
    changed_at = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now())
    #: What the product that opened it opened it for: ``taxi.ride`` and its own id. Empty: people did.
    purpose = models.CharField(max_length=40, db_default="")
    reference = models.CharField(max_length=100, db_default="")
    #: Nobody speaks here any more: disbanded, or closed by the product that opened it.
    closed_at = models.DateTimeField(null=True)
    closes_at = models.DateTimeField(null=True)
    # What a group has agreed upon.
    notice = models.TextField(db_default="")
    #: Only the owner and administrators speak.
    is_silenced = models.BooleanField(db_default=False)
    members_may_add = models.BooleanField(db_default=True)
    members_may_mention_all = models.BooleanField(db_default=False)
    joins_need_approval = models.BooleanField(db_default=False)
    newcomers_see_history = models.BooleanField(db_default=False)
    #: The last row that calls for everybody.
    mention_all_seq = models.BigIntegerField(db_default=0)

    class Meta:
        db_table = "messaging_conversation"
        constraints = [
            models.CheckConstraint(
                condition=Q(last_message_no__gte=0, last_message_no__lte=F("last_seq")), name="conversation_counts"
            ),
            models.CheckConstraint(
                condition=Q(member_count__gte=0, member_count__lte=GROUP_LIMIT), name="conversation_size"
            ),
        ]
        indexes = [
            # For the loop that closes what is over; it contains nothing that changes with a message.
            models.Index(
                fields=["closes_at"], condition=Q(closed_at=None, closes_at__isnull=False), name="conversation_due"
            )
        ]


class OpenedConversation(models.Model):
    """The one conversation that a product opened for something of its own. A directory, as ``DirectPair`` is."""

    pk = models.CompositePrimaryKey("reference", "purpose")
    reference = models.CharField(max_length=100)
    purpose = models.CharField(max_length=40)
    conversation_id = models.BigIntegerField()

    class Meta:
        db_table = "messaging_opened_conversation"


class DirectPair(models.Model):
    """The one conversation of two people, ``lo`` the smaller id. A directory: conversations are spread by their id."""

    pk = models.CompositePrimaryKey("lo", "hi")
    lo = models.BigIntegerField()
    hi = models.BigIntegerField()
    conversation_id = models.BigIntegerField()

    class Meta:
        db_table = "messaging_direct_pair"
        constraints = [models.CheckConstraint(condition=Q(lo__lt=F("hi")), name="direct_pair_order")]


class GroupCreation(models.Model):
    """The key under which somebody created a group, so that a retry finds it."""

    pk = models.CompositePrimaryKey("creator_id", "client_id")
    creator_id = models.BigIntegerField()
    client_id = models.UUIDField()
    request_hash = models.BinaryField(max_length=32)
    conversation_id = models.BigIntegerField()

    class Meta:
        db_table = "messaging_group_creation"


class Membership(models.Model):
    """Somebody's place in a conversation: which rows they may read, how far they have, and how they want it shown.

    Whoever has left keeps their place up to ``left_seq``, the row that says so; joining again begins a new one there.
    """

    class Role(models.TextChoices):
        OWNER = "owner"
        ADMIN = "admin"
        MEMBER = "member"

    pk = models.CompositePrimaryKey("conversation_id", "user_id")
    conversation = models.ForeignKey(Conversation, on_delete=models.DO_NOTHING, related_name="+", db_index=False)
    user_id = models.BigIntegerField(db_index=True)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    joined_seq = models.BigIntegerField(default=1)
    read_seq = models.BigIntegerField(default=0)
    read_message_no = models.BigIntegerField(default=0)
    joined_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())
    left_seq = models.BigIntegerField(null=True)
    left_message_no = models.BigIntegerField(null=True)
    #: What the group was called when they left: what it is called now is no longer theirs to know.
    left_title = models.CharField(max_length=60, db_default="")
    #: They cleared the history: rows up to here are no longer theirs to see.
    cleared_seq = models.BigIntegerField(db_default=0)
    #: The last row that mentions them by name.
    mention_seq = models.BigIntegerField(db_default=0)
    #: What they are called in this group, where that is not their name.
    alias = models.CharField(max_length=40, db_default="")
    #: Until when the group's administrators let them not speak.
    silenced_until = models.DateTimeField(null=True)
    #: No sound, no number on the app's icon.
    is_muted = models.BooleanField(db_default=False)
    pinned_at = models.DateTimeField(null=True)
    #: Out of the list until a message comes after this one; null: shown.
    hidden_message_no = models.BigIntegerField(null=True)
    is_marked_unread = models.BooleanField(db_default=False)
    #: As whom the others see them here, ``kind:reference`` of a registered persona; empty: as themselves.
    persona = models.CharField(max_length=60, db_default="")

    class Meta:
        db_table = "messaging_membership"
        constraints = [
            models.CheckConstraint(
                condition=Q(read_message_no__gte=0, read_message_no__lte=F("read_seq")), name="membership_marks"
            ),
            models.CheckConstraint(
                condition=Q(left_seq=None, left_message_no=None)
                | Q(left_seq__isnull=False, left_message_no__isnull=False),
                name="membership_left_at_a_row",
            ),
            models.UniqueConstraint(
                fields=["conversation"], condition=Q(role="owner", left_seq=None), name="membership_one_owner"
            ),
        ]
