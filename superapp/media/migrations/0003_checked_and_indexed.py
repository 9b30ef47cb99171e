from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """What reads every row, each step on its own and beside everybody who reads and writes."""

    atomic = False
    dependencies = [("media", "0002_voice_video_files")]

    operations = [
        ValidateConstraint("asset", "asset_kind_is_known"),
        ValidateConstraint("asset", "asset_state_is_known"),
        ValidateConstraint("asset", "asset_refusal_is_final"),
        ValidateConstraint("asset", "asset_is_measured"),
        AddIndexConcurrently(
            "asset", models.Index(fields=["unused_since"], condition=Q(reference=None), name="asset_unused")
        ),
        AddIndexConcurrently(
            "asset",
            models.Index(
                fields=["owner_id"], include=["size_bytes"], condition=Q(reference=None), name="asset_unused_of_owner"
            ),
        ),
    ]
