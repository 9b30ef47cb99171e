import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0013_check_leaving")]
    operations = [
        migrations.CreateModel(
            name="DataExport",
            fields=[
                ("id", models.BigIntegerField(editable=False, primary_key=True, serialize=False)),
                ("user_id", models.BigIntegerField()),
                ("client_id", models.UUIDField()),
                (
                    "state",
                    models.CharField(
                        choices=[("preparing", "being made"), ("ready", "ready"), ("failed", "failed")],
                        default="preparing",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("done_rooms", models.JSONField(default=list)),
                ("offset", models.IntegerField(default=0)),
                ("pieces", models.JSONField(default=list)),
                ("packed", models.IntegerField(default=0)),
                ("archive_ids", models.JSONField(default=list)),
                ("size_bytes", models.BigIntegerField(default=0)),
                ("attempts", models.SmallIntegerField(default=0)),
                ("turn", models.IntegerField(default=0)),
                ("due_at", models.DateTimeField()),
                ("error", models.CharField(default="", max_length=200)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("ready_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "verbose_name": "copy of somebody's data",
                "verbose_name_plural": "copies of people's data",
                "db_table": "accounts_data_export",
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["user_id", "-id"], name="export_list"),
                    models.Index(condition=models.Q(("state", "preparing")), fields=["due_at"], name="export_due"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("user_id", "client_id"), name="export_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "preparing")), fields=("user_id",), name="export_one_at_a_time"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["preparing", "ready", "failed"])), name="export_state"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ready_at__isnull", False), ("size_bytes__gt", 0), ("state", "ready")),
                            models.Q(models.Q(("state", "ready"), _negated=True), ("ready_at", None)),
                            _connector="OR",
                        ),
                        name="export_ready_is_there",
                    ),
                ],
            },
        ),
    ]
