from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).parents[1] / "sql"


class Migration(migrations.Migration):
    dependencies = [("payments", "0006_receive_codes")]
    operations = [
        migrations.AddField(
            model_name="redpacket",
            name="is_told",
            field=models.BooleanField(db_default=False),
        ),
        migrations.RunSQL(
            (SQL / "0003_red_packets_are_told.sql").read_text(),
            reverse_sql=(SQL / "0002_red_packet_guards.sql").read_text().split(";")[0].replace(
                "CREATE TRIGGER", "CREATE OR REPLACE TRIGGER"
            ),
        ),
    ]
