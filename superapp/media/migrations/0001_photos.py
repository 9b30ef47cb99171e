import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models
from django.db.models import Q



class Migration(migrations.Migration):
    initial = True
    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Asset",
            fields=[
                (
                    "id",
                    models.BigIntegerField(
                        editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("owner_id", models.BigIntegerField()),
                ("client_id", models.UUIDField()),
                ("request_hash", models.BinaryField(max_length=32)),
                ("purpose", models.CharField(max_length=40)),
                ("reference", models.CharField(max_length=100, null=True)),
                ("kind", models.CharField(choices=[("photo", "Photo")], max_length=10)),
                (
                    "state",
                    models.CharField(
                        choices=[("processing", "Processing"), ("ready", "Ready"), ("failed", "Failed")],
                        default="processing",
                        max_length=10,
                    ),
                ),
                ("attempts", models.SmallIntegerField(default=0)),
                ("due_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("link_generation", models.IntegerField(default=0)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("storage_key", models.CharField(max_length=100)),
                ("content_type", models.CharField(max_length=60)),
                ("size_bytes", models.IntegerField()),
                ("width", models.IntegerField()),
                ("height", models.IntegerField()),
            ],
            options={
                "db_table": "media_asset",
                "indexes": [
                    models.Index(
                        fields=["purpose", "reference"], condition=Q(reference__isnull=False), name="asset_reference"
                    ),
                    models.Index(fields=["due_at"], condition=Q(state="processing"), name="asset_due"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=["owner_id", "client_id"], name="asset_client_id"),
                    models.CheckConstraint(condition=Q(kind__in=["photo"]), name="asset_kind"),
                    models.CheckConstraint(
                        condition=Q(state__in=["processing", "ready", "failed"]), name="asset_state"
                    ),
                    models.CheckConstraint(condition=Q(size_bytes__gt=0, width__gt=0, height__gt=0), name="asset_size"),
                    models.CheckConstraint(condition=Q(attempts__gte=0), name="asset_attempts"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Variant",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "asset_id", "name", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "asset",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="variants",
                        to="media.asset",
                    ),
                ),
                ("name", models.CharField(max_length=20)),
                ("storage_key", models.CharField(max_length=100)),
                ("content_type", models.CharField(max_length=60)),
                ("size_bytes", models.IntegerField()),
                ("width", models.IntegerField()),
                ("height", models.IntegerField()),
            ],
            options={
                "db_table": "media_variant",
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(size_bytes__gt=0, width__gt=0, height__gt=0), name="variant_size"
                    ),
                ],
            },
        ),
    ]
