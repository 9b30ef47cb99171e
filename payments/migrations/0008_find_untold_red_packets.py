"""Built beside the table, which everybody who opens a red packet writes to."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("payments", "0007_red_packets_are_told")]
    operations = [
        AddIndexConcurrently(
            model_name="redpacket",
            index=models.Index(
                fields=["closed_at"],
                condition=models.Q(("closed_at__isnull", False), ("is_told", False)),
                name="red_packet_untold",
            ),
        ),
    ]
