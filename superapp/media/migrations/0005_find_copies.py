"""Built beside everybody who reads and writes."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("media", "0004_copies")]
    operations = [
        AddIndexConcurrently(
            "asset", models.Index(fields=["source_id"], condition=Q(source_id__isnull=False), name="asset_copies")
        ),
    ]
