from datetime import timedelta

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

GROUP_LIMIT = 500
#: In a group that would have more members than this, whoever comes has to want it.
MOST_WITHOUT_ASKING = 40
#: The sender of rows that nobody wrote.
NOBODY = 0


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


class GroupLink(models.Model):
    """A link, or QR code, by which people come to a group, as long as whoever made it may add members themselves."""

    pk = models.CompositePrimaryKey("conversation_id", "id")
    conversation = models.ForeignKey(Conversation, on_delete=models.DO_NOTHING, related_name="+", db_index=False)
    id = models.BigIntegerField()
    issuer_id = models.BigIntegerField()
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "messaging_group_link"
        indexes = [models.Index(fields=["conversation", "-created_at", "-id"], name="group_link_list")]


class GroupInvitation(models.Model):
    """The latest invitation of somebody to a group; inviting again renews it. It ends with the inviter's right to add
    members."""

    class State(models.TextChoices):
        PENDING = "pending"
        ACCEPTED = "accepted"
        DECLINED = "declined"
        REVOKED = "revoked"

    pk = models.CompositePrimaryKey("conversation_id", "invitee_id")
    conversation = models.ForeignKey(Conversation, on_delete=models.DO_NOTHING, related_name="+", db_index=False)
    invitee_id = models.BigIntegerField()
    inviter_id = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=State.choices)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "messaging_group_invitation"
        constraints = [
            models.CheckConstraint(condition=~Q(invitee_id=F("inviter_id")), name="group_invitation_of_two"),
        ]
        indexes = [
            models.Index(fields=["invitee_id", "-created_at", "-conversation"], name="group_invitation_incoming"),
            models.Index(fields=["conversation", "-created_at", "-invitee_id"], name="group_invitation_list"),
        ]


class JoinRequest(models.Model):
    """The latest wish to join a group that its owner or an administrator has to grant; asking again renews it."""

    class State(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        DECLINED = "declined"

    pk = models.CompositePrimaryKey("conversation_id", "user_id")
    conversation = models.ForeignKey(Conversation, on_delete=models.DO_NOTHING, related_name="+", db_index=False)
    user_id = models.BigIntegerField()
    #: Who brought them: by adding them, by an invitation or by a link.
    inviter_id = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=State.choices)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "messaging_join_request"
        indexes = [
            models.Index(
                fields=["conversation", "-created_at", "-user_id"],
                condition=Q(state="pending"),
                name="join_request_waiting",
            ),
            # For whoever leaves the product.
            models.Index(fields=["user_id"], name="join_request_person"),
        ]


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


class NewestCard(models.Model):
    """What a card says now, for all its copies. A directory: the copies are in conversations, each a row of its log."""

    pk = models.CompositePrimaryKey("reference", "kind")
    reference = models.CharField(max_length=100)
    kind = models.CharField(max_length=40)
    version = models.BigIntegerField()
    data = models.JSONField()
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "messaging_card"
        constraints = [models.CheckConstraint(condition=Q(version__gte=1), name="card_version")]


class CardCopy(models.Model):
    """Where a card was posted or forwarded to, and which version stands there."""

    pk = models.CompositePrimaryKey("reference", "kind", "conversation_id", "seq")
    reference = models.CharField(max_length=100)
    kind = models.CharField(max_length=40)
    conversation_id = models.BigIntegerField()
    seq = models.BigIntegerField()
    version = models.BigIntegerField()

    class Meta:
        db_table = "messaging_card_copy"
        constraints = [models.CheckConstraint(condition=Q(version__gte=1, seq__gte=1), name="card_copy_numbers")]


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


class Friendship(models.Model):
    """One direction of a friendship: what ``user_id`` keeps about ``friend_id``. Both directions exist, or none."""

    class Source(models.TextChoices):
        HANDLE = "handle"
        PHONE = "phone"
        QR = "qr"
        GROUP = "group"
        CARD = "card"
        NEARBY = "nearby"

    pk = models.CompositePrimaryKey("user_id", "friend_id")
    user_id = models.BigIntegerField()
    friend_id = models.BigIntegerField()
    remark = models.CharField(max_length=40, default="")
    source = models.CharField(max_length=10, choices=Source.choices)
    conversation_id = models.BigIntegerField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "messaging_friendship"
        constraints = [models.CheckConstraint(condition=~Q(user_id=F("friend_id")), name="friendship_of_two")]
        indexes = [models.Index(fields=["user_id", "-created_at", "-friend_id"], name="friendship_list")]


class FriendTag(models.Model):
    """What somebody files friends under. Nobody else learns of it."""

    pk = models.CompositePrimaryKey("user_id", "id")
    user_id = models.BigIntegerField()
    id = models.BigIntegerField()
    name = models.CharField(max_length=20)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "messaging_friend_tag"
        constraints = [models.UniqueConstraint(fields=["user_id", "name"], name="friend_tag_name")]


class TaggedFriend(models.Model):
    """A friend under one of somebody's tags. It ends with either."""

    pk = models.CompositePrimaryKey("user_id", "friend_id", "tag_id")
    user_id = models.BigIntegerField()
    friend_id = models.BigIntegerField()
    tag_id = models.BigIntegerField()

    class Meta:
        db_table = "messaging_tagged_friend"
        indexes = [models.Index(fields=["user_id", "tag_id", "friend_id"], name="tagged_friends")]


