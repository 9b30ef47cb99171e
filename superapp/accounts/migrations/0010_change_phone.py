"""Another number for an account: codes say what they prove, and a number that was given up says since when."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0009_organisations")]
    operations = [
        migrations.CreateModel(
            name="PhoneChange",
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
                ("done_at", models.DateTimeField(null=True)),
            ],
            options={"db_table": "accounts_phone_change"},
        ),
        migrations.AddField(
            model_name="phonedirectory", name="released_at", field=models.DateTimeField(null=True)
        ),
        migrations.AddField(
            model_name="signincode",
            name="purpose",
            field=models.CharField(
                choices=[
                    ("sign_in", "signing in"),
                    ("own_phone", "showing that it is oneself"),
                    ("new_phone", "a new number"),
                ],
                db_default="sign_in",
                max_length=10,
            ),
        ),
        migrations.AddField(model_name="signincode", name="user_id", field=models.BigIntegerField(null=True)),
        AddConstraintNotValid(
            model_name="signincode",
            constraint=models.CheckConstraint(
                condition=models.Q(("purpose", "sign_in"), ("user_id", None))
                | models.Q(("purpose__in", ["own_phone", "new_phone"]), ("user_id__isnull", False)),
                name="sign_in_code_purpose",
            ),
        ),
    ]
