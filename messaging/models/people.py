"""Friends, requests, blocks, and what somebody lets others do and see."""

from datetime import timedelta

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone


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
