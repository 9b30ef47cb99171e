from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("realtime", "0002_kept_events_by_age")]

    operations = [
        # Above every id that a process ever made by its own clock, which numbered sockets before.
        migrations.RunSQL(
            "CREATE SEQUENCE realtime_admission START WITH 4611686018427387904",
            reverse_sql="DROP SEQUENCE realtime_admission",
        ),
    ]
