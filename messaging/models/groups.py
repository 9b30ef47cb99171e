"""Ways into a group: links, invitations, and requests that wait for consent."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from messaging.models.conversations import Conversation


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
