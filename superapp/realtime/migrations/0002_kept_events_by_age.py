from django.contrib.postgres.indexes import BrinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("realtime", "0001_tables")]

    operations = [
        AddIndexConcurrently("keptevent", BrinIndex(fields=["created_at"], name="realtime_kept_old")),
    ]
