"""Devices that were let in before, so that strangers' guesses lock nobody out on their own phone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_find_demo_people")]
    operations = [
        migrations.CreateModel(
            name="KnownDevice",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "user_id", "digest", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("user_id", models.BigIntegerField()),
                ("digest", models.CharField(max_length=64)),
                ("device_id", models.BigIntegerField()),
                ("expires_at", models.DateTimeField(db_index=True)),
            ],
            options={"db_table": "accounts_known_device"},
        ),
    ]
