"""What products tell one person."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


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
