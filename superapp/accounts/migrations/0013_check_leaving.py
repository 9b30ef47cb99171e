"""The look at rows that were there before, which holds nobody up."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0012_leaving")]
    operations = [
        ValidateConstraint(model_name="user", name="user_deactivated_is_not_active"),
        ValidateConstraint(model_name="user", name="user_erased_keeps_nothing"),
    ]
