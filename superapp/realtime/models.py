from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now


class Ticket(models.Model):
    """The right to open or prolong one socket, once, for some seconds."""

    pk = models.CompositePrimaryKey("user_id", "digest")
    user_id = models.BigIntegerField()
    digest = models.CharField(max_length=64)
    device_id = models.BigIntegerField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "realtime_ticket"


class KeptEvent(models.Model):
    """A personal event that ``/sync/`` returns to devices that were not there when it was pushed."""

    pk = models.CompositePrimaryKey("user_id", "id")
    user_id = models.BigIntegerField()
    id = models.BigIntegerField()
    type = models.CharField(max_length=60)
    payload = models.JSONField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "realtime_kept_event"
        indexes = [
            models.Index(fields=["user_id", "created_at", "id"], name="realtime_kept_by_time"),
            # For retention. Rows lie in the order of time, so this one stays tiny.
            BrinIndex(fields=["created_at"], name="realtime_kept_old"),
        ]
