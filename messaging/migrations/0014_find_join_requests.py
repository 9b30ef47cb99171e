"""For whoever leaves the product: what they still wait for."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("messaging", "0013_changes_and_deletions")]
    operations = [
        AddIndexConcurrently(
            model_name="joinrequest", index=models.Index(fields=["user_id"], name="join_request_person")
        ),
    ]
