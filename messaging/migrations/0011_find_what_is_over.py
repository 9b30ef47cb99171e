"""Built beside the table, which everybody who sends writes to."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("messaging", "0010_opened_conversations_and_cards")]
    operations = [
        AddIndexConcurrently(
            model_name="conversation",
            index=models.Index(
                fields=["closes_at"],
                condition=models.Q(("closed_at", None), ("closes_at__isnull", False)),
                name="conversation_due",
            ),
        ),
    ]
