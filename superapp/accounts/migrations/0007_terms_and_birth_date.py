from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_known_devices")]
    operations = [
        migrations.AddField(
            model_name="user",
            name="birth_date",
            field=models.DateField(null=True, verbose_name="birth date"),
        ),
        migrations.AddField(
            model_name="user",
            name="terms_version",
            field=models.IntegerField(db_default=0),
        ),
        migrations.AddField(
            model_name="user",
            name="terms_accepted_at",
            field=models.DateTimeField(null=True),
        ),
        AddConstraintNotValid(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(("terms_accepted_at", None), ("terms_version", 0))
                | models.Q(("terms_accepted_at__isnull", False), ("terms_version__gt", 0)),
                name="user_terms",
            ),
        ),
    ]
