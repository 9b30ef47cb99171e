import django.db.models.functions.datetime
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """Every statement here is done without reading a row: 0003 checks those that are there, and makes the indexes."""

    dependencies = [("media", "0001_photos")]

    operations = [
        migrations.AddField(
            "asset", "unused_since", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())
        ),
        migrations.AddField(
            "asset",
            "refusal",
            models.CharField(
                choices=[
                    ("unsupported_media", "Unsupported"),
                    ("file_damaged", "Damaged"),
                    ("too_long", "Too Long"),
                    ("too_many_pixels", "Too Many Pixels"),
                    ("too_heavy", "Too Heavy"),
                ],
                db_default="",
                default="",
                max_length=20,
            ),
        ),
        migrations.AddField("asset", "name", models.CharField(db_default="", default="", max_length=120)),
        migrations.AddField("asset", "duration_ms", models.IntegerField(null=True)),
        migrations.AddField("asset", "waveform", models.BinaryField(max_length=64, null=True)),
        migrations.AlterField("asset", "width", models.IntegerField(null=True)),
        migrations.AlterField("asset", "height", models.IntegerField(null=True)),
        migrations.AlterField(
            "asset",
            "kind",
            models.CharField(
                choices=[("photo", "Photo"), ("voice", "Voice"), ("video", "Video"), ("file", "File")], max_length=10
            ),
        ),
        migrations.AlterField(
            "asset",
            "state",
            models.CharField(
                choices=[
                    ("processing", "Processing"),
                    ("ready", "Ready"),
                    ("failed", "Failed"),
                    ("deleting", "Deleting"),
                ],
                default="processing",
                max_length=10,
            ),
        ),
        migrations.RemoveConstraint("asset", "asset_kind"),
        migrations.RemoveConstraint("asset", "asset_state"),
        migrations.RemoveConstraint("asset", "asset_size"),
        AddConstraintNotValid(
            "asset",
            models.CheckConstraint(
                condition=Q(kind__in=["photo", "voice", "video", "file"]), name="asset_kind_is_known"
            ),
        ),
        AddConstraintNotValid(
            "asset",
            models.CheckConstraint(
                condition=Q(state__in=["processing", "ready", "failed", "deleting"]), name="asset_state_is_known"
            ),
        ),
        AddConstraintNotValid(
            "asset",
            models.CheckConstraint(
                condition=Q(refusal="") | Q(state__in=["failed", "deleting"]), name="asset_refusal_is_final"
            ),
        ),
        AddConstraintNotValid(
            "asset",
            models.CheckConstraint(
                condition=Q(size_bytes__gt=0)
                & (Q(width__gt=0, height__gt=0) | Q(width=None, height=None))
                & (Q(duration_ms__gt=0) | Q(duration_ms=None))
                & (~Q(kind="photo") | Q(width__isnull=False))
                & (~Q(kind="video", state="ready") | Q(width__isnull=False, duration_ms__isnull=False))
                & (~Q(kind="voice", state="ready") | Q(duration_ms__isnull=False, waveform__isnull=False)),
                name="asset_is_measured",
            ),
        ),
    ]
