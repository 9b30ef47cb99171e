"""The look at rows that were there before, which holds nobody up."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_terms_and_birth_date")]
    operations = [ValidateConstraint(model_name="user", name="user_terms")]
