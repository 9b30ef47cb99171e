from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0011_find_released_phones")]
    operations = [
        migrations.CreateModel(
            name="Erasure",
            fields=[
                ("user_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("requested_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(null=True)),
                ("done_rooms", models.JSONField(default=list)),
                ("attempts", models.SmallIntegerField(default=0)),
                ("next_at", models.DateTimeField()),
                ("done_at", models.DateTimeField(null=True)),
                ("error", models.CharField(default="", max_length=200)),
                ("return_digest", models.CharField(default="", max_length=64)),
                ("return_expires_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "erasure",
                "verbose_name_plural": "erasures",
                "db_table": "accounts_erasure",
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(condition=models.Q(("done_at", None)), fields=["next_at"], name="erasure_next")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("done_at", None), ("started_at__isnull", False), _connector="OR"),
                        name="erasure_order",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("started_at", None), ("return_digest", ""), _connector="OR"),
                        name="erasure_no_way_back",
                    ),
                ],
            },
        ),
        migrations.AddField(model_name="user", name="deactivated_at", field=models.DateTimeField(null=True)),
        migrations.AddField(model_name="user", name="erased_at", field=models.DateTimeField(null=True)),
        AddConstraintNotValid(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(("deactivated_at", None), ("is_active", False), _connector="OR"),
                name="user_deactivated_is_not_active",
            ),
        ),
        AddConstraintNotValid(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("erased_at", None),
                    models.Q(
                        ("avatar_id", None),
                        ("birth_date", None),
                        ("display_name", ""),
                        ("handle", None),
                        ("is_active", False),
                        ("phone", None),
                    ),
                    _connector="OR",
                ),
                name="user_erased_keeps_nothing",
            ),
        ),
    ]
