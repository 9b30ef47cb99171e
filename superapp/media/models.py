from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from superapp.core.idempotency import InsertOnceManager


class StoredFile(models.Model):
    """One file in storage, under a random key that says nothing about its owner or its content."""

    storage_key = models.CharField(max_length=100)
    content_type = models.CharField(max_length=60)
    size_bytes = models.IntegerField()

    class Meta:
        abstract = True


class Asset(StoredFile):
    """What somebody uploaded, at full size, together with what it is for and what it hangs on.

    Voice and video are the bytes that came until a worker has made the clean copy, which then takes their place.
    ``reference`` is null until ``attach``: only its owner sees it, and ``unused_since`` says for how long. ``due_at``
    is when a worker may next process it: a claim moves it ahead, which makes it a lease for the one who claimed and a
    pause before the next attempt.
    """

    class Kind(models.TextChoices):
        PHOTO = "photo"
        VOICE = "voice"
        VIDEO = "video"
        FILE = "file"

    class State(models.TextChoices):
        PROCESSING = "processing"
        READY = "ready"
        FAILED = "failed"
        # Given up for deletion: its files may be gone already, so nobody is shown it and nothing may hang on it.
        DELETING = "deleting"

    class Refusal(models.TextChoices):
        """Why processing failed for good: the codes are part of the API."""

        UNSUPPORTED = "unsupported_media"
        DAMAGED = "file_damaged"
        TOO_LONG = "too_long"
        TOO_MANY_PIXELS = "too_many_pixels"
        # More time or memory than anybody may have.
        TOO_HEAVY = "too_heavy"

    id = models.BigIntegerField(primary_key=True, editable=False)
    owner_id = models.BigIntegerField()
    client_id = models.UUIDField()
    request_hash = models.BinaryField(max_length=32)
    purpose = models.CharField(max_length=40)
    reference = models.CharField(max_length=100, null=True)  # noqa: DJ001  (null: not attached)
    unused_since = models.DateTimeField(db_default=Now())
    kind = models.CharField(max_length=10, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PROCESSING)
    attempts = models.SmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)
    refusal = models.CharField(max_length=20, choices=Refusal.choices, default="", db_default="")
    #: The upload of which this is a copy: another row over the same files.
    source_id = models.BigIntegerField(null=True)
    #: What its owner calls it, made harmless; only files have one.
    name = models.CharField(max_length=120, default="", db_default="")
    # In pixels; null where there is nothing to see, or where nobody has looked yet.
    width = models.IntegerField(null=True)
    height = models.IntegerField(null=True)
    duration_ms = models.IntegerField(null=True)
    #: How loud each part of a voice message is, one byte from 0 to 100 per part.
    waveform = models.BinaryField(max_length=64, null=True)
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
            models.CheckConstraint(
                condition=Q(kind__in=["photo", "voice", "video", "file"]), name="asset_kind_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["processing", "ready", "failed", "deleting"]), name="asset_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(refusal="") | Q(state__in=["failed", "deleting"]), name="asset_refusal_is_final"
            ),
            # What is shown of it is known, for each kind, before anybody but its owner can be shown it.
            models.CheckConstraint(
                condition=Q(size_bytes__gt=0)
                & (Q(width__gt=0, height__gt=0) | Q(width=None, height=None))
                & (Q(duration_ms__gt=0) | Q(duration_ms=None))
                & (~Q(kind="photo") | Q(width__isnull=False))
                & (~Q(kind="video", state="ready") | Q(width__isnull=False, duration_ms__isnull=False))
                & (~Q(kind="voice", state="ready") | Q(duration_ms__isnull=False, waveform__isnull=False)),
                name="asset_is_measured",
            ),
            models.CheckConstraint(condition=Q(attempts__gte=0), name="asset_attempts"),
        ]
        indexes = [
            models.Index(fields=["unused_since"], condition=Q(reference=None), name="asset_unused"),
            models.Index(
                fields=["owner_id"], include=["size_bytes"], condition=Q(reference=None), name="asset_unused_of_owner"
            ),
            models.Index(fields=["purpose", "reference"], condition=Q(reference__isnull=False), name="asset_reference"),
            models.Index(fields=["due_at"], condition=Q(state="processing"), name="asset_due"),
            models.Index(fields=["source_id"], condition=Q(source_id__isnull=False), name="asset_copies"),
        ]

    @property
    def is_clean(self) -> bool:
        """Whether its full size may be given out. Of sound and film, before, it is still the bytes that came, with all
        that they say about their owner."""
        return self.kind in {self.Kind.PHOTO, self.Kind.FILE} or self.state == self.State.READY


class Variant(StoredFile):
    """A smaller picture of an asset, named by its purpose, or a film's poster."""

    pk = models.CompositePrimaryKey("asset_id", "name")
    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="variants", db_index=False)
    name = models.CharField(max_length=20)
    width = models.IntegerField()
    height = models.IntegerField()

    class Meta:
        db_table = "media_variant"
        constraints = [
            models.CheckConstraint(condition=Q(size_bytes__gt=0, width__gt=0, height__gt=0), name="variant_size"),
        ]
