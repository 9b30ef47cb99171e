from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from superapp.core.idempotency import InsertOnceManager


class StoredFile(models.Model):
    """One file in storage, under a random key that says nothing about its owner or its content."""

    storage_key = models.CharField(max_length=100)
    content_type = models.CharField(max_length=60)
    size_bytes = models.IntegerField()
    width = models.IntegerField()
    height = models.IntegerField()

    class Meta:
        abstract = True


class Asset(StoredFile):
    """What somebody uploaded, at full size, together with what it is for and what it hangs on.

    ``reference`` is null until ``attach``: only its owner sees it. ``due_at`` is when a worker may next process it: a
    claim moves it ahead, which makes it a lease for the one who claimed and a pause before the next attempt.
    """

    class Kind(models.TextChoices):
        PHOTO = "photo"

    class State(models.TextChoices):
        PROCESSING = "processing"
        READY = "ready"
        FAILED = "failed"

    id = models.BigIntegerField(primary_key=True, editable=False)
    owner_id = models.BigIntegerField()
    client_id = models.UUIDField()
    request_hash = models.BinaryField(max_length=32)
    purpose = models.CharField(max_length=40)
    reference = models.CharField(max_length=100, null=True)  # noqa: DJ001  (null: not attached)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PROCESSING)
    attempts = models.SmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)
    #: Part of every link's signature. It grows when the asset is detached, so that all older links die.
    link_generation = models.IntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    #: Set on what ``services.store`` returns: an earlier upload of the same file with the same key.
    is_replay: bool = False
    objects: ClassVar[InsertOnceManager[Self]] = InsertOnceManager()

    class Meta:
        db_table = "media_asset"
        constraints = [
            models.UniqueConstraint(fields=["owner_id", "client_id"], name="asset_client_id"),
            models.CheckConstraint(condition=Q(kind__in=["photo"]), name="asset_kind"),
            models.CheckConstraint(condition=Q(state__in=["processing", "ready", "failed"]), name="asset_state"),
            models.CheckConstraint(condition=Q(size_bytes__gt=0, width__gt=0, height__gt=0), name="asset_size"),
            models.CheckConstraint(condition=Q(attempts__gte=0), name="asset_attempts"),
        ]
        indexes = [
            models.Index(fields=["purpose", "reference"], condition=Q(reference__isnull=False), name="asset_reference"),
            models.Index(fields=["due_at"], condition=Q(state="processing"), name="asset_due"),
        ]


class Variant(StoredFile):
    """A smaller copy of an asset, named by its purpose."""

    pk = models.CompositePrimaryKey("asset_id", "name")
    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="variants", db_index=False)
    name = models.CharField(max_length=20)

    class Meta:
        db_table = "media_variant"
        constraints = [
            models.CheckConstraint(condition=Q(size_bytes__gt=0, width__gt=0, height__gt=0), name="variant_size"),
        ]
