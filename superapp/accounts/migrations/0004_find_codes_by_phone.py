"""Whatever would hold a busy table up: an index that is built beside it, and the look at rows that were there before."""

from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("accounts", "0003_codes_and_bans")]
    operations = [
        AddIndexConcurrently(
            model_name="signincode",
            index=models.Index(fields=["phone", "expires_at"], name="sign_in_code_phone"),
        ),
        ValidateConstraint(model_name="user", name="user_banned_is_not_active"),
    ]
