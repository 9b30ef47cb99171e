"""Released numbers are found by when they become free, and codes from before this have their purpose checked."""

from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("accounts", "0010_change_phone")]
    operations = [
        AddIndexConcurrently(
            model_name="phonedirectory",
            index=models.Index(
                condition=models.Q(("released_at", None), _negated=True), fields=["released_at"], name="phone_released"
            ),
        ),
        ValidateConstraint(model_name="signincode", name="sign_in_code_purpose"),
    ]
