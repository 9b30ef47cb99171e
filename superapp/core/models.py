from django.db import models


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
        indexes = [
            models.Index(fields=["shard", "id"], condition=models.Q(done_at=None), name="core_outbox_open"),
            models.Index(fields=["key", "id"], condition=models.Q(done_at=None), name="core_outbox_open_by_key"),
        ]


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
