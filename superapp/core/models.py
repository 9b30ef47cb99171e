from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class OutboxEvent(models.Model):
    """One event for one handler, to be delivered at least once.

    ``id`` comes from a sequence, not from ``new_id()``: writers of one key are serialised by the row they changed, and
    a sequence then numbers them in commit order, which ids of different processes do not promise.
    """

    id = models.BigAutoField(primary_key=True)
    handler = models.CharField(max_length=200)
    key = models.CharField(max_length=200)
    shard = models.SmallIntegerField()
    event = models.JSONField()
    attempts = models.SmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    error = models.TextField(default="")

    class Meta:
        db_table = "core_outbox"
        verbose_name = _("outbox row")
        verbose_name_plural = _("outbox")
        default_permissions = ("view",)
        permissions = [("retry_outboxevent", "Can retry parked rows of the outbox")]
        indexes = [
            models.Index(fields=["shard", "id"], condition=models.Q(done_at=None), name="core_outbox_open"),
            models.Index(fields=["key", "id"], condition=models.Q(done_at=None), name="core_outbox_open_by_key"),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.handler}"


class Lease(models.Model):
    """Who may do the work of one shard of a loop. ``token`` grows with every change of hands (a fencing token)."""

    pk = models.CompositePrimaryKey("name", "shard")
    name = models.CharField(max_length=80)
    shard = models.CharField(max_length=80)
    owner = models.CharField(max_length=80)
    lease_until = models.DateTimeField()
    token = models.BigIntegerField()

    class Meta:
        db_table = "core_lease"
        constraints = [
            # Makes the token part of a key: who changes it waits for everybody who guards a write with it
            # (FOR KEY SHARE), while the holder goes on prolonging the lease.
            models.UniqueConstraint(fields=["name", "shard", "token"], name="core_lease_token")
        ]


class Link(models.Model):
    """A link that was given out, by the hash of its token. Ended is what has expired: by time, by use or by hand."""

    digest = models.CharField(primary_key=True, max_length=64)
    kind = models.CharField(max_length=40)
    reference = models.CharField(max_length=200)
    # Of the one that can be shown again, see ``links.standing``.
    salt = models.CharField(max_length=40, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    uses_left = models.IntegerField(null=True)

    class Meta:
        db_table = "core_link"
        indexes = [
            models.Index(fields=["kind", "reference"], name="core_link_leads_to"),
            models.Index(fields=["expires_at"], condition=models.Q(expires_at__isnull=False), name="core_link_ended"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(uses_left__gte=0), name="core_link_uses"),
            models.UniqueConstraint(
                fields=["kind", "reference"],
                condition=~models.Q(salt="") & models.Q(expires_at=None),
                name="core_link_standing",
            ),
        ]


class AuditEntry(models.Model):
    """Who did what to what, when and why. Written by ``audit.record`` and never changed: the database refuses it.

    People and organisations are bare ids: this room is below theirs, and what they did outlives them.
    """

    id = models.BigIntegerField(primary_key=True, editable=False)
    at = models.DateTimeField(db_default=Now())
    actor_id = models.BigIntegerField(null=True)
    action = models.CharField(max_length=100)
    subject_kind = models.CharField(max_length=60)
    subject_id = models.CharField(max_length=100)
    organisation_id = models.BigIntegerField(null=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.TextField(default="")
    request_id = models.CharField(max_length=64, default="")
    client_address = models.CharField(max_length=50, default="")

    class Meta:
        db_table = "core_audit"
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        default_permissions = ("view",)
        permissions = [("export_auditentry", "Can export the audit log")]
        indexes = [
            models.Index(fields=["subject_kind", "subject_id", "id"], name="core_audit_subject"),
            models.Index(fields=["actor_id", "id"], name="core_audit_actor"),
            models.Index(
                fields=["organisation_id", "id"],
                condition=models.Q(organisation_id__isnull=False),
                name="core_audit_organisation",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(action="") & ~models.Q(subject_kind=""), name="core_audit_says_what"
            )
        ]