class FriendRequest(models.Model):
    """The latest request of one person to another; asking again renews it. One that nobody answered ends by itself."""

    #: For so long it waits for an answer.
    LIFETIME = timedelta(days=10)

    class State(models.TextChoices):
        PENDING = "pending"
        ACCEPTED = "accepted"
        DECLINED = "declined"

    pk = models.CompositePrimaryKey("recipient_id", "sender_id")
    recipient_id = models.BigIntegerField()
    sender_id = models.BigIntegerField()
    id = models.BigIntegerField()
    source = models.CharField(max_length=10, choices=Friendship.Source.choices)
    greeting = models.CharField(max_length=100, default="")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "messaging_friend_request"
        constraints = [
            models.UniqueConstraint(fields=["recipient_id", "id"], name="friend_request_id"),
            models.CheckConstraint(condition=~Q(recipient_id=F("sender_id")), name="friend_request_of_two"),
        ]
        indexes = [
            models.Index(fields=["recipient_id", "-created_at", "-id"], name="friend_request_incoming"),
            models.Index(fields=["sender_id", "-created_at", "-id"], name="friend_request_outgoing"),
        ]

    @property
    def is_expired(self) -> bool:
        return self.state == self.State.PENDING and self.created_at <= timezone.now() - self.LIFETIME

    @property
    def shown_state(self) -> str:
        return "expired" if self.is_expired else self.state


class Block(models.Model):
    """``user_id`` does not want to hear from ``blocked_id``."""

    pk = models.CompositePrimaryKey("user_id", "blocked_id")
    user_id = models.BigIntegerField()
    blocked_id = models.BigIntegerField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "messaging_block"
        constraints = [models.CheckConstraint(condition=~Q(user_id=F("blocked_id")), name="block_of_two")]
        indexes = [models.Index(fields=["user_id", "-created_at", "-blocked_id"], name="block_list")]


class Preferences(models.Model):
    """What somebody chose for their chats. Read marks are shown to the other one only where both share theirs."""

    class AddableBy(models.TextChoices):
        EVERYBODY = "everybody"
        #: Whoever holds their QR code, or was given their contact card.
        CARD = "card"
        NOBODY = "nobody"

    class PresenceFor(models.TextChoices):
        FRIENDS = "friends"
        NOBODY = "nobody"

    user_id = models.BigIntegerField(primary_key=True)
    shares_read_marks = models.BooleanField(default=False)
    is_found_by_handle = models.BooleanField(default=True, db_default=True)
    is_found_by_phone = models.BooleanField(default=False, db_default=False)
    #: Who may ask them to be friends.
    addable_by = models.CharField(
        max_length=10, choices=AddableBy.choices, default=AddableBy.EVERYBODY, db_default=AddableBy.EVERYBODY
    )
    #: Who may know that they are there.
    presence_for = models.CharField(
        max_length=10, choices=PresenceFor.choices, default=PresenceFor.FRIENDS, db_default=PresenceFor.FRIENDS
    )

    class Meta:
        db_table = "messaging_preferences"
        constraints = [
            models.CheckConstraint(
                condition=Q(addable_by__in=["everybody", "card", "nobody"], presence_for__in=["friends", "nobody"]),
                name="preferences_are_choices",
            )
        ]


class Notice(models.Model):
    """What a product tells somebody, outside of any conversation. Its words are made when it is read.

    Numbers do not come in the order of commits, so what was read is noted in each row: one that commits late is unread
    although later ones were read. A deleted one stays, empty, so that telling it again changes nothing.
    """

    pk = models.CompositePrimaryKey("user_id", "id")
    user_id = models.BigIntegerField()
    id = models.BigIntegerField()
    kind = models.CharField(max_length=40)
    params = models.JSONField()
    dedupe_key = models.CharField(max_length=120)
    card_kind = models.CharField(max_length=40, default="")
    card_reference = models.CharField(max_length=100, default="")
    #: The person had muted this kind: it is in the list and counts nowhere.
    is_silent = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())
    read_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "messaging_notice"
        constraints = [
            models.UniqueConstraint(fields=["user_id", "dedupe_key"], name="notice_once"),
            models.CheckConstraint(
                condition=Q(card_kind="", card_reference="") | (~Q(card_kind="") & ~Q(card_reference="")),
                name="notice_card",
            ),
            models.CheckConstraint(condition=Q(deleted_at=None) | Q(params={}), name="notice_deleted_says_nothing"),
        ]
        indexes = [
            models.Index(
                fields=["user_id", "id"],
                condition=Q(read_at=None, deleted_at=None, is_silent=False),
                name="notice_unread",
            ),
            # For retention. Rows lie in the order of time, so this one stays tiny.
            BrinIndex(fields=["created_at"], name="notice_old"),
        ]


class NoticeMute(models.Model):
    """``user_id`` wants no number for notices of this kind."""

    pk = models.CompositePrimaryKey("user_id", "kind")
    user_id = models.BigIntegerField()
    kind = models.CharField(max_length=40)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "messaging_notice_mute"
